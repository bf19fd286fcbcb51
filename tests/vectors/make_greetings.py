"""The vectors of a handshake's payloads."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from onionchat.protocol import greeting
from onionchat.protocol.pace import Pace

from .make import Folder, Head, payload, value
from .make_invites import ONION

KEY: Final = value("ratchet key")
PACE: Final = [0, 2000, 1]
USUAL: Final[list[Any]] = [KEY, PACE, False, [1], [1], []]


def folders() -> list[Folder]:
    return [greetings()]


def greetings() -> Folder:
    folder = Folder("greeting")
    folder.add("ok-1", "ok", "the first payload is empty", [("message", "1")], bytes(704))
    folder.add(
        "refused-1",
        "remote-protocol",
        "the first payload is not empty",
        [("message", "1")],
        bytes(703) + b"\x01",
    )
    _responder_greetings(folder)
    _initiator_greetings(folder)
    return folder


def _responder_greetings(folder: Folder) -> None:
    def head(pace: str = "0 2000 1", reset: str = "no", *more: tuple[str, str]) -> Head:
        return [("message", "2"), ("ratchet", KEY.hex()), ("pace", pace), ("reset", reset), *more]

    folder.add("ok-2", "ok", "as our side says it", head(), payload(USUAL, 800))
    folder.add(
        "ok-2-reset",
        "ok",
        "the session was lost",
        head("0 250 1", "yes"),
        payload([KEY, [0, 250, 1], True, [1], [1], []], 800),
    )
    many = list(range(16))
    lists = [("versions", " ".join(map(str, many))), ("suites", "255 1"), ("capabilities", "7 7 0 255")]
    folder.add(
        "ok-2-lists",
        "ok",
        "other versions, suites and capabilities beside ours",
        head("0 30000 1", "no", *lists),
        payload([KEY, [0, 30_000, 1], False, many, [255, 1], [7, 7, 0, 255]], 800),
    )
    for name, pace, about in (
        ("poisson", [1, 500, 1], "random gaps"),
        ("burst", [2, 2000, 1], "when there is something to say"),
        ("batch", [0, 2000, 8], "the largest batch"),
        ("quick", [0, 25, 1], "the shortest tick"),
    ):
        said = " ".join(map(str, pace))
        folder.add(f"ok-2-{name}", "ok", about, head(said), payload([KEY, pace, *USUAL[2:]], 800))
    for given in range(3):
        folder.add(
            f"ok-2-pace-with-{given}-fields",
            "ok",
            "the fields of a pace that are missing have their defaults",
            [*head(), ("encoding", "short")],
            payload([KEY, PACE[:given]], 800),
        )
    for count in (2, 3, 4, 5):
        folder.add(
            f"ok-2-with-{count}-fields",
            "ok",
            "the fields that are missing have their defaults",
            [*head(), ("encoding", "short")],
            payload(USUAL[:count], 800),
        )
    long_number = msgspec.msgpack.encode(USUAL).replace(b"\xcd\x07\xd0", b"\xce\x00\x00\x07\xd0")
    folder.add(
        "ok-2-long-number",
        "ok",
        "a number that is encoded longer than it needs",
        [*head(), ("encoding", "long")],
        payload(None, 800, packed=long_number),
    )
    for name, (block, about) in bad_responder_greetings().items():
        folder.add(f"refused-2-{name}", "remote-protocol", about, [("message", "2")], block)


def bad_responder_greetings() -> dict[str, tuple[bytes, str]]:
    whole = msgspec.msgpack.encode(USUAL)
    return {
        "level-3": (payload([KEY, [3, 2000, 1]], 800), "no such level"),
        "tick-low": (payload([KEY, [0, 24, 1]], 800), "a tick below its bound"),
        "tick-high": (payload([KEY, [0, 30_001, 1]], 800), "a tick above its bound"),
        "tick-float": (payload([KEY, [0, 2000.0, 1]], 800), "a number that is not whole"),
        "tick-text": (payload([KEY, [0, "2000", 1]], 800), "text for a number"),
        "batch-0": (payload([KEY, [0, 2000, 0]], 800), "a batch of nothing"),
        "batch-3": (payload([KEY, [0, 2000, 3]], 800), "no such batch"),
        "batch-16": (payload([KEY, [0, 2000, 16]], 800), "no batch is so large"),
        "pace-number": (payload([KEY, 2000], 800), "a number for a pace"),
        "pace-long": (payload([KEY, [0, 2000, 1, 0]], 800), "a field that no pace has"),
        "ratchet-short": (payload([KEY[1:], PACE], 800), "a key of 31 bytes"),
        "ratchet-text": (payload(["a" * 32, PACE], 800), "text for bytes"),
        "reset-number": (payload([KEY, PACE, 0], 800), "a number for a truth value"),
        "other-version": (payload([KEY, PACE, False, [2]], 800), "our version is not among them"),
        "no-version": (payload([KEY, PACE, False, []], 800), "no version"),
        "other-suite": (payload([KEY, PACE, False, [1], [2]], 800), "our suite is not among them"),
        "17-versions": (payload([KEY, PACE, False, [1] * 17], 800), "more versions than may be said"),
        "version-256": (payload([KEY, PACE, False, [1, 256]], 800), "no version has so great a number"),
        "version-negative": (payload([KEY, PACE, False, [1, -1]], 800), "nor a negative one"),
        "a-field-too-many": (payload([*USUAL, 0], 800), "a field that nobody knows"),
        "a-field-alone": (payload([KEY], 800), "a field that has no default is missing"),
        "map": (payload({"ratchet": KEY, "pace": PACE}, 800), "a map for an array"),
        "nothing": (bytes(800), "no greeting at all"),
        "bytes-behind": (payload(None, 800, packed=whole + b"\xc0"), "a value behind the greeting"),
        "cut": (payload(USUAL, 800, length=len(whole) - 1), "a length that cuts it short"),
        "length-beyond": (payload(USUAL, 800, length=799), "a length beyond the payload"),
        "padding": (payload(USUAL, 800)[:-1] + b"\x01", "padding that is not zero"),
    }


def _initiator_greetings(folder: Folder) -> None:
    onion = ONION.public
    for intent, name in enumerate(("resume", "contact", "reset")):
        pair = onion if name == "contact" else bytes(32)
        head = [("message", "3"), ("intent", str(intent)), ("pace", "0 2000 1"), ("onion", pair.hex())]
        said = greeting.InitiatorGreeting(intent=greeting.Intent(intent), pace=Pace(), onion=pair)
        folder.add(f"ok-3-{name}", "ok", f"dialled to {name}", head, greeting.fill(said, 3))
    head = [("message", "3"), ("intent", "0"), ("pace", "0 500 1"), ("onion", bytes(32).hex())]
    folder.add(
        "ok-3-short",
        "ok",
        "the fields that are missing have their defaults",
        [*head, ("encoding", "short")],
        payload([0, [0, 500]], 1888),
    )
    bad: dict[str, tuple[bytes, str]] = {
        "intent-3": (payload([3, PACE], 1888), "no such intent"),
        "intent-text": (payload(["0", PACE], 1888), "text for a number"),
        "onion-short": (payload([1, PACE, onion[1:]], 1888), "a key of 31 bytes"),
        "other-version": (payload([0, PACE, onion, [0, 2]], 1888), "our version is not among them"),
        "other-suite": (payload([0, PACE, onion, [1], [3]], 1888), "our suite is not among them"),
        "17-capabilities": (payload([0, PACE, onion, [1], [1], [1] * 17], 1888), "more than may be said"),
        "padding": (payload([0, PACE], 1888)[:-1] + b"\x01", "padding that is not zero"),
        "length-beyond": (payload([0, 2000], 1888, length=1887), "a length beyond the payload"),
    }
    for name, (block, about) in bad.items():
        folder.add(f"refused-3-{name}", "remote-protocol", about, [("message", "3")], block)
