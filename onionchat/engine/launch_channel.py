"""What engine and launcher tell each other: one JSON struct per datagram of a SOCK_SEQPACKET pair.

Laws: imports nothing heavy, because the launcher stays small. Both ends use this codec; anything else on the
channel is our own bug. No secret passes here. Received descriptors are close-on-exec and belong to whoever
received them.
"""

from __future__ import annotations

import os
import socket
from array import array
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec

from ..errors import ConnectionLost, LocalProtocolError

MAX_DATAGRAM: Final = 64 * 1024
"""Bytes of one message: a tor's command line and much room beside it."""

NOT_STARTED: Final = 127
"""The status in `Ended` of a program that could not be started at all, as shells have it."""

Child = Literal["metronome", "tor"]


class StartMetronome(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """The engine wants a fresh metronome. One that still runs ends when its channel is closed."""


class StartTor(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """The engine wants a tor. Beside it comes one descriptor: the tor's stdout and stderr."""

    argv: Annotated[list[str], msgspec.Meta(min_length=1)]


class StopTor(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """The engine wants every tor ended: SIGTERM, and SIGKILL to one that takes too long."""


class MetronomeStarted(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """Beside it comes one descriptor: the engine's end of the metronome's channel."""

    pid: int


class TorStarted(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """A tor runs."""

    pid: int


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """A child has ended, or could not be started (pid 0)."""

    what: Child
    pid: int
    status: int
    """Its exit status; ``-n`` where signal n ended it; `NOT_STARTED`."""


Message = StartMetronome | StartTor | StopTor | MetronomeStarted | TorStarted | Ended

_DESCRIPTORS: Final[dict[type, int]] = {StartTor: 1, MetronomeStarted: 1}

_ANCILLARY: Final = socket.CMSG_SPACE(2 * array("i").itemsize)
"""Room for one more descriptor than a message may have, so that a second is noticed."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def send(channel: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message. The caller keeps (and closes) its own copies of the descriptors.

    Raises:
        LocalProtocolError: too long, or not the descriptors that belong to it.
        ConnectionLost: the other end is gone.
    """
    datagram = _encoder.encode(message)
    if len(datagram) > MAX_DATAGRAM or len(descriptors) != _DESCRIPTORS.get(type(message), 0):
        raise LocalProtocolError(f"a {type(message).__name__} message that cannot be sent")
    try:
        socket.send_fds(channel, [datagram], list(descriptors))
    except BlockingIOError:
        raise
    except OSError:
        raise ConnectionLost("the other end of the launch channel is gone") from None


def receive(channel: socket.socket) -> tuple[Message, tuple[int, ...]]:
    """The next message, with its descriptors.

    Raises:
        ConnectionLost: the other end is gone.
        LocalProtocolError: not a message; its descriptors are closed.
        BlockingIOError: nothing there yet, on a socket that does not block.
    """
    try:
        # Not socket.recv_fds, which ignores its flags (Python 3.11).
        datagram, ancillary, flags, _ = channel.recvmsg(MAX_DATAGRAM, _ANCILLARY, socket.MSG_CMSG_CLOEXEC)
    except BlockingIOError:
        raise
    except OSError:
        datagram, ancillary, flags = b"", [], 0
    if not datagram:
        raise ConnectionLost("the other end of the launch channel is gone")
    descriptors = array("i", b"".join(data for _, _, data in ancillary))
    try:
        message = _decoder.decode(datagram)
        whole = not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)
        if whole and len(descriptors) == _DESCRIPTORS.get(type(message), 0):
            return message, tuple(descriptors)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    for descriptor in descriptors:
        os.close(descriptor)
    raise LocalProtocolError("the launch channel carried something that is not a message")
