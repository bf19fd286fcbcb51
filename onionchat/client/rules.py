"""What both clients hold to: who may be at the other end, how bytes become lines and replies become results.

Laws: no waiting and no reading here, so that the blocking and the asyncio client cannot come to differ.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..control import encode
from ..control.limits import MAX_LINE, MAX_REQUEST_LINE
from ..control.replies import AnyResult, Reply
from ..control.requests import AnyRequest
from ..errors import ControlError

CHUNK: Final = 64 * 1024
"""Bytes asked of the socket at a time."""

MAX_WAITING: Final = 10_000
"""Notices kept for a reader that does not take them; one more ends the connection."""

_CREDENTIALS: Final = struct.Struct("iII")
"""What Linux gives for SO_PEERCRED: pid, uid, gid (unix(7))."""


class Lines:
    """Cuts a stream of bytes into lines of at most `MAX_LINE` bytes."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that ``data`` completes, without their newline.

        Raises:
            ControlError: ``bad-reply``: the engine sends a line that is too long.
        """
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._rest += end
            self._check()
            yield bytes(self._rest)
            self._rest.clear()
        self._rest += rest
        self._check()

    def _check(self) -> None:
        if len(self._rest) > MAX_LINE:
            raise ControlError("bad-reply", "the engine sent a line that is longer than a line may be")


def line_of(request: AnyRequest) -> bytes:
    """``request`` as it is sent.

    Raises:
        ControlError: ``bad-request``: it is longer than the engine would read, or not Unicode.
    """
    line = encode(request)
    if len(line) > MAX_REQUEST_LINE:
        raise ControlError("bad-request", "this is longer than the engine takes", hint="send it in parts")
    return line


def result_of(reply: Reply) -> AnyResult:
    """What was asked for.

    Raises:
        ControlError: what the engine said instead, with its code, hint and exit status.
    """
    if reply.error is not None:
        error = reply.error
        raise ControlError(error.code, error.message, hint=error.hint, exit_code=error.exit_code)
    if reply.result is None:
        raise ControlError("bad-reply", "the engine sent a reply with nothing in it")
    return reply.result


def check_peer(connection: socket.socket) -> int:
    """Make sure that the engine runs as the same user, or as root; gives its process id.

    Raises:
        ControlError: ``engine-denied``: another user put this socket here and would read what we say.
    """
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _gid = _CREDENTIALS.unpack(raw)
    if uid not in {os.getuid(), 0}:
        raise ControlError(
            "engine-denied",
            "the engine at this control socket runs as another user",
            hint="choose a vault in a folder that only you can write to: --vault",
            exit_code=6,
        )
    return int(pid)


def no_connection(path: Path, error: OSError) -> ControlError:
    """The error for a control socket that could not be connected to."""
    if isinstance(error, PermissionError):
        return ControlError(
            "engine-denied",
            f"the control socket belongs to another user: {path}",
            hint="run onionchat as the user who started the engine",
            exit_code=6,
        )
    return ControlError(
        "engine-not-running",
        f"no engine is running for this vault (nothing answers at {path})",
        hint="start one with: onionchat serve",
        exit_code=6,
    )


def engine_gone() -> ControlError:
    """The error for an engine that closed the connection."""
    return ControlError(
        "engine-gone",
        "the engine ended the connection",
        hint="see whether it still runs: onionchat status",
        exit_code=6,
    )
