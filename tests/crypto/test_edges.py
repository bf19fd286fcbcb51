"""Where numbers end and where calls come at the wrong time: defined, and never half done."""

from __future__ import annotations

import struct
from collections import Counter

import pytest
from nacl.bindings import crypto_aead_chacha20poly1305_ietf_encrypt as seal

from onionchat.crypto import kem
from onionchat.crypto.epoch import KemCiphertext, KemKey
from onionchat.crypto.handshake import ON_READ, ON_WRITE, PAYLOAD_SIZES, Handshake, Stage
from onionchat.crypto.header import MAX_NUMBER
from onionchat.crypto.kdf import hkdf_sha512
from onionchat.crypto.kem import KemPair
from onionchat.crypto.link import (
    CELL_PLAINTEXT_SIZE,
    CELL_SIZE,
    COUNTER_LIMIT,
    ReceivingCipher,
    SendingCipher,
)
from onionchat.crypto.ratchet import BODY_SIZE
from onionchat.errors import CryptoError, DecryptionError, LocalProtocolError, RemoteProtocolError

from .pairs import NOW, Meeting, Side, carry_parts, exchange_turns, payloads, sides, source
from .test_ratchet import refuses, set_field

BODY = source(43)(BODY_SIZE)


class TestTheLastEpoch:
    def at(self, number: int) -> tuple[Side, Side]:
        """Two sides that have come to epoch ``number``, which the initiator is to follow with the next."""
        initiator, responder = sides()
        exchange_turns(initiator, responder)
        set_field(initiator, epoch=[number, True, None, None, None])
        set_field(responder, epoch=[number, False, None, None, None])
        return initiator, responder

    def test_it_is_reached(self) -> None:
        initiator, responder = self.at(MAX_NUMBER - 1)
        for side in (initiator, responder):
            side.now += 3600
        for _ in range(4):
            carry_parts(initiator, responder)
            carry_parts(responder, initiator)
        for side in (initiator, responder):
            assert side.ratchet._state.epoch.number == MAX_NUMBER
            side.restart()
        assert responder.receive(initiator.send(BODY)) == BODY

    def test_nothing_follows_it_and_messages_go_on(self) -> None:
        initiator, responder = self.at(MAX_NUMBER)
        for side in (initiator, responder):
            side.now += 10**6
            assert side.ratchet.rekey_part(side.now) is None
            assert side.ratchet.rekey_due_since(side.now) == NOW + 3600
        exchange_turns(initiator, responder, 30)
        assert responder.receive(initiator.send(BODY)) == BODY
        key = KemKey(epoch=MAX_NUMBER + 1, key=KemPair.generate().public)
        with pytest.raises(RemoteProtocolError, match="nobody asked"):
            responder.ratchet.accept_rekey(key, now=NOW)

    @pytest.mark.parametrize("number", [-1, 2**32, 2**63])
    def test_what_is_no_epoch_is_refused(self, number: int) -> None:
        for side in self.at(MAX_NUMBER - 1):
            before = side.ratchet.to_bytes()
            for part in (
                KemKey(epoch=number, key=bytes(1184)),
                KemCiphertext(epoch=number, ciphertext=bytes(1088)),
            ):
                with pytest.raises(RemoteProtocolError):
                    side.ratchet.accept_rekey(part, now=NOW)
            assert side.ratchet.to_bytes() == before


class TestTime:
    def test_a_clock_that_goes_back_changes_no_message(self) -> None:
        initiator, responder = sides()
        late = initiator.send(BODY)
        responder.receive(initiator.send())
        for side in (initiator, responder):
            side.now -= 10**6
            side.restart()
        exchange_turns(initiator, responder, 15)
        assert responder.receive(late) == BODY
        assert initiator.ratchet.rekey_due_since(initiator.now) == NOW - 10**6

    def test_at_the_very_beginning_of_time(self) -> None:
        initiator, responder = sides()
        for side in (initiator, responder):
            side.now = 0
        late = initiator.send(BODY)
        exchange_turns(initiator, responder, 15)
        for side in (initiator, responder):
            side.restart()
        assert responder.receive(late) == BODY

    def test_a_number_that_is_no_time_changes_nothing(self) -> None:
        initiator, responder = sides()
        initiator.send()
        envelope = initiator.send(BODY)
        before = responder.ratchet.to_bytes()
        for now in (-1, 2**64):
            with pytest.raises(struct.error):
                responder.ratchet.decrypt(envelope, random=responder.random, now=now)
            assert responder.ratchet.to_bytes() == before


