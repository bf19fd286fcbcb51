"""The vectors of handshakes, and of the cells that follow them."""

from __future__ import annotations

from types import SimpleNamespace
from unittest import mock

from nacl.bindings import crypto_aead_chacha20poly1305_ietf_encrypt

from onionchat.crypto.handshake import PAYLOAD_SIZES, Handshake, prologue
from onionchat.crypto.kem import KemPair
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.link import SendingCipher
from onionchat.protocol import cell, greeting
from onionchat.protocol.pace import Pace

from .make import Folder, Head, encapsulations, flipped, tape, value
from .make_invites import ONION
from .replay import recorded
from .transcript import OUTCOME, outcome


def folders() -> list[Folder]:
    return [handshakes(), links()]


class Meeting:
    """The keys and the randomness of one handshake."""

    def __init__(self) -> None:
        self.seed, self.secret, self.ciphertext = encapsulations()[0]
        self.statics = [KeyPair.from_secret(value(f"{name} static")) for name in ("initiator", "responder")]
        self.ephemerals = [value(f"{name} ephemeral") for name in ("initiator", "responder")]
        self.psk = value("psk")
        said = (
            None,
            greeting.ResponderGreeting(ratchet=value("ratchet key"), pace=Pace()),
            greeting.InitiatorGreeting(intent=greeting.Intent.CONTACT, pace=Pace(), onion=ONION.public),
        )
        self.payloads = [greeting.fill(one, number) for number, one in enumerate(said, 1)]

    def sides(self) -> list[Handshake]:
        meeting = prologue(ONION.public)
        return [
            Handshake.initiator(
                prologue=meeting,
                static=self.statics[0],
                remote_static=self.statics[1].public,
                psk=self.psk,
                random=tape(self.ephemerals[0], self.seed),
            ),
            Handshake.responder(
                prologue=meeting, static=self.statics[1], psks=[self.psk], random=tape(self.ephemerals[1])
            ),
        ]

    def messages(self) -> tuple[list[bytes], dict[str, bytes]]:
        """All three, and what they leave."""
        sides, made = self.sides(), []
        with recorded(seed=self.seed, secret=self.secret, ciphertext=self.ciphertext):
            for step, payload in enumerate(self.payloads):
                made.append(sides[step % 2].write(payload))
                sides[1 - step % 2].read(made[-1])
        return made, outcome(*(side.secrets() for side in sides))

    def head(self, payloads: list[bytes] | None = None) -> Head:
        return [
            ("onion", ONION.public.hex()),
            ("initiator-static", self.statics[0].secret().hex()),
            ("responder-static", self.statics[1].secret().hex()),
            ("psk", self.psk.hex()),
            ("initiator-random", (self.ephemerals[0] + self.seed).hex()),
            ("responder-random", self.ephemerals[1].hex()),
            ("kem-secret", self.secret.hex()),
            ("kem-ciphertext", self.ciphertext.hex()),
            *(("payload", payload.rstrip(b"\0").hex()) for payload in payloads or self.payloads),
        ]


def handshakes() -> Folder:
    folder = Folder("handshake")
    meeting = Meeting()
    made, left = meeting.messages()
    results = [(name, left[name].hex()) for name in OUTCOME]
    head = meeting.head()
    folder.add("ok", "ok", "a first contact", [*head, *results], *made)
    held: Head = [("responder-psk", one.hex()) for one in (value("another psk"), meeting.psk)]
    folder.add("ok-second-psk", "ok", "the responder holds two psks", [*head, *held, *results], *made)
    other: Head = [("responder-psk", value("another psk").hex())]
    folder.add("psk", "decryption", "the responder does not hold the psk", [*head, *other], made[0])
    changed(folder, head, made)
    folder.add("message-2-reflected", "decryption", "the first message comes back", head, made[0], made[0])
    folder.add(
        "message-1-zero", "unusable-key", "an ephemeral key of small order", head, bytes(32) + made[0][32:]
    )
    folder.add(
        "message-1-kem-key-unusable",
        "unusable-key",
        "a KEM key with coefficients that do not exist, sealed as it must be",
        head,
        unusable_kem_key(meeting),
    )
    long = [bytes(PAYLOAD_SIZES[0]) + b"\x01", *meeting.payloads[1:]]
    folder.add("payload-long", "local-protocol", "a payload that would need another cell", meeting.head(long))
    return folder


def changed(folder: Folder, head: Head, made: list[bytes]) -> None:
    """Each message with one bit changed in each of its parts, and with a byte too few."""
    regions = (
        {"ephemeral": 5, "kem-key": 600, "kem-key-tag": 1240, "payload": 1500, "payload-tag": 1951},
        {
            "ephemeral": 5,
            "kem-ciphertext": 600,
            "kem-ciphertext-tag": 1140,
            "payload": 1500,
            "payload-tag": 1951,
        },
        {"static": 5, "static-tag": 40, "payload": 1000, "payload-tag": 1951},
    )
    for step, places in enumerate(regions):
        for name, place in places.items():
            folder.add(
                f"message-{step + 1}-{name}",
                "decryption",
                "one bit of the last message is changed",
                head,
                *made[:step],
                flipped(made[step], place),
            )
        folder.add(
            f"message-{step + 1}-short",
            "decryption",
            "the last message has a byte too few",
            head,
            *made[:step],
            made[step][:-1],
        )


def unusable_kem_key(meeting: Meeting) -> bytes:
    initiator = meeting.sides()[0]
    malformed = SimpleNamespace(public=b"\xff" * 1184)
    with mock.patch.object(KemPair, "from_seed", return_value=malformed):
        return initiator.write(meeting.payloads[0])


def links() -> Folder:
    folder = Folder("link")
    key, cover = value("link key"), cell.lay_out(cell.CellType.COVER)

    def cells(counter: int, number: int) -> list[bytes]:
        cipher = SendingCipher(key, counter)
        return [cipher.seal(cover) for _ in range(number)]

    def head(counter: int) -> Head:
        return [("key", key.hex()), ("counter", str(counter)), ("plaintext", "")]

    folder.add("ok-first", "ok", "the first two cells of a link", head(0), *cells(0, 2))
    folder.add(
        "ok-rekey", "ok", "two cells before the first new key and two under it", head(1022), *cells(1022, 4)
    )
    folder.add("ok-second-rekey", "ok", "across a later new key", head(2047), *cells(2047, 2))
    last = 2**64 - 2
    folder.add("ok-last", "ok", "the last cell that a link can have", head(last), *cells(last, 1))
    first, second = cells(0, 2)
    unchanged = SendingCipher(key, 1).seal(cover)
    assert unchanged == second
    for name, about, start, blocks in (
        ("flipped", "one bit is changed", 0, [flipped(first, 700)]),
        ("tag", "one bit of the tag is changed", 0, [flipped(first, -1)]),
        ("repeated", "the same cell again", 0, [first, first]),
        ("skipped", "a cell is missing", 0, [second]),
        ("short", "a byte too few", 0, [first[:-1]]),
        ("long", "a byte too many", 0, [first + b"\0"]),
        (
            "no-rekey",
            "the cell that must have the new key has the old one",
            1024,
            [_under_old_key(key, cover)],
        ),
        ("after-the-last", "no cell has the last counter", last + 1, [first]),
    ):
        folder.add(f"refused-{name}", "decryption", about, head(start), *blocks)
    folder.add("never-after-the-last", "local-protocol", "the counter is used up", head(last + 1))
    return folder


def _under_old_key(key: bytes, plaintext: bytes) -> bytes:
    nonce = bytes(4) + (1024).to_bytes(8, "little")
    return crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, None, nonce, key)
