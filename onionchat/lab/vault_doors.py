"""The doors of the vault: what one of its rows holds, from its seal to the session or the text in it.

Laws: what is taken is the largest that there can be. The files around the rows are not here: whoever changes
them is refused before the passphrase is tried, which takes most of a second.
"""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from typing import Final

import msgspec

from ..crypto.ratchet import Ratchet
from ..crypto.sealing import KEY_SIZE, seal, unseal
from ..errors import VaultCorrupt
from ..protocol.constants import MAX_TEXT_BYTES
from ..protocol.record import MessageRecord, SessionRecord, pack, unpack
from ..store.record import Name, Record
from .door import Door, flipped, refusing, taking
from .session import full_ratchet
from .stopwatch import Contestant

_AD: Final = b"row"
_ID: Final = bytes(16)
_SKIPPED: Final = 44
"""Bytes of one skipped key in a state."""

_Read = Callable[[bytes], object]


class _Row:
    """A row of the vault, and what is done with what stands in it."""

    def __init__(self, kind: str, read: _Read) -> None:
        self._key = urandom(KEY_SIZE)
        self._name = Name(kind, _ID, _ID)
        self._read = read

    def holding(self, value: bytes, change: Callable[[bytes], bytes] = bytes) -> bytes:
        """A row that holds ``value``, changed below its seal."""
        plain = change(Record(self._name, value).encode())
        return seal(self._key, plain, ad=_AD, random=urandom)

    def take(self, row: bytes) -> None:
        """Open it, and read what it holds."""
        found = Record.decode(unseal(self._key, row, ad=_AD))
        if found.name != self._name:
            raise VaultCorrupt("a value of the vault stands under another name")
        try:
            self._read(found.value)
        except msgspec.DecodeError:
            raise VaultCorrupt("a record of the vault cannot be read") from None


def session_door() -> Door:
    """A session with as many skipped keys as there may be."""

    def read(value: bytes) -> object:
        return Ratchet.from_bytes(unpack(value, SessionRecord).ratchet)

    state = full_ratchet().to_bytes()
    bad = {
        "a state of another version": state[:3] + b"\x02" + state[4:],
        "a state that is cut short": state[:-1],
        "a state with something behind it": state + b"\0",
        "a state with a chain too many": _with_chains(state, 5),
        "a state with a key too many": _with_chains(state, 1),
        "a state that is none": urandom(len(state)),
        "nested lists": b"\x91" * len(state),
    }
    packed = {name: pack(SessionRecord(ratchet=one)) for name, one in bad.items()}
    return _door("stored_session", _Row("session", read), pack(SessionRecord(ratchet=state)), packed)


def _with_chains(state: bytes, count: int) -> bytes:
    """The state with ``count`` more chains, of one skipped key each."""
    *fields, chains = msgspec.msgpack.decode(state)
    header_key, records = chains[-1]
    return msgspec.msgpack.encode([*fields, [*chains, *[[header_key, records[:_SKIPPED]]] * count]])


def message_door() -> Door:
    """A text of as many characters as one may have, each as long as it can be."""

    def read(value: bytes) -> object:
        return unpack(value, MessageRecord)

    good = pack(
        MessageRecord(
            id=_ID,
            mine=True,
            text="\U0001f600" * MAX_TEXT_BYTES,
            written=1.0,
            stored=1.0,
            lifetime=60,
            clock=1.0,
            until=2.0,
        )
    )
    text = "\U0001f600".encode()
    bad = {
        "a text that is not UTF-8": good.replace(text * 9, text * 8 + b"\xf0\xff\xff\xff", 1),
        "a field that is not known": good.replace(b"system", b"sister"),
        "a wrong value at the end": good[:-1] + b"\x01",
        "a value that is missing": good[:-1],
        "something behind it": good + b"\0",
        "what is no record": b"\x91" * len(good),
    }
    return _door("stored_message", _Row("message", read), good, bad)


def _door(name: str, row: _Row, good: bytes, bad: dict[str, bytes]) -> Door:
    whole = row.holding(good)
    rows = {what: row.holding(value) for what, value in bad.items()} | {
        "a changed row": flipped(-1)(whole),
        "a row that is cut short": whole[:-1],
        "a name that is no text": row.holding(good, lambda plain: plain[:10] + b"\xff" + plain[11:]),
        "another's name": row.holding(good, flipped(20)),
        "lengths that do not fit": row.holding(good, lambda plain: b"\xff" * 10 + plain[10:]),
    }
    return Door(
        name=name,
        taken={"largest": _taking(row, whole)},
        refused={what: taking(refusing(lambda one=one: row.take(one))) for what, one in rows.items()},  # type: ignore[misc]  # bound now
    )


def _taking(row: _Row, whole: bytes) -> Contestant:
    return taking(lambda: row.take(whole))
