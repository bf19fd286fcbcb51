from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as seal

from onionchat.crypto.chain import chain_step
from onionchat.crypto.epoch import KemCiphertext, KemKey
from onionchat.crypto.header import MAX_NUMBER, pack_header
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.ratchet import BODY_SIZE, ENVELOPE_SIZE, Ratchet
from onionchat.crypto.session import SessionState
from onionchat.crypto.skipped import MAX_OLD_CHAINS, MAX_SKIPPED_AGE, MAX_SKIPPED_PER_STEP
from onionchat.errors import CryptoError, DecryptionError, LocalProtocolError, RemoteProtocolError

from .pairs import NOW, Side, carry_parts, exchange_turns, ratchets, session_seed, sides, source

BODY = source(42)(BODY_SIZE)


def refuses(side: Side, envelope: bytes) -> None:
    """``envelope`` does not open, and leaves no trace."""
    before = side.ratchet.to_bytes()
    with pytest.raises(DecryptionError):
        side.receive(envelope)
    assert side.ratchet.to_bytes() == before


def set_field(side: Side, **fields: object) -> None:
    """What a very long life, or a hostile peer, would lead to."""
    decoded = msgspec.msgpack.decode(side.ratchet.to_bytes())
    for name, value in fields.items():
        decoded[SessionState.__struct_fields__.index(name)] = value
    side.ratchet = Ratchet.from_bytes(msgspec.msgpack.encode(decoded))


def epoch_of(side: Side) -> tuple[int, bool]:
    epoch = side.ratchet._state.epoch
    return epoch.number, epoch.proposer


class TestSendingAndReceiving:
    def test_bodies_arrive_in_both_directions(self) -> None:
        initiator, responder = sides()
        for number in range(50):
            body = source(number)(BODY_SIZE)
            envelope = initiator.send(body)
            assert len(envelope) == ENVELOPE_SIZE
            assert responder.receive(envelope) == body
            if number % 3 == 0:
                assert initiator.receive(responder.send(body)) == body

    def test_the_responder_waits_for_the_first_envelope(self) -> None:
        initiator, responder = sides()
        assert [side.ratchet.can_send for side in (initiator, responder)] == [True, False]
        with pytest.raises(LocalProtocolError, match="first envelope"):
            responder.send()
        responder.receive(initiator.send())
        assert [side.ratchet.can_send for side in (initiator, responder)] == [True, True]
        assert initiator.receive(responder.send(BODY)) == BODY

    def test_an_envelope_opens_once(self) -> None:
        initiator, responder = sides()
        first, second = initiator.send(), initiator.send()
        responder.receive(second)
        responder.receive(first)
        for envelope in (first, second):
            refuses(responder, envelope)
        exchange_turns(initiator, responder, 3)
        for envelope in (first, second):
            refuses(responder, envelope)

    def test_nothing_on_the_wire_repeats(self) -> None:
        initiator, _ = sides()
        envelopes = [initiator.send(BODY) for _ in range(50)]
        for start, end in ((0, 24), (24, 84), (84, 1933)):
            assert len({envelope[start:end] for envelope in envelopes}) == 50

    def test_nobody_opens_his_own(self) -> None:
        initiator, responder = sides()
        exchange_turns(initiator, responder)
        refuses(initiator, initiator.send())

    @pytest.mark.parametrize("size", [0, BODY_SIZE - 1, BODY_SIZE + 1])
    def test_a_body_has_one_size(self, size: int) -> None:
        side = sides()[0]
        before = side.ratchet.to_bytes()
        with pytest.raises(LocalProtocolError, match="1,833"):
            side.send(bytes(size))
        assert side.ratchet.to_bytes() == before

    def test_a_source_that_fails_changes_nothing(self) -> None:
        initiator, responder = sides()
        envelope = initiator.send()

        def broken(size: int) -> bytes:
            raise OSError(size)

        for side, call in (
            (initiator, lambda: initiator.ratchet.encrypt(BODY, random=broken, now=NOW)),
            (responder, lambda: responder.ratchet.decrypt(envelope, random=broken, now=NOW)),
        ):
            before = side.ratchet.to_bytes()
            action: Callable[[], bytes] = call
            with pytest.raises(OSError, match=r"\d+"):
                action()
            assert side.ratchet.to_bytes() == before
        assert len(responder.receive(envelope)) == BODY_SIZE

    def test_sent_in_chain_counts_from_the_last_answer(self) -> None:
        initiator, responder = sides()
        assert (initiator.ratchet.sent_in_chain, responder.ratchet.sent_in_chain) == (0, 0)
        envelopes = [initiator.send() for _ in range(3)]
        assert initiator.ratchet.sent_in_chain == 3
        responder.receive(envelopes[2])
        initiator.receive(responder.send())
        assert (initiator.ratchet.sent_in_chain, responder.ratchet.sent_in_chain) == (0, 1)

    def test_a_session_is_bound_to_both_sides(self) -> None:
        """The same secrets between other static keys, or under another name, are another session."""
        random = source(3)
        session, own = session_seed(random), KeyPair.generate(random)
        initiator = Ratchet.initiate(session, peer_ratchet=own.public, random=random, now=NOW)
        envelope = Side(initiator).send(BODY)
        for name in ("session_id", "initiator_static", "responder_static"):
            other = replace(session, **{name: random(32)})
            refuses(Side(Ratchet.respond(other, own_ratchet=own, now=NOW)), envelope)
        assert Side(Ratchet.respond(session, own_ratchet=own, now=NOW)).receive(envelope) == BODY

    def test_an_unusable_first_key_is_refused(self) -> None:
        with pytest.raises(CryptoError, match="not usable"):
            Ratchet.initiate(session_seed(source(1)), peer_ratchet=bytes(32), random=source(2), now=NOW)