class TestCounters:
    def test_no_key_of_a_handshake_meets_a_nonce_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Noise ends a key at 2^64 - 1 messages; no key of a handshake seals more than two."""
        used: Counter[tuple[bytes, bytes]] = Counter()

        def recording(message: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> bytes:
            used[key, nonce] += 1
            return seal(message, aad, nonce, key)

        monkeypatch.setattr("onionchat.crypto.symmetric._seal", recording)
        meeting = Meeting()
        parties = [meeting.initiator(), meeting.responder()]
        for step, payload in enumerate(payloads()):
            parties[1 - step % 2].read(parties[step % 2].write(payload))
        assert len(used) == 6
        assert set(used.values()) == {1}
        assert {int.from_bytes(nonce[4:], "little") for _, nonce in used} == {0, 1}

    @pytest.mark.parametrize("counter", [COUNTER_LIMIT, COUNTER_LIMIT + 1, 2**70])
    def test_a_link_beyond_its_last_cell(self, counter: int) -> None:
        for _ in range(2):
            with pytest.raises(LocalProtocolError, match="used up"):
                SendingCipher(bytes(32), counter).seal(bytes(CELL_PLAINTEXT_SIZE))
            with pytest.raises(DecryptionError):
                ReceivingCipher(bytes(32), counter).open(bytes(CELL_SIZE))

    def test_a_derivation_ends_at_255_blocks(self) -> None:
        whole = hkdf_sha512(salt=b"s", ikm=b"i", info=b"", size=255 * 64)
        assert len(whole) == 255 * 64
        with pytest.raises(OverflowError):
            hkdf_sha512(salt=b"s", ikm=b"i", info=b"", size=255 * 64 + 1)


class TestCallsAtTheWrongTime:
    def over(self, handshake: Handshake) -> None:
        """Nothing can be done with it any more."""
        for size in PAYLOAD_SIZES:
            with pytest.raises(LocalProtocolError):
                handshake.write(bytes(size))
        with pytest.raises(LocalProtocolError):
            handshake.read(bytes(CELL_SIZE))
        with pytest.raises(LocalProtocolError):
            handshake.secrets()
        assert not handshake.complete

    @pytest.mark.parametrize("stage", Stage)
    def test_a_handshake_takes_the_calls_of_its_table_and_no_other(self, stage: Stage) -> None:
        handshake, message = self.at(stage)
        assert handshake.stage is stage
        if stage in ON_WRITE:
            handshake.write(bytes(PAYLOAD_SIZES[list(ON_WRITE).index(stage)]))
            assert handshake.stage is ON_WRITE[stage]
            return
        for size in PAYLOAD_SIZES:
            with pytest.raises(LocalProtocolError, match="not our turn"):
                handshake.write(bytes(size))
        if stage in ON_READ:
            handshake.read(message)
            assert handshake.stage is ON_READ[stage]
            return
        with pytest.raises(LocalProtocolError, match="not our turn"):
            handshake.read(bytes(CELL_SIZE))
        assert handshake.stage is stage

    def at(self, stage: Stage) -> tuple[Handshake, bytes]:
        """A handshake in that stage, and the message that it would read."""
        meeting = Meeting()
        sides = [meeting.initiator(), meeting.responder()]
        if stage is Stage.OVER:
            with pytest.raises(DecryptionError):
                sides[1].read(b"\x09" * CELL_SIZE)
            return sides[1], b""
        for step, payload in enumerate(payloads()):
            writer, reader = sides[step % 2], sides[1 - step % 2]
            if writer.stage is stage:
                return writer, b""
            message = writer.write(payload)
            if reader.stage is stage:
                return reader, message
            reader.read(message)
        assert stage is Stage.COMPLETE
        return sides[0], b""

    def test_after_an_unusable_key(self) -> None:
        meeting = Meeting(psks=2)
        responder = meeting.responder()
        with pytest.raises(CryptoError, match="not usable"):
            responder.read(bytes(CELL_SIZE))
        self.over(responder)

    def test_after_a_secret_that_is_not_the_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A ciphertext for another KEM key opens to another secret, and the payload shows it."""
        meeting = Meeting()
        initiator, responder = meeting.initiator(), meeting.responder()
        first, second, _ = payloads()
        responder.read(initiator.write(first))
        stranger = KemPair.generate().public
        monkeypatch.setattr("onionchat.crypto.noise.encapsulate", lambda _: kem.encapsulate(stranger))
        message = responder.write(second)
        with pytest.raises(DecryptionError):
            initiator.read(message)
        self.over(initiator)

    def test_after_a_source_that_fails(self) -> None:
        def broken(size: int) -> bytes:
            raise OSError(size)

        meeting = Meeting()
        meeting.random = broken
        initiator = meeting.initiator()
        with pytest.raises(OSError, match="32"):
            initiator.write(payloads()[0])
        self.over(initiator)

    def test_a_message_of_the_wrong_number(self) -> None:
        """Each message is for one place: none can stand for another, in either direction."""
        meeting = Meeting()
        made = []
        parties = [meeting.initiator(), meeting.responder()]
        for step, payload in enumerate(payloads()):
            made.append(parties[step % 2].write(payload))
            parties[1 - step % 2].read(made[-1])
        for wrong in made[1:]:
            with pytest.raises(CryptoError):
                meeting.responder().read(wrong)
        for wrong in (made[0], made[2]):
            initiator = meeting.initiator()
            initiator.write(payloads()[0])
            with pytest.raises(CryptoError):
                initiator.read(wrong)

    def test_a_sender_without_a_chain(self) -> None:
        responder = sides()[1]
        before = responder.ratchet.to_bytes()
        for _ in range(2):
            with pytest.raises(LocalProtocolError, match="first envelope"):
                responder.send(BODY)
        assert responder.ratchet.to_bytes() == before
        assert responder.ratchet.rekey_part(NOW + 3600) is None

    def test_a_ciphertext_before_a_key_was_offered(self) -> None:
        initiator, responder = sides()
        responder.receive(initiator.send())
        before = initiator.ratchet.to_bytes()
        with pytest.raises(RemoteProtocolError, match="nobody asked"):
            initiator.ratchet.accept_rekey(KemCiphertext(epoch=1, ciphertext=bytes(1088)), now=NOW)
        assert initiator.ratchet.to_bytes() == before
        refuses(initiator, initiator.send())
