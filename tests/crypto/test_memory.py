"""What a session leaves in the memory of its process: searched from another one.

The process is set up as the launcher sets up an engine's. It is our child: who may not read the memory of its
children (a kernel that forbids it) sees the tests skipped, with the reason.
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest

from onionchat.crypto.epoch import KemKey
from onionchat.crypto.handshake import PAYLOAD_SIZES, Handshake, prologue
from onionchat.crypto.kem import KEM_SEED_SIZE
from onionchat.crypto.keys import KEY_SIZE, KeyPair
from onionchat.crypto.link import CELL_SIZE, ReceivingCipher, SendingCipher
from onionchat.crypto.ratchet import BODY_SIZE, ENVELOPE_SIZE, Ratchet
from onionchat.engine.process import overwriting
from onionchat.lab.memory import Search

from .ledger import Ledger
from .pairs import NOW
from .searching import searched
from .speaker import Said, Told, Verb, cell, pack_part, receive, send, unpack_part

PATIENCE = 60.0
ROOT = Path(__file__).parents[2]
DRAWN = {KEY_SIZE: "private key", KEM_SEED_SIZE: "KEM seed", BODY_SIZE: "text"}
"""What the speaker needs so many random bytes for; nonces are no secret."""

TURNS = 45
LOST = (7, 23, 24, 41)
"""The turns in which the first of our two envelopes does not arrive."""


class Listener:
    """The other side of a speaker's session; it knows every secret that the speaker ever had."""

    def __init__(self, ledger: Ledger, channel: socket.socket, pid: int, seed: int) -> None:
        self.ledger = ledger
        self.pid = pid
        self._channel = channel
        self._random = Random(seed)
        self._handshake: Handshake
        self._ratchet: Ratchet
        self._sending: SendingCipher
        self._receiving: ReceivingCipher

    def tell(self, verb: Verb, *arguments: bytes) -> bytes:
        send(self._channel, Told(verb, list(arguments)))
        while True:
            said = msgspec.msgpack.decode(receive(self._channel), type=Said)
            if not said.random:
                return said.result
            drawn = self._random.randbytes(said.random)
            if said.random in DRAWN:
                self.ledger.note(DRAWN[said.random], drawn)
            send(self._channel, drawn)

    def greet(self) -> None:
        """A handshake that fails, and the first message of another."""
        random = self._random.randbytes
        static, onion, psk = KeyPair.generate(random), random(KEY_SIZE), random(KEY_SIZE)
        self.ledger.note("psk", psk)
        self.tell("static_key")
        self.tell("greet", onion, static.public, psk)
        self.tell("fail", random(CELL_SIZE))
        self._handshake = Handshake.responder(
            prologue=prologue(onion), static=static, psks=[psk], random=random
        )
        self._handshake.read(self.tell("greet", onion, static.public, psk))

    def meet(self) -> None:
        """The rest of the handshake."""
        own = KeyPair.generate(self._random.randbytes)
        answer = self._handshake.write(own.public.ljust(PAYLOAD_SIZES[1], b"\0"))
        self._handshake.read(self.tell("finish", answer))
        secrets = self._handshake.secrets()
        self._sending, self._receiving = SendingCipher(secrets.sending), ReceivingCipher(secrets.receiving)
        self._ratchet = Ratchet.respond(secrets.session, own_ratchet=own, now=NOW)

    def hear(self) -> None:
        envelope = self._receiving.open(self.tell("say"))[:ENVELOPE_SIZE]
        self._ratchet.decrypt(envelope, random=self._random.randbytes, now=NOW)

    def say(self, *, lost: bool = False) -> None:
        text = self._random.randbytes(BODY_SIZE)
        envelope = self._ratchet.encrypt(text, random=self._random.randbytes, now=NOW)
        if not lost:
            self.ledger.note("text", text)
            self.tell("hear", self._sending.seal(cell(envelope)))

    def rekey(self) -> None:
        """What both sides' next bodies would carry, if anything."""
        part = self.tell("part")
        if part:
            self._ratchet.accept_rekey(unpack_part(part), now=NOW)
        ours = self._ratchet.rekey_part(NOW)
        if ours is not None:
            self.tell("take", pack_part(ours))

    def offered(self) -> bool:
        """Whether the speaker offers a key for a new epoch."""
        part = self.tell("part")
        return bool(part) and isinstance(unpack_part(part), KemKey)

    def converse(self) -> None:
        """Some epochs, with an offer that was not answered at the end."""
        for turn in itertools.count():
            self.hear()
            self.say(lost=turn in LOST)
            self.say()
            if turn >= TURNS and self.offered():
                break
            self.rekey()
        self.hear()  # now we know every key that the speaker has

    def search(self) -> Search:
        return searched(self.pid, self.ledger.sought())


@contextmanager
def session(environment: Mapping[str, str], seed: int) -> Iterator[Listener]:
    """A session with a speaker in a process of its own, after the first message."""
    ledger = Ledger()
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE)
    with ours, pytest.MonkeyPatch.context() as patch:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.crypto.speaker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                cwd=ROOT,
            )
        with process:
            try:
                ledger.listen(patch)
                listener = Listener(ledger, ours, process.pid, seed)
                listener.greet()
                yield listener
            finally:
                process.kill()


def test_a_handshake_under_way_holds_its_own_keys_and_none_of_one_that_failed() -> None:
    with session(overwriting(), 1) as listener:
        found = listener.search()
        assert found.by_kind() == {"handshake key": 3, "KEM seed": 1, "private key": 2, "psk": 1}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_live_session_holds_what_it_needs_and_an_ended_one_nothing(seed: int) -> None:
    with session(overwriting(), seed) as listener:
        listener.meet()
        listener.converse()
        alive = listener.search()
        assert (
            alive.by_kind()
            == {  # of hundreds of each: what was used before is gone while the session lives
                "chain key": 2,
                "header key": 4 + len(LOST),
                "KEM seed": 1,
                "link key": 2,
                "message key": len(LOST),
                "private key": 2,
                "psk": 1,
                "root key": 1,
                "text": 1,
            }
        )
        assert {find.place for find in alive.finds if find.whole} == {"[heap] (bytes)"}
        listener.tell("end")
        ended = listener.search()
        assert ended.by_place() == {}
    assert ended.size > 1_000_000
    for kind in ("message key", "chain key", "root key", "header key", "shared secret", "text"):
        assert listener.ledger.count(kind) > 80, kind
    for kind in ("handshake key", "KEM seed"):
        assert listener.ledger.count(kind) > 3, kind


def test_a_process_that_is_not_set_up_to_overwrite_keeps_keys() -> None:
    with session(os.environ, 3) as listener:
        listener.meet()
        listener.converse()
        listener.tell("end")
        assert {"message key", "chain key"} <= listener.search().by_kind().keys()
