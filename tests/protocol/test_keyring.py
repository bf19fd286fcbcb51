"""Which pre-shared keys are held, and which of them is dialled with. docs/protocol.md, «Link handshake»."""

from __future__ import annotations

import pytest

from onionchat.protocol import keyring
from onionchat.protocol.keyring import MAX_PSKS
from onionchat.protocol.record import RECOVERY, ContactRecord, Psk

OLD, PRESENT = b"old     ", b"present "


def psk(generation: int, session: bytes = PRESENT, name: int = 0) -> Psk:
    return Psk(generation=generation, key=bytes([generation, name]) * 16, session=session)


KEY = b"recovery key".ljust(32)


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


class TestRecovering:
    def recoverable(self, *psks: Psk, restored: bool = False) -> ContactRecord:
        record = holding(*psks)
        record.recovery_psk, record.introduced, record.restored = KEY, True, restored
        return record

    def test_who_was_restored_dials_with_the_recovery_psk_alone(self) -> None:
        record = self.recoverable(psk(5), restored=True)
        for turn in range(10):
            assert keyring.to_dial_with(record, turn) == Psk(generation=5, key=KEY, session=RECOVERY)

    def test_others_do_after_twelve_refusals_and_then_go_on_as_before(self) -> None:
        record = self.recoverable(psk(9), psk(7, OLD))
        dialled = [keyring.to_dial_with(record, turn).key == KEY for turn in range(39)]
        assert [turn for turn, recovers in enumerate(dialled) if recovers] == [12, 25, 38]

    def test_without_any_other_it_is_the_first(self) -> None:
        assert keyring.to_dial_with(self.recoverable(), 12) == Psk(generation=0, key=KEY, session=RECOVERY)

    @pytest.mark.parametrize("introduced", [False, True])
    def test_nobody_does_without_one_or_to_an_address_of_an_invite(self, introduced: bool) -> None:
        record = self.recoverable(psk(9))
        record.introduced = introduced
        record.recovery_psk = b"" if introduced else KEY
        assert {keyring.to_dial_with(record, turn) for turn in range(26)} == {psk(9)}

    def test_it_opens_message_1_at_the_pair_address_alone(self) -> None:
        record = self.recoverable(psk(3), psk(2))
        record.invite_psk = b"i" * 32
        invited = Psk(generation=0, key=b"i" * 32, session=b"")
        assert keyring.to_answer_with(record, at_invite=True) == (invited, psk(3), psk(2))
        recovery = Psk(generation=3, key=KEY, session=RECOVERY)
        assert keyring.to_answer_with(record, at_invite=False) == (psk(3), psk(2), recovery)
        record.recovery_psk = b""
        assert keyring.to_answer_with(record, at_invite=False) == (psk(3), psk(2))

    def test_what_it_leaves_takes_the_place_of_all_others_and_it_is_not_among_them(self) -> None:
        record = self.recoverable(*(psk(20 - place) for place in range(MAX_PSKS)))
        used = keyring.to_dial_with(record, 12)
        assert used.generation == 20
        keyring.remember(record, psk(21), used)
        assert record.psks == [psk(21), *(psk(20 - place) for place in range(MAX_PSKS - 1))]
        keyring.confirm(record, used.generation)
        assert record.psks == [psk(21)]

    def test_what_it_leaves_counts_as_it_until_its_session_has_begun(self) -> None:
        record = self.recoverable(psk(3))
        assert keyring.restores(record, keyring.to_dial_with(record, 12))
        left = Psk(generation=4, key=KEY, session=OLD, restores=True)
        assert keyring.restores(record, left)
        record.session = OLD
        assert not keyring.restores(record, left)
        assert not keyring.restores(record, psk(3))
