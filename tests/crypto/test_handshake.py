from __future__ import annotations

from hashlib import sha512
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from onionchat.crypto.handshake import PATTERN, PAYLOAD_SIZES, Handshake, invite_psk, prologue
from onionchat.crypto.kem import KEM_KEY_SIZE, KemPair
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.link import CELL_SIZE, ReceivingCipher, SendingCipher
from onionchat.crypto.noise import HandshakeState
from onionchat.errors import CryptoError, DecryptionError, LocalProtocolError

from .pairs import Meeting, payloads, shaken, source

# Where each message's parts end: what is flipped below lies in every one of them.
REGIONS = (
    {"e": 32, "e1": 1232, "e1 tag": 1248, "payload": 1936, "payload tag": 1952},
    {"e": 32, "ciphertext": 1136, "ciphertext tag": 1152, "payload": 1936, "payload tag": 1952},
    {"s": 32, "s tag": 48, "se": 64, "payload": 1936, "payload tag": 1952},
)


def until(step: int, meeting: Meeting) -> tuple[Handshake, Handshake, bytes]:
    """Reader and writer of message ``step``, and that message, not yet read."""
    writer, reader = meeting.initiator(), meeting.responder()
    for number, payload in enumerate(payloads()):
        message = writer.write(payload)
        if number == step:
            return reader, writer, message
        reader.read(message)
        writer, reader = reader, writer
    raise AssertionError(step)


def test_both_sides_end_with_the_same_link_and_session() -> None:
    meeting = Meeting()
    initiator, responder = shaken(meeting)
    assert initiator.complete
    assert responder.complete
    assert responder.remote_static == meeting.ours.public
    assert initiator.remote_static == meeting.theirs.public
    ours, theirs = initiator.secrets(), responder.secrets()
    assert (ours.sending, ours.receiving) == (theirs.receiving, theirs.sending)
    assert ours.sending != ours.receiving
    assert ours.resume_psk == theirs.resume_psk
    assert ours.recovery_psk == theirs.recovery_psk
    names = type(ours.session).__slots__
    assert {name: getattr(ours.session, name) for name in names} == {
        name: getattr(theirs.session, name) for name in names
    }
    assert ours.session.initiator_static == meeting.ours.public
    assert ours.session.responder_static == meeting.theirs.public
    secrets = [getattr(ours.session, name) for name in names] + [
        ours.sending,
        ours.receiving,
        ours.resume_psk,
        ours.recovery_psk,
    ]
    assert len(set(secrets)) == len(secrets)
    assert {len(secret) for secret in secrets} == {32}


def test_the_link_keys_carry_cells_both_ways() -> None:
    initiator, responder = (side.secrets() for side in shaken(Meeting()))
    plaintext = bytes(1936)
    for one, other in ((initiator, responder), (responder, initiator)):
        cell = SendingCipher(one.sending).seal(plaintext)
        assert ReceivingCipher(other.receiving).open(cell) == plaintext


def test_every_handshake_has_secrets_of_its_own() -> None:
    meeting = Meeting()
    first, second = (shaken(meeting)[0].secrets() for _ in range(2))
    assert first.session.session_id != second.session.session_id
    assert first.resume_psk != second.resume_psk
    assert first.recovery_psk != second.recovery_psk


def test_every_message_is_one_cell_and_looks_random() -> None:
    for step in range(3):
        _, _, message = until(step, Meeting())
        assert len(message) == CELL_SIZE
        assert payloads()[step][:16] not in message


