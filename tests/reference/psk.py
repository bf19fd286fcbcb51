"""«Psks»: the pre-shared keys that one contact leaves behind, handshake by handshake.

The invite's psk is not among them: it is good at the invite's service alone, and the side holds it.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_HELD = 6


@dataclass(frozen=True)
class Psk:
    key: bytes
    generation: int
    session: bytes  # the id of the session that it belongs to; the recovery psk belongs to none


class Psks:
    def __init__(self) -> None:
        self.held: list[Psk] = []  # the highest generation first, of one generation the one learnt last

    def add(self, psk: Psk, *, made_with: Psk | None) -> None:
        """`made_with` is the psk of the handshake, None for the invite's."""
        self.held = sorted([psk, *self.held], key=lambda held: -held.generation)
        while len(self.held) > MAX_HELD:
            self.held.remove(next(old for old in reversed(self.held) if old != made_with))

    def replace_all(self, psk: Psk) -> None:
        self.held = [psk]

    def drop_through(self, generation: int) -> None:
        self.held = [psk for psk in self.held if psk.generation > generation]

    def recovery(self, key: bytes) -> Psk:
        """The recovery psk, which is not among them, as new as the newest of them."""
        return Psk(key, max((psk.generation for psk in self.held), default=0), b"")

    def for_dial(self, session: bytes | None, refused: int) -> Psk:
        """Those of the present session first, then the others; the next one after each refusal, in turns."""
        turns = [psk for psk in self.held if psk.session == session]
        turns += [psk for psk in self.held if psk.session != session]
        return turns[refused % len(turns)]