class TestForgeries:
    @pytest.mark.parametrize("kind", ["current chain", "next chain", "old chain"])
    def test_one_flipped_bit_changes_nothing(self, kind: str) -> None:
        initiator, responder = sides()
        exchange_turns(initiator, responder, 2)
        target = initiator.send(BODY)
        if kind == "current chain":
            responder.receive(initiator.send())
        elif kind == "old chain":
            responder.receive(initiator.send())
            initiator.receive(responder.send())
            responder.receive(initiator.send())
        for place in (0, 23, 24, 67, 83, 84, 900, 1916, 1917, 1932):
            flipped = bytearray(target)
            flipped[place] ^= 0x10
            refuses(responder, bytes(flipped))
        assert responder.receive(target) == BODY

    @pytest.mark.parametrize("size", [0, 84, ENVELOPE_SIZE - 1, ENVELOPE_SIZE + 1])
    def test_a_wrong_length_is_refused(self, size: int) -> None:
        initiator, responder = sides()
        refuses(responder, (initiator.send() + b"\0")[:size])

    def test_a_header_and_a_body_of_two_envelopes_do_not_join(self) -> None:
        initiator, responder = sides()
        first, second = initiator.send(), initiator.send()
        refuses(responder, first[:84] + second[84:])
        refuses(responder, second[:24] + first[24:])

    def test_a_stranger_who_knows_nothing_changes_nothing(self) -> None:
        initiator, responder = sides()
        exchange_turns(initiator, responder)
        for seed in range(20):
            refuses(responder, source(seed)(ENVELOPE_SIZE))

    def test_a_hostile_peer_who_lies_about_his_last_chain_is_refused(self) -> None:
        initiator, responder = sides()
        exchange_turns(initiator, responder, 2)
        honest = initiator.ratchet.to_bytes()
        for previous in (0, MAX_SKIPPED_PER_STEP + 2, MAX_NUMBER):
            initiator.ratchet = Ratchet.from_bytes(honest)
            set_field(initiator, previous=previous)
            refuses(responder, initiator.send())
        initiator.ratchet = Ratchet.from_bytes(honest)
        assert responder.receive(initiator.send(BODY)) == BODY

    def test_a_hostile_peer_who_sends_an_unusable_key_is_refused(self) -> None:
        initiator, responder = sides()
        exchange_turns(initiator, responder, 2)
        set_field(initiator, own_public=bytes(32))
        refuses(responder, initiator.send())


