"""``python -m tests.crypto.speaker FD``: one side of a session, in a process whose memory is searched.

It does what it is told over a socket, draws its randomness from there, and says nothing of what it holds: the
other side of a session knows nearly all of its keys, and who gave the randomness knows the rest.
"""

from __future__ import annotations

import gc
import socket
import struct
import sys
from contextvars import copy_context
from typing import Literal

import msgspec

from onionchat.crypto.epoch import KemCiphertext, KemKey
from onionchat.crypto.handshake import PAYLOAD_SIZES, Handshake, prologue
from onionchat.crypto.kem import KEM_SEED_SIZE, KemPair
from onionchat.crypto.keys import KEY_SIZE, KeyPair
from onionchat.crypto.link import CELL_PLAINTEXT_SIZE, ReceivingCipher, SendingCipher
from onionchat.crypto.ratchet import BODY_SIZE, ENVELOPE_SIZE, Ratchet
from onionchat.crypto.stack import wipe_stack
from onionchat.errors import DecryptionError

from .pairs import NOW

Verb = Literal["static_key", "greet", "fail", "finish", "say", "hear", "part", "take", "end"]
Part = KemKey | KemCiphertext


class Told(msgspec.Struct, array_like=True):
    """What the speaker is to do, and with what."""

    verb: Verb
    arguments: list[bytes] = []


class Said(msgspec.Struct, array_like=True):
    """What came of it; or how many random bytes it needs first."""

    result: bytes = b""
    random: int = 0


def send(channel: socket.socket, message: Told | Said | bytes) -> None:
    data = msgspec.msgpack.encode(message)
    channel.sendall(struct.pack(">I", len(data)) + data)


def receive(channel: socket.socket) -> bytes:
    """One packed message; nothing at the end."""
    head = channel.recv(4, socket.MSG_WAITALL)
    return channel.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL) if head else b""


def pack_part(part: Part) -> bytes:
    key = isinstance(part, KemKey)
    return msgspec.msgpack.encode(
        (key, part.epoch, part.key if isinstance(part, KemKey) else part.ciphertext)
    )


def unpack_part(data: bytes) -> Part:
    key, epoch, content = msgspec.msgpack.decode(data, type=tuple[bool, int, bytes])
    return KemKey(epoch=epoch, key=content) if key else KemCiphertext(epoch=epoch, ciphertext=content)


def cell(envelope: bytes) -> bytes:
    return envelope.ljust(CELL_PLAINTEXT_SIZE, b"\0")


class Speaker:
    """The initiator of a session."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.static: KeyPair | None = None
        self.handshake: Handshake | None = None
        self.psk: bytes | None = None
        self.ratchet: Ratchet | None = None
        self.sending: SendingCipher | None = None
        self.receiving: ReceivingCipher | None = None
        self.text: bytes | None = None
        """The last that was heard."""

    def random(self, size: int) -> bytes:
        send(self.channel, Said(random=size))
        return msgspec.msgpack.decode(receive(self.channel), type=bytes)

    def serve(self) -> None:
        while data := receive(self.channel):
            result = copy_context().run(self.perform, data)  # as trio runs each step of the engine
            del data
            wipe_stack()
            send(self.channel, Said(result=result))

    def perform(self, data: bytes) -> bytes:
        told = msgspec.msgpack.decode(data, type=Told)
        result: bytes = getattr(self, told.verb)(*told.arguments)
        return result

    def static_key(self) -> bytes:
        self.static = KeyPair.generate(self.random)
        return self.static.public

    def greet(self, onion: bytes, remote: bytes, psk: bytes) -> bytes:
        assert self.static is not None
        self.handshake = Handshake.initiator(
            prologue=prologue(onion),
            static=self.static,
            remote_static=remote,
            psk=psk,
            random=self.random,
        )
        return self.handshake.write(bytes(PAYLOAD_SIZES[0]))

    def fail(self, message: bytes) -> bytes:
        """Read something that does not open; the handshake is over."""
        assert self.handshake is not None
        try:
            self.handshake.read(message)
        except DecryptionError:
            self.handshake = None
        return b""

    def finish(self, message: bytes) -> bytes:
        assert self.handshake is not None
        peer = self.handshake.read(message)[:KEY_SIZE]
        answer = self.handshake.write(bytes(PAYLOAD_SIZES[2]))
        secrets = self.handshake.secrets()
        self.handshake = None
        self.sending, self.receiving = SendingCipher(secrets.sending), ReceivingCipher(secrets.receiving)
        self.ratchet = Ratchet.initiate(secrets.session, peer_ratchet=peer, random=self.random, now=NOW)
        self.psk = secrets.resume_psk
        return answer

    def say(self) -> bytes:
        assert self.ratchet is not None
        assert self.sending is not None
        envelope = self.ratchet.encrypt(self.random(BODY_SIZE), random=self.random, now=NOW)
        self.keep()
        return self.sending.seal(cell(envelope))

    def hear(self, sealed: bytes) -> bytes:
        assert self.ratchet is not None
        assert self.receiving is not None
        envelope = self.receiving.open(sealed)[:ENVELOPE_SIZE]
        self.text = self.ratchet.decrypt(envelope, random=self.random, now=NOW)
        self.keep()
        return b""

    def part(self) -> bytes:
        assert self.ratchet is not None
        part = self.ratchet.rekey_part(NOW)
        return b"" if part is None else pack_part(part)

    def take(self, part: bytes) -> bytes:
        assert self.ratchet is not None
        self.ratchet.accept_rekey(unpack_part(part), now=NOW)
        self.keep()
        return b""

    def keep(self) -> None:
        """As if the state had been stored and read again."""
        assert self.ratchet is not None
        self.ratchet = Ratchet.from_bytes(self.ratchet.to_bytes())

    def end(self) -> bytes:
        self.static = self.handshake = self.psk = self.ratchet = None
        self.sending = self.receiving = self.text = None
        gc.collect()
        return b""


def main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        speaker = Speaker(channel)
        # the library draws this one itself, and gives nobody a way to know it
        KemPair.generate = classmethod(  # type: ignore[method-assign, assignment]  # as above
            lambda cls: cls.from_seed(speaker.random(KEM_SEED_SIZE))
        )
        speaker.serve()


if __name__ == "__main__":
    main()