@pytest.mark.parametrize("step", range(3))
def test_one_flipped_bit_anywhere_is_refused(step: int) -> None:
    start = 0
    for end in REGIONS[step].values():
        for place in (start, (start + end) // 2, end - 1):
            for bit in (0, 7):
                reader, _, message = until(step, Meeting())
                flipped = bytearray(message)
                flipped[place] ^= 1 << bit
                with pytest.raises(DecryptionError):
                    reader.read(bytes(flipped))
        start = end


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("size", [0, 1, 64, CELL_SIZE - 1, CELL_SIZE + 1])
def test_a_wrong_length_is_refused(step: int, size: int) -> None:
    reader, _, message = until(step, Meeting())
    with pytest.raises(DecryptionError):
        reader.read((message + b"\0")[:size])


@pytest.mark.parametrize("step", range(3))
def test_after_a_failed_read_nothing_works(step: int) -> None:
    reader, _, message = until(step, Meeting())
    with pytest.raises(DecryptionError):
        reader.read(b"\x09" * CELL_SIZE)
    with pytest.raises(LocalProtocolError):
        reader.read(message)
    with pytest.raises(LocalProtocolError):
        reader.write(bytes(PAYLOAD_SIZES[min(step + 1, 2)]))
    with pytest.raises(LocalProtocolError):
        reader.secrets()
    with pytest.raises(LocalProtocolError):
        _ = reader.remote_static
    with pytest.raises(LocalProtocolError):
        _ = reader.psk_index
    assert not reader.complete


@pytest.mark.parametrize("index", range(3))
def test_the_psk_that_opens_is_kept(index: int) -> None:
    meeting = Meeting(psks=3)
    initiator, responder = meeting.initiator(meeting.psks[index]), meeting.responder()
    with pytest.raises(LocalProtocolError, match="no message"):
        _ = responder.psk_index
    first, second, third = payloads()
    assert responder.read(initiator.write(first)) == first
    assert responder.psk_index == index
    assert initiator.read(responder.write(second)) == second
    assert responder.read(initiator.write(third)) == third
    assert (initiator.psk_index, responder.psk_index) == (0, index)
    assert initiator.secrets().resume_psk == responder.secrets().resume_psk


def test_a_psk_that_the_responder_does_not_hold_is_refused() -> None:
    meeting = Meeting(psks=3)
    with pytest.raises(DecryptionError):
        meeting.responder().read(meeting.initiator(bytes(32)).write(payloads()[0]))


@pytest.mark.parametrize("changed", ["onion", "version", "size", "static"])
def test_both_must_mean_the_same_meeting(changed: str) -> None:
    meeting = Meeting()
    text = prologue(meeting.onion.public)
    other = {
        "onion": prologue(meeting.theirs.public),
        "version": text.replace(b"onionchat/1", b"onionchat/2"),
        "size": text.replace(CELL_SIZE.to_bytes(2, "big"), b"\0\0"),
        "static": text,
    }[changed]
    initiator = Handshake.initiator(
        prologue=other,
        static=meeting.ours,
        remote_static=meeting.ours.public if changed == "static" else meeting.theirs.public,
        psk=meeting.psks[0],
        random=meeting.random,
    )
    with pytest.raises(DecryptionError):
        meeting.responder().read(initiator.write(payloads()[0]))


def test_an_unusable_ephemeral_key_is_an_error_of_its_own() -> None:
    message = bytes(CELL_SIZE)
    with pytest.raises(CryptoError, match="not usable"):
        Meeting().responder().read(message)


def test_an_unusable_kem_key_ends_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = Meeting()
    initiator, responder = meeting.initiator(), meeting.responder()
    first, second, _ = payloads()
    with monkeypatch.context() as patch:
        patch.setattr(KemPair, "from_seed", lambda _: SimpleNamespace(public=b"\xff" * KEM_KEY_SIZE))
        message = initiator.write(first)
    assert responder.read(message) == first
    with pytest.raises(CryptoError, match="not usable"):
        responder.write(second)
    with pytest.raises(LocalProtocolError, match="not our turn"):
        responder.write(second)


def test_a_message_that_holds_less_is_refused_though_it_would_open() -> None:
    meeting = Meeting()
    careless = HandshakeState(
        PATTERN,
        initiator=True,
        prologue=prologue(meeting.onion.public),
        random=meeting.random,
        static=meeting.ours,
        remote_static=meeting.theirs.public,
        psk=meeting.psks[0],
    )
    message = careless.write_message(bytes(PAYLOAD_SIZES[0] - 1))
    with pytest.raises(DecryptionError):
        meeting.responder().read(message)


def test_turns_and_sizes_are_kept() -> None:
    meeting = Meeting()
    initiator, responder = meeting.initiator(), meeting.responder()
    first, second, third = payloads()
    with pytest.raises(LocalProtocolError, match="not our turn"):
        responder.write(second)
    with pytest.raises(LocalProtocolError, match="not our turn"):
        initiator.read(bytes(CELL_SIZE))
    for wrong in (b"", first[1:], first + b"\0", second):
        with pytest.raises(LocalProtocolError, match="holds 704 bytes"):
            initiator.write(wrong)
    with pytest.raises(LocalProtocolError, match="not known"):
        _ = responder.remote_static
    responder.read(initiator.write(first))
    with pytest.raises(LocalProtocolError, match="not known"):
        _ = responder.remote_static
    assert initiator.remote_static == meeting.theirs.public
    with pytest.raises(LocalProtocolError, match="not our turn"):
        initiator.write(third)
    with pytest.raises(LocalProtocolError, match="not complete"):
        initiator.secrets()
    initiator.read(responder.write(second))
    responder.read(initiator.write(third))
    for side in (initiator, responder):
        with pytest.raises(LocalProtocolError, match="not our turn"):
            side.write(third)
        with pytest.raises(LocalProtocolError, match="not our turn"):
            side.read(bytes(CELL_SIZE))


def test_wrong_sizes_and_no_psk_are_refused() -> None:
    meeting = Meeting()
    with pytest.raises(CryptoError, match="32 bytes"):
        meeting.initiator(bytes(31))
    meeting.psks = [bytes(33)]
    with pytest.raises(CryptoError, match="32 bytes"):
        meeting.responder()
    meeting.psks = []
    with pytest.raises(LocalProtocolError, match="needs a psk"):
        meeting.responder()
    with pytest.raises(CryptoError, match="32"):
        prologue(bytes(31))
    for secret, onion in ((bytes(15), bytes(32)), (bytes(16), bytes(31))):
        with pytest.raises(CryptoError, match="16 bytes"):
            invite_psk(secret, onion)


def test_the_prologue_names_version_cell_size_and_onion() -> None:
    public = source(9)(32)
    assert prologue(public) == b"onionchat/1" + b"\x07\xa0" + public


def test_an_invite_gives_a_psk_of_its_own() -> None:
    random = source(10)
    secret, onion = random(16), random(32)
    expected = HKDF(algorithm=SHA512(), length=32, salt=onion, info=b"onionchat/1 invite psk").derive(secret)
    assert invite_psk(secret, onion) == expected
    assert invite_psk(bytes(16), onion) != expected
    assert invite_psk(secret, sha512(onion).digest()[:32]) != expected


def test_a_static_key_is_not_enough_without_its_secret() -> None:
    """Someone who knows every public key, and the psk, cannot answer for the responder."""
    meeting = Meeting()
    impostor = Meeting()
    impostor.theirs = KeyPair(source(11)(32), meeting.theirs.public)
    with pytest.raises(DecryptionError):
        impostor.responder().read(meeting.initiator().write(payloads()[0]))