class TestSkipping:
    def test_any_order_within_the_bounds(self) -> None:
        initiator, responder = sides()
        envelopes = []
        for turn in range(MAX_OLD_CHAINS):
            bodies = [source(100 * turn + number)(BODY_SIZE) for number in range(4)]
            sealed = [initiator.send(body) for body in bodies]
            responder.receive(sealed[2])
            initiator.receive(responder.send())
            envelopes += [(sealed[place], bodies[place]) for place in (0, 1, 3)]
        responder.receive(initiator.send())
        for envelope, body in reversed(envelopes):
            assert responder.receive(envelope) == body
        assert responder.ratchet._state.skipped == ()

    def test_a_sixth_old_chain_is_forgotten(self) -> None:
        initiator, responder = sides()
        late = []
        for _ in range(MAX_OLD_CHAINS + 2):
            late.append(initiator.send())
            exchange_turns(initiator, responder)
        refuses(responder, late[0])
        for envelope in late[1:]:
            assert len(responder.receive(envelope)) == BODY_SIZE

    @pytest.mark.parametrize(
        ("lost", "opens"), [(MAX_SKIPPED_PER_STEP, True), (MAX_SKIPPED_PER_STEP + 1, False)]
    )
    def test_at_most_a_thousand_in_a_row(self, lost: int, opens: bool) -> None:
        initiator, responder = sides()
        for _ in range(lost):
            initiator.send()
        envelope = initiator.send(BODY)
        if opens:
            assert responder.receive(envelope) == BODY
        else:
            refuses(responder, envelope)

    def test_at_most_a_thousand_at_the_end_of_a_chain(self) -> None:
        for lost, opens in ((MAX_SKIPPED_PER_STEP, True), (MAX_SKIPPED_PER_STEP + 1, False)):
            initiator, responder = sides()
            exchange_turns(initiator, responder)
            responder.receive(initiator.send())
            late = initiator.receive(responder.send())
            assert len(late) == BODY_SIZE
            responder.receive(initiator.send())
            ahead = responder.send()
            for _ in range(lost):
                initiator.send()
            initiator.receive(ahead)
            envelope = initiator.send(BODY)
            if opens:
                assert responder.receive(envelope) == BODY
            else:
                refuses(responder, envelope)

    def test_the_oldest_keys_make_room(self) -> None:
        initiator, responder = sides()
        first = initiator.send()
        for _ in range(3):
            for _ in range(MAX_SKIPPED_PER_STEP - 1):
                last = initiator.send()
            exchange_turns(initiator, responder)
        refuses(responder, first)
        assert len(responder.receive(last)) == BODY_SIZE

    def test_keys_go_after_32_days(self) -> None:
        for age, opens in ((MAX_SKIPPED_AGE, True), (MAX_SKIPPED_AGE + 1, False)):
            initiator, responder = sides()
            late = initiator.send(BODY)
            responder.receive(initiator.send())
            responder.now += age
            if opens:
                assert responder.receive(late) == BODY
            else:
                refuses(responder, late)
                responder.receive(initiator.send())
                assert responder.ratchet._state.skipped == ()

    def test_sending_lets_old_keys_go_too(self) -> None:
        initiator, responder = sides()
        initiator.send()
        responder.receive(initiator.send())
        responder.now += MAX_SKIPPED_AGE + 1
        responder.send()
        assert responder.ratchet._state.skipped == ()


