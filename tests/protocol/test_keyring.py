"""Which pre-shared keys are held, and which of them is dialled with. docs/protocol.md, «Link handshake»."""

from __future__ import annotations

import pytest

from onionchat.protocol import keyring
from onionchat.protocol.keyring import MAX_PSKS
from onionchat.protocol.record import ContactRecord, Psk

OLD, PRESENT = b"old     ", b"present "


def psk(generation: int, session: bytes = PRESENT, name: int = 0) -> Psk:
    return Psk(generation=generation, key=bytes([generation, name]) * 16, session=session)


def holding(*psks: Psk) -> ContactRecord:
    return ContactRecord(
        id=b"",
        identity=b"",
        name="",
        created=0.0,
        lifetime=0,
        onion_seed=b"",
        static_secret=b"",
        session=PRESENT,
        psks=list(psks),
    )


class TestDialling:
    def test_the_newest_of_the_present_session_is_tried_first(self) -> None:
        record = holding(psk(9, OLD), psk(7), psk(5), psk(4, OLD))
        assert [keyring.to_dial_with(record, turn) for turn in range(4)] == [
            psk(7),
            psk(5),
            psk(9, OLD),
            psk(4, OLD),
        ]

    def test_after_the_last_the_first_is_tried_again(self) -> None:
        record = holding(psk(3), psk(2))
        assert [keyring.to_dial_with(record, turn) for turn in range(4)] == [psk(3), psk(2), psk(3), psk(2)]


class TestRemembering:
    def test_the_fresh_and_the_used_are_held_newest_first(self) -> None:
        record = holding(psk(2), psk(1))
        keyring.remember(record, psk(3), psk(2))
        assert record.psks == [psk(3), psk(2), psk(1)]

    def test_an_older_generation_does_not_come_to_the_front(self) -> None:
        record = holding(psk(5), psk(1))
        keyring.remember(record, psk(2), psk(1))
        assert record.psks == [psk(5), psk(2), psk(1)]

    @pytest.mark.parametrize("used", range(MAX_PSKS))
    def test_of_too_many_the_used_one_stays_beside_the_newest(self, used: int) -> None:
        held = [psk(20 - place) for place in range(MAX_PSKS)]
        record = holding(*held)
        keyring.remember(record, psk(30), held[used])
        others = [one for one in held if one != held[used]]
        kept = [psk(30), *others[: MAX_PSKS - 2], held[used]]
        assert record.psks == sorted(kept, key=lambda one: -one.generation)
        assert len(record.psks) == MAX_PSKS


class TestConfirming:
    def test_what_led_to_a_confirmed_link_is_dropped_and_what_it_made_stays(self) -> None:
        record = holding(psk(4, name=1), psk(4, name=2), psk(3), psk(2))
        keyring.confirm(record, 3)
        assert record.psks == [psk(4, name=1), psk(4, name=2)]
