"""Which schedule holds for whom, and who sees us: contact, identity, vault, and the engine's default.

Laws: the narrowest that has a schedule decides; a budget goes before all of them; whoever hides us hides us,
however visible the narrower ones are. Nothing here looks at what is said or when.
"""

from __future__ import annotations

from typing import Final

from ..control.replies import Policy, Schedule, Scope, Source
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
    Pace(tick_ms=8_000, batch=4),
    Pace(level=Level.POISSON),
    Pace(level=Level.BURST),
)
"""What is shown as a choice, each with its cost; others can be set."""


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
        budget = self.settings.budget
        if budget is not None:
            _, tick_ms = rotation(budget, self._needed)
            return Pace(tick_ms=min(MAX_TICK_MS, max(MIN_TICK_MS, tick_ms))), "budget"
        if contact is not None and contact.pace is not None:
            return contact.pace, "contact"
        owner = self._owner(contact, identity)
        if owner is not None and owner.pace is not None:
            return owner.pace, "identity"
        if self.settings.pace is not None:
            return self.settings.pace, "vault"
        return self._default, "engine"

    def hidden_by(self, contact: ContactRecord | None, identity: bytes | None) -> Scope | None:
        """The widest that hides us there."""
        owner = self._owner(contact, identity)
        if self.settings.hidden:
            return "vault"
        if owner is not None and owner.hidden:
            return "identity"
        return "contact" if contact is not None and contact.hidden else None

    def report(self, contact: ContactRecord | None, identity: bytes | None) -> Policy:
        """The same for people and scripts."""
        pace, source = self.pace(contact, identity)
        hider = self.hidden_by(contact, identity)
        offered = OFFERED if pace in OFFERED else (pace, *OFFERED)
        budget = self.settings.budget
        return Policy(
            scope="contact" if contact is not None else "identity" if identity is not None else "vault",
            schedule=schedule(pace),
            source=source,
            visible=hider is None,
            hidden_by=hider,
            budget=None if budget is None else budget / KILO,
            places=self.places,
            choices=[schedule(one) for one in offered],
        )

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