class TestEpochs:
    def test_the_initiator_proposes_first_after_twenty_envelopes(self) -> None:
        initiator, responder = sides()
        for _ in range(9):
            exchange_turns(initiator, responder)
        initiator.send()
        assert initiator.ratchet.rekey_part(NOW) is None
        assert initiator.ratchet.rekey_due_since(NOW) is None
        initiator.now += 7
        initiator.send()
        assert initiator.ratchet.rekey_due_since(NOW + 7) == NOW + 7
        part = initiator.ratchet.rekey_part(NOW + 7)
        assert isinstance(part, KemKey)
        assert part.epoch == 1
        assert initiator.ratchet.rekey_part(NOW + 8) == part

    def test_an_hour_is_enough(self) -> None:
        initiator, responder = ratchets()
        for now, due in ((NOW + 3599, None), (NOW + 3600, NOW + 3600), (NOW + 9999, NOW + 3600)):
            assert initiator.rekey_due_since(now) == due
            assert (initiator.rekey_part(now) is None) == (due is None)
            assert responder.rekey_due_since(now) == due
            assert responder.rekey_part(now) is None

    def test_a_count_that_comes_later_than_the_hour_changes_nothing(self) -> None:
        initiator, _ = sides()
        initiator.now += 5000
        for _ in range(25):
            initiator.send()
        assert initiator.ratchet.rekey_due_since(initiator.now) == NOW + 3600

    def test_an_epoch_runs_its_course(self) -> None:
        initiator, responder = sides()
        for side in (initiator, responder):
            side.now += 3600
        exchange_turns(initiator, responder)
        carry_parts(initiator, responder)
        assert isinstance(responder.ratchet.rekey_part(responder.now), KemCiphertext)
        carry_parts(responder, initiator)
        assert initiator.ratchet.rekey_part(initiator.now) is None
        assert (epoch_of(initiator), epoch_of(responder)) == ((0, True), (0, False))
        responder.receive(initiator.send())
        initiator.receive(responder.send())
        assert (epoch_of(initiator), epoch_of(responder)) == ((1, False), (0, False))
        assert isinstance(responder.ratchet.rekey_part(responder.now), KemCiphertext)
        responder.receive(initiator.send())
        assert epoch_of(responder) == (1, True)
        for side in (initiator, responder):
            assert side.ratchet.rekey_part(side.now) is None
            assert side.ratchet.rekey_due_since(side.now) is None
            assert side.ratchet.rekey_due_since(side.now + 3600) == NOW + 7200
        exchange_turns(initiator, responder, 3)

    def test_the_roles_change_with_every_epoch(self) -> None:
        initiator, responder = sides()
        seen = []
        for _ in range(120):
            carry_parts(initiator, responder)
            carry_parts(responder, initiator)
            if epoch_of(initiator)[0] == epoch_of(responder)[0]:
                seen.append((epoch_of(initiator), epoch_of(responder)))
        assert seen[-1][0][0] >= 8
        for (number, proposer), (_, other) in seen:
            assert proposer == (number % 2 == 0)
            assert other != proposer

    def test_the_secret_reaches_the_keys(self) -> None:
        """Two copies of one proposer, with another ciphertext each, have nothing to say to each other."""
        initiator, responder = sides()
        initiator.now += 3600
        part = initiator.ratchet.rekey_part(initiator.now)
        assert isinstance(part, KemKey)
        responder.receive(initiator.send())
        twin = Side(Ratchet.from_bytes(responder.ratchet.to_bytes()))
        for side in (responder, twin):
            side.ratchet.accept_rekey(part, now=NOW)
        ciphertext = responder.ratchet.rekey_part(NOW)
        assert ciphertext is not None
        initiator.ratchet.accept_rekey(ciphertext, now=NOW)
        answer = responder.send()
        initiator.receive(answer)
        envelope = initiator.send(BODY)
        refuses(twin, envelope)
        assert responder.receive(envelope) == BODY

    def test_a_part_that_is_refused_changes_nothing(self) -> None:
        initiator, _ = sides()
        before = initiator.ratchet.to_bytes()
        for part in (KemKey(epoch=1, key=bytes(1184)), KemCiphertext(epoch=1, ciphertext=bytes(1088))):
            with pytest.raises(RemoteProtocolError):
                initiator.ratchet.accept_rekey(part, now=NOW)
        assert initiator.ratchet.to_bytes() == before

    def test_a_mark_without_a_secret_is_refused(self) -> None:
        initiator, responder = sides()
        initiator.now += 3600
        part = initiator.ratchet.rekey_part(initiator.now)
        assert isinstance(part, KemKey)
        responder.receive(initiator.send())
        forgetful = Side(Ratchet.from_bytes(responder.ratchet.to_bytes()))
        responder.ratchet.accept_rekey(part, now=NOW)
        ciphertext = responder.ratchet.rekey_part(NOW)
        assert ciphertext is not None
        initiator.ratchet.accept_rekey(ciphertext, now=NOW)
        initiator.receive(responder.send())
        refuses(forgetful, initiator.send())

    def test_a_mark_on_a_chain_that_mixed_nothing_is_refused(self) -> None:
        initiator, responder = sides()
        exchange_turns(initiator, responder)
        refuses(responder, marked_as(initiator, 1))
        assert responder.receive(initiator.send(BODY)) == BODY

    def test_a_mark_from_the_wrong_side_is_refused(self) -> None:
        initiator, responder = answered()
        mixed = responder.ratchet._state.epoch.mixed
        set_field(responder, epoch=[0, True, None, None, mixed])
        responder.receive(initiator.send())
        assert epoch_of(responder) == (1, False)
        refuses(initiator, responder.send())

    @pytest.mark.parametrize("number", [1, 6])
    def test_a_mark_that_is_not_the_next_is_refused(self, number: int) -> None:
        initiator, responder = answered()
        responder.receive(initiator.send())
        mixed = initiator.ratchet._state.epoch.mixed
        set_field(initiator, epoch=[number - 1, True, None, None, mixed])
        initiator.receive(marked_as(responder, number - 1))
        assert epoch_of(initiator) == (number, False)
        envelope = initiator.send(BODY)
        if number == 1:
            assert responder.receive(envelope) == BODY
        else:
            refuses(responder, envelope)


