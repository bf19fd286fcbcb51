"""The stack below the caller, looked at from another process before and after it was wiped."""

from __future__ import annotations

import os

import pytest

from onionchat.crypto import stack
from onionchat.crypto.stack import wipe_stack
from onionchat.lab.memory import Sought

from .searching import KEY, resting, searched

LEAVES = """
    import ctypes
    from onionchat.crypto.stack import wipe_stack

    class Block(ctypes.Structure):
        _fields_ = [("bytes", ctypes.c_char * 4096)]

    callee = ctypes.CDLL(None).getpid
    callee.argtypes = [Block]  # a block that is given as it is lies on the stack

    def leave(depth):
        if depth:
            return list(map(leave, [depth - 1]))
        block = Block.from_buffer_copy(key * 128)
        callee(block)
        ctypes.memset(ctypes.addressof(block), 0, 4096)

    leave(4)
    {}
"""


@pytest.mark.parametrize(("then", "left"), [("", True), ("wipe_stack()", False)])
def test_what_a_function_left_below_us_is_gone(then: str, *, left: bool) -> None:
    at_once = {
        "LD_BIND_NOW": "1"
    }  # a library's function that is found late leaves the registers on the stack
    with resting(LEAVES.format(then), os.environ | at_once) as pid:
        found = searched(pid, [Sought(kind="key", data=KEY)])
    assert ("key in [stack]" in found.by_place()) is left


def test_it_reaches_deeper_than_any_primitive_and_no_deeper_than_a_small_stack_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(stack, "_stackzero", asked.append)
    stack.wipe_stack()
    assert asked == [65_536]


def test_nothing_that_is_in_use_is_touched() -> None:
    held = [os.urandom(32) for _ in range(100)]
    before = b"".join(held)
    wipe_stack()
    assert b"".join(held) == before
