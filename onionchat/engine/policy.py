"""Which schedule holds for whom, and who sees us: contact, identity, vault, and the engine's default.

Laws: the narrowest that has a schedule decides; a budget goes before all of them; whoever hides us hides us,
however visible the narrower ones are. Nothing here looks at what is said or when.
"""

from __future__ import annotations

from typing import Final

from ..control.replies import Budget, Policy, Schedule, Scope, Source
from ..errors import ControlError
from ..protocol.constants import CELL_SIZE, MAX_TICK_MS, MIN_TICK_MS
from ..protocol.pace import Level, Pace, rotation
from ..protocol.record import ContactRecord, IdentityRecord, SettingsRecord

KILO: Final = 1000
MEGA: Final = 1e6

OFFERED: Final = (
    Pace(tick_ms=500),
    Pace(tick_ms=1_000),
    Pace(tick_ms=2_000),
    Pace(tick_ms=5_000),
    Pace(tick_ms=15_000),
    Pace(tick_ms=30_000),
    Pace(tick_ms=4_000, batch=2),
    Pace(tick_ms=8_000, batch=4),
    Pace(tick_ms=16_000, batch=8),
    Pace(level=Level.POISSON),
    Pace(level=Level.BURST),
)
"""What is shown as a choice, each with its cost; others can be set."""

BUDGETS: Final = tuple(step * 10**power for power in range(2, 7) for step in (1, 2, 5))
"""Bytes of cells per second for all links; shown are those that make a tick within its bounds."""


class Policies:
    """What holds, from the records as they are.

    Args:
        settings: the vault's.
        identities: by id.
        default: what holds where nothing was set.
    """

    def __init__(
        self, settings: SettingsRecord, identities: dict[bytes, IdentityRecord], default: Pace
    ) -> None:
        self.settings = settings
        self._identities = identities
        self._default = default
        self._places: dict[bytes, int] = {}

    # --- the rotation ----------------------------------------------------------------------------

    def seat(self, contact: bytes) -> None:
        """Give a contact the first free place in the rotation; it keeps it."""
        if contact not in self._places:
            taken = set(self._places.values())
            self._places[contact] = next(n for n in range(len(taken) + 1) if n not in taken)

    def unseat(self, contact: bytes) -> None:
        """A contact is gone; its place is free."""
        self._places.pop(contact, None)

    @property
    def places(self) -> int:
        """Places in the rotation; 0 without a budget."""
        return 0 if self.settings.budget is None else rotation(self.settings.budget, self._needed)[0]

    def place(self, contact: bytes) -> tuple[int, int]:
        """A contact's place and how many there are; (0, 0) without a budget."""
        return (self._places[contact], self.places) if self.places else (0, 0)

    def check_budget(self, budget: float | None, *, more: int = 0) -> None:
        """Refuse what would be too little for all contacts, and ``more`` of them.

        Raises:
            ControlError: ``budget-too-small``.
        """
        if budget is None:
            return
        needed = self._needed + more
        places, tick_ms = rotation(budget, needed)
        if tick_ms > MAX_TICK_MS:
            least = places * CELL_SIZE / MAX_TICK_MS
            raise ControlError(
                "budget-too-small",
                f"{budget / KILO:g} kB/s for {needed} contacts would be less than a cell in "
                f"{MAX_TICK_MS // KILO} s for each",
                hint=f"give at least {least + 0.005:.2f} kB/s: onionchat policy --budget KBPS (0 for none)",
            )

    @property
    def _needed(self) -> int:
        return max(self._places.values(), default=-1) + 1

    # --- what holds --------------------------------------------------------------------------------

    def pace(self, contact: ContactRecord | None, identity: bytes | None) -> tuple[Pace, Source]:
        """The schedule for a contact, for an identity's others, or (with neither) for all others."""
        return self._paces(contact, identity)[0]

    def _paces(self, contact: ContactRecord | None, identity: bytes | None) -> list[tuple[Pace, Source]]:
        """Every schedule that was set for it: what decides comes first, the engine's default last."""
        owner, budget = self._owner(contact, identity), self.settings.budget
        said: tuple[tuple[Pace | None, Source], ...] = (
            (None if budget is None else self._share(budget), "budget"),
            (None if contact is None else contact.pace, "contact"),
            (None if owner is None else owner.pace, "identity"),
            (self.settings.pace, "vault"),
            (self._default, "engine"),
        )
        return [(pace, source) for pace, source in said if pace is not None]

    def _share(self, budget: float) -> Pace:
        """What a budget makes of each contact's link."""
        _, tick_ms = rotation(budget, self._needed)
        return Pace(tick_ms=min(MAX_TICK_MS, max(MIN_TICK_MS, tick_ms)))

    def hidden_by(self, contact: ContactRecord | None, identity: bytes | None) -> Scope | None:
        """The widest that hides us there."""
        owner = self._owner(contact, identity)
        if self.settings.hidden:
            return "vault"
        if owner is not None and owner.hidden:
            return "identity"
        return "contact" if contact is not None and contact.hidden else None

    def report(self, contact: ContactRecord | None, identity: bytes | None, *, more: int = 0) -> Policy:
        """The same for people and scripts, with what could be chosen, where ``more`` contacts may come."""
        (pace, source), *wider = self._paces(contact, identity)
        hider = self.hidden_by(contact, identity)
        budget = self.settings.budget
        offered = OFFERED if pace in OFFERED or budget is not None else (pace, *OFFERED)
        return Policy(
            scope="contact" if contact is not None else "identity" if identity is not None else "vault",
            schedule=schedule(pace),
            source=source,
            visible=hider is None,
            hidden_by=hider,
            budget=None if budget is None else budget / KILO,
            places=self.places,
            choices=[schedule(one) for one in offered],
            budgets=[self.budget(one) for one in self._budgets(more)],
            otherwise=schedule(wider[0][0]) if wider else None,
        )

    def budget(self, budget: float) -> Budget:
        """What a budget of so many bytes of cells per second would cost with the contacts that there are."""
        places, _ = rotation(budget, self._needed)
        return Budget(kilobytes=budget / KILO, places=places, schedule=schedule(self._share(budget)))

    def _budgets(self, more: int) -> list[float]:
        """The one that holds, and those that would do also when ``more`` contacts have come."""
        needed, held = self._needed + more, self.settings.budget
        fit: set[float] = {one for one in BUDGETS if MIN_TICK_MS <= rotation(one, needed)[1] <= MAX_TICK_MS}
        return sorted(fit if held is None else fit | {held})

    def _owner(self, contact: ContactRecord | None, identity: bytes | None) -> IdentityRecord | None:
        return self._identities.get(contact.identity if contact is not None else identity or b"")


def schedule(pace: Pace) -> Schedule:
    """A pace with what it costs."""
    names: dict[Level, str] = {level: level.name.lower() for level in Level}
    return Schedule(
        level=names[pace.level],  # type: ignore[arg-type]  # the three names are the literal's
        tick=pace.tick_ms / KILO,
        batch=pace.batch,
        covered=pace.covered,
        delay=round(pace.mean_delay, 3),
        megabytes=round(pace.bytes_per_day / MEGA, 1),
    )