def answered() -> tuple[Side, Side]:
    """Both know the secret of epoch 1, and neither has mixed it in."""
    initiator, responder = sides()
    initiator.now += 3600
    carry_parts(initiator, responder)
    carry_parts(responder, initiator)
    assert initiator.ratchet._state.epoch.mixed == responder.ratchet._state.epoch.mixed is not None
    return initiator, responder


def marked_as(side: Side, epoch: int) -> bytes:
    """An envelope under a mark that ``side`` would not give, from a copy of it."""
    copy = Side(Ratchet.from_bytes(side.ratchet.to_bytes()))
    state = copy.ratchet._state.epoch
    set_field(copy, epoch=[epoch, state.proposer, state.offer, state.seed, state.mixed])
    return copy.send()


class TestEdges:
    def test_a_chain_ends_before_its_number_wraps(self) -> None:
        initiator, responder = sides()
        responder.receive(initiator.send())
        set_field(initiator, sent=MAX_NUMBER - 1)
        set_field(responder, received=MAX_NUMBER - 1)
        assert responder.receive(initiator.send(BODY)) == BODY
        with pytest.raises(LocalProtocolError, match="used up"):
            initiator.send()
        initiator.receive(responder.send())
        assert responder.receive(initiator.send(BODY)) == BODY
        for side in (initiator, responder):
            side.restart()

    def test_a_number_that_no_chain_has_is_refused(self) -> None:
        initiator, responder = sides()
        responder.receive(initiator.send())
        set_field(responder, received=MAX_NUMBER)
        state = initiator.ratchet._state
        assert state.sending is not None
        nonce = bytes(24)
        header = pack_header(state.own_public, 0, MAX_NUMBER, 0)
        sealed = seal(header, None, nonce, state.sending.header_key)
        _, key = chain_step(state.sending.key)
        refuses(responder, nonce + sealed + seal(BODY, state.ad + sealed, nonce, key))
