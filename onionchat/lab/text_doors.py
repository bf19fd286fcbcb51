"""The doors through which text comes: an invite, and a line on the control socket.

Laws: what is taken is the longest that each allows, in the form that costs most to read.
"""

from __future__ import annotations

from os import urandom

from ..control.codec import decode_request
from ..control.limits import MAX_CODE, MAX_REQUEST_LINE, MAX_TEXT
from ..crypto.keys import KEY_SIZE
from ..protocol import invite
from .door import Door, refusing, taking
from .stopwatch import Contestant, Work, repeated


def invite_door() -> Door:
    """An invite, with white space up to the length that a request allows."""
    good = invite.Invite(onion=urandom(KEY_SIZE), static=urandom(KEY_SIZE), secret=urandom(16)).encode()
    spaced = good[:80] + " " * (MAX_CODE - len(good)) + good[80:]
    typo = spaced[:-1] + ("a" if spaced[-1] != "a" else "b")
    bad = {
        "a wrong letter": typo,
        "a letter outside the alphabet": spaced[:-1] + "1",
        "another prefix": "x" + spaced[1:],
        "white space alone": " " * MAX_CODE,
        "a letter short": good[:-1],
        "a long code": invite.PREFIX + "a" * (MAX_CODE - len(invite.PREFIX)),
        "characters that take more than a byte": invite.PREFIX + "ß" * (MAX_CODE - len(invite.PREFIX)),
    }
    return Door(
        name="invite",
        taken={"largest": _decoding(spaced)},
        refused={name: _not_decoding(code) for name, code in bad.items()},
    )


def _decoding(code: str) -> Contestant:
    return repeated(lambda: invite.decode(code), 10)


def _not_decoding(code: str) -> Contestant:
    return repeated(refusing(lambda: invite.decode(code)), 10)


def control_door() -> Door:
    """A request: the longest text there is, with each character in its longest form, and its name last."""
    room = MAX_REQUEST_LINE - 100
    pairs = (room - 6 * MAX_TEXT) // 6
    escaped = b"\\ud83d\\ude00" * pairs + b"\\u0001" * (MAX_TEXT - pairs)
    good = b'{"contact":"c","text":"' + escaped + b'","do":"send"}'
    bad = {
        "a text that does not end": good[: -len(b'","do":"send"}')],
        "a text that is too long": good.replace(escaped, escaped + b"ab"),
        "a value out of bounds at the end": good.replace(b'"do"', b'"lifetime":1,"do"'),
        "an unknown request": good.replace(b'"send"}', b'"tell"}'),
        "an unknown field": b'{"x":"' + b"a" * room + b'","do":"send"}',
        "nested lists": b"[" * room,
        "nested lists before the request": b'{"x":' + b"[" * 900 + b"]" * 900 + b',"do":"send"}',
        "many lists before the request": b'{"x":[' + b"[]," * (room // 3) + b'[]],"do":"send"}',
        "many numbers": b'{"contact":[' + b"1," * (room // 2) + b'1],"do":"send"}',
        "not UTF-8 at the end": good.replace(escaped, escaped[:-6] + b"\xff"),
        "a line that is too long": b"a" * (MAX_REQUEST_LINE + 1),
    }
    return Door(
        name="control_line",
        taken={"longest": taking(lambda: decode_request(good))},
        refused={name: taking(refusing(_requesting(line))) for name, line in bad.items()},
    )


def _requesting(line: bytes) -> Work:
    return lambda: decode_request(line)
