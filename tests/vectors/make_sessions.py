"""The vectors of whole sessions, and of what is kept of them."""

from __future__ import annotations

from typing import Final

import msgspec

from .make import Folder, Head, encapsulations, flipped, value
from .transcript import Session
from .vector import Vector

BEGUN: Final = 1_700_000_000


def session_head(*, epochs: int = 0) -> Head:
    """Where a session begins, and the encapsulations of its epochs."""
    names = (
        "root",
        "header-initiator",
        "header-responder",
        "session-id",
        "initiator-static",
        "responder-static",
    )
    head = [(name, value(f"session {name}").hex()) for name in names]
    head += [
        (f"{name}-ratchet", value(f"first ratchet of {name}").hex()) for name in ("initiator", "responder")
    ]
    head += [("kem", " ".join(one.hex() for one in three)) for three in encapsulations()[:epochs]]
    return [*head, ("begun", str(BEGUN))]


class Script:
    """Writes the steps of a session, with a nonce and a body, or a ratchet key, of its own in each."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.sent = 0

    def send(self, side: str) -> int:
        number = self.sent
        text = f"envelope {number} of {side}".encode()
        self.lines.append(f"send {side} {value(f'nonce {number}', 24).hex()} {text.hex()}")
        self.sent += 1
        return number

    def receive(self, side: str, number: int, *, begins: bool = False) -> None:
        key = f" {value(f'ratchet after {number}').hex()}" if begins else ""
        self.lines.append(f"receive {side} {number}{key}")

    def say(self, *words: object) -> None:
        self.lines.append(" ".join(map(str, words)))

    def turn(self, sender: str, receiver: str) -> None:
        """One envelope, which begins a chain at its receiver."""
        self.receive(receiver, self.send(sender), begins=True)


ONE, OTHER = "initiator", "responder"


def plain() -> Script:
    """Chains with losses, late envelopes and repetitions."""
    script = Script()
    first, second, third = (script.send(ONE) for _ in range(3))
    script.receive(OTHER, second, begins=True)
    script.say("refuse", OTHER, second)
    script.receive(OTHER, first)
    script.turn(OTHER, ONE)
    fourth, fifth = script.send(ONE), script.send(ONE)
    script.receive(OTHER, fifth, begins=True)
    script.receive(OTHER, third)
    script.say("refuse", OTHER, third)
    script.receive(OTHER, fourth)
    lost = script.send(OTHER)
    script.receive(ONE, script.send(OTHER), begins=True)
    script.say("time", BEGUN + 32 * 86_400)
    script.send(ONE)
    script.receive(OTHER, script.send(ONE), begins=True)
    script.receive(ONE, lost)
    return script


def with_epochs() -> Script:
    """Two KEM epochs, proposed by either side in turn, with an envelope that is late by one of them."""
    script = Script()
    script.turn(ONE, OTHER)
    script.turn(OTHER, ONE)
    script.say("time", BEGUN + 3600)
    script.say("offer", ONE, 0)
    late = script.send(ONE)
    script.receive(OTHER, script.send(ONE), begins=True)
    script.say("encapsulate", OTHER, 0)
    script.turn(OTHER, ONE)
    script.say("decapsulate", ONE, 0)
    script.receive(OTHER, script.send(ONE), begins=True)
    script.turn(OTHER, ONE)
    script.turn(ONE, OTHER)
    script.receive(OTHER, late)
    script.say("time", BEGUN + 7200)
    script.say("offer", OTHER, 1)
    script.turn(OTHER, ONE)
    script.say("encapsulate", ONE, 1)
    script.turn(ONE, OTHER)
    script.say("decapsulate", OTHER, 1)
    script.turn(OTHER, ONE)
    script.turn(ONE, OTHER)
    script.turn(OTHER, ONE)
    return script


def folders() -> list[Folder]:
    folder, states = Folder("session"), Folder("state")
    for name, about, script, epochs in (
        ("ok", "losses, late envelopes and repetitions, over 32 days", plain(), 0),
        ("ok-epochs", "two KEM epochs, one proposed by each side", with_epochs(), 2),
    ):
        session = run(script.lines, epochs=epochs)
        final = [(f"{side}-state", ratchet.to_bytes().hex()) for side, ratchet in session.sides.items()]
        head = [*session_head(epochs=epochs), *(("step", line) for line in script.lines), *final]
        folder.add(name, "ok", about, head, *session.made)
        for side, ratchet in session.sides.items():
            states.add(f"{name}-{side}", "ok", "as it is kept", [], ratchet.to_bytes())
    offering = run(with_epochs().lines[:7], epochs=1).sides[ONE].to_bytes()
    states.add("ok-offering", "ok", "with a KEM key on offer and a chain that nobody answered", [], offering)
    for name, about, block in (
        ("version", "of another version", _changed(offering, 0, 2)),
        ("root", "a root key that is too long", _changed(offering, 2, bytes(33))),
        (
            "field",
            "a field that nobody knows",
            msgspec.msgpack.encode([*msgspec.msgpack.decode(offering), 0]),
        ),
        ("cut", "cut short", offering[:-1]),
        ("behind", "a byte behind its end", offering + b"\0"),
    ):
        states.add(f"refused-{name}", "damaged", about, [], block)
    refused(folder)
    return [folder, states]


def run(lines: list[str], *, epochs: int = 0) -> Session:
    session = Session(Vector(name="", head=tuple(session_head(epochs=epochs))))
    for line in lines:
        session.step(line)
    return session


def _changed(state: bytes, place: int, content: object) -> bytes:
    fields = msgspec.msgpack.decode(state)
    fields[place] = content
    return msgspec.msgpack.encode(fields)


def refused(folder: Folder) -> None:
    """Sessions whose last envelope does not open."""
    script = Script()
    script.turn(ONE, OTHER)
    script.turn(OTHER, ONE)
    good = script.send(ONE)
    made = run(script.lines).made
    envelope = made[good]
    for name, about, forged in (
        ("nonce", "one bit of the nonce is changed", flipped(envelope, 3)),
        ("header", "one bit of the sealed header is changed", flipped(envelope, 50)),
        ("body", "one bit of the body is changed", flipped(envelope, 900)),
        ("tag", "the last bit is changed", flipped(envelope, -1)),
        ("joined", "header and body of two envelopes", made[0][:84] + envelope[84:]),
        ("own", "an envelope of its own comes back", made[1]),
        ("short", "a byte too few", envelope[:-1]),
        ("stranger", "bytes that nobody sealed", value("stranger", 1933)),
    ):
        lines = [*script.lines, "forged", f"receive {OTHER} {good + 1} {value('unused').hex()}"]
        head = [*session_head(), *(("step", line) for line in lines)]
        folder.add(f"refused-{name}", "decryption", about, head, *made, forged)
    lines = [*script.lines[:2], script.lines[1]]
    folder.add(
        "refused-repeated",
        "decryption",
        "the same envelope twice",
        [*session_head(), *(("step", line) for line in lines)],
        made[0],
    )
    lines = [f"send {OTHER} {value('nonce 0', 24).hex()} 00"]
    folder.add(
        "never-first",
        "local-protocol",
        "the responder sends before anything arrived",
        [*session_head(), *(("step", line) for line in lines)],
    )
