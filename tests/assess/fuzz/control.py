"""Targets: the control socket's lines, at the engine and at a client."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from onionchat.client.rules import Lines, result_of
from onionchat.control import (
    decode_from_engine,
    decode_request,
    encode,
    notices,
    replies,
    request_id,
    requests,
)
from onionchat.errors import ControlError

from .sample import packed, samples
from .structure import bend_json
from .target import Run, Target, attempt, guarded, head, require

_NESTED: Final = b'{"x":' + b"[" * 2000


def _make_request() -> Run:
    def run(data: bytes) -> str:
        identifier = request_id(data)
        require(
            identifier is None or 0 <= identifier <= requests.MAX_ID,
            "an id is a whole number within its bounds",
        )
        found = attempt(lambda: decode_request(data), ControlError)
        require(decode_request(encode(found)) == found, "a request comes back as it was")
        require(identifier == found.id or b'"id"' not in data, "both readers see the same id")
        return f"taken {type(found).__name__}"

    return guarded(run)


def _make_from_engine() -> Run:
    def run(data: bytes) -> str:
        found = attempt(lambda: decode_from_engine(data), ControlError)
        if isinstance(found, replies.Reply):
            attempt(lambda: result_of(found), ControlError)
        if _finite(msgspec.to_builtins(found)):
            require(decode_from_engine(encode(found)) == found, "what the engine says comes back as it was")
        return f"taken {type(found).__name__}"

    return guarded(run)


def _finite(value: Any) -> bool:
    """Whether JSON can carry it: an infinity it cannot, and the engine's clock gives none."""
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _make_lines() -> Run:
    def run(data: bytes) -> str:
        """The first byte says how the rest is cut into pieces."""
        step, stream = 1 + head(data), data[1:]
        pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
        lines = Lines()
        found = [line for piece in pieces for line in lines.feed(piece)]
        require(found == stream.split(b"\n")[:-1], "lines are the same however the stream is cut")
        return f"taken {min(len(found), 5)}"

    return guarded(run)


def _from_engine() -> Sequence[bytes]:
    found = [encode(replies.Reply(id=1, result=result)) for result in samples(replies.AnyResult)]
    return [*found, *packed(replies.Reply), *packed(notices.AnyNotice), _NESTED]


TARGETS: Final = (
    Target(
        name="control-request",
        make=_make_request,
        seeds=lambda: [*packed(requests.AnyRequest), _NESTED],
        longest=4096,
        mutate=bend_json,
    ),
    Target(
        name="control-from-engine",
        make=_make_from_engine,
        seeds=_from_engine,
        longest=4096,
        mutate=bend_json,
    ),
    Target(
        name="control-lines",
        make=_make_lines,
        seeds=lambda: [b"\0a\nb\n", b"\3{}\n{}\n{}", b"\xff\n\n"],
        longest=64,
    ),
)
