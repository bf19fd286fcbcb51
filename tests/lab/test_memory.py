"""The search of another process's memory, in a child that holds what it is given in ways that we choose."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from onionchat.errors import ConfigError
from onionchat.lab.memory import Search, Sought, search, writable
from tests.crypto.searching import KEY, resting, searched

OTHER = bytes(range(2, 255, 8))
WIPE = "import ctypes; ctypes.memset(id(key) + bytes.__basicsize__ - 1, 0, 32)"


def found(script: str, data: bytes = KEY) -> Search:
    with resting(script) as pid:
        return searched(pid, [Sought(kind="key", data=data)])


def test_a_key_is_found_whole_and_named_by_place_and_object() -> None:
    with resting("") as pid:
        search = searched(pid, [Sought(kind="other", data=OTHER), Sought(kind="key", data=KEY)])
    assert search.by_kind() == {"key": 1}
    assert search.numbers() == {1}
    assert any(find.whole and find.place.endswith("(bytes)") for find in search.finds)
    assert sum(search.by_place().values()) == len(search.finds)
    assert search.size > 1_000_000


@pytest.mark.parametrize(
    "held",
    [
        "held = b'x' * 1001 + key[3:11] + b'y' * 1001",
        "held = b'.'.join(key[at:at + 8][::-1] for at in range(0, 32, 8))",
        "held = bytes(byte ^ 0x36 for byte in key)",
        "held = bytes(byte ^ 0x5c for byte in key)",
        "held = bytes([key[0] & 248]) + key[1:31] + bytes([key[31] & 127 | 64])",
        "held = key.decode('latin-1')",
    ],
)
def test_eight_bytes_of_it_are_enough_in_any_shape(held: str) -> None:
    assert found(f"{held}; {WIPE}").by_kind() == {"key": 1}


@pytest.mark.parametrize("held", ["held = 0", "held = b'x' * 1001 + key[3:10] + b'y' * 1001"])
def test_seven_bytes_are_not(held: str) -> None:
    assert found(f"{held}; {WIPE}").by_kind() == {}


@pytest.mark.parametrize("before_the_border", [16, 3, 32, 0, 7, 8])
def test_what_lies_across_the_pieces_in_which_memory_is_read_is_found(before_the_border: int) -> None:
    start = (1 << 16) - before_the_border
    search = found(f"import mmap; held = mmap.mmap(-1, 1 << 18); held[{start}:{start + 32}] = key; {WIPE}")
    assert any(find.whole for find in search.finds)


def test_a_long_text_is_found_by_its_middle_and_in_no_other_shape() -> None:
    assert found("", KEY + OTHER + b".").by_kind() == {"key": 1}
    turned = b"".join(KEY[at : at + 8][::-1] for at in range(0, 32, 8))
    assert found("", turned).by_kind() == {"key": 1}
    assert found("", turned + OTHER + b".").by_kind() == {}


def test_memory_that_cannot_be_read_is_an_error_and_not_an_empty_find() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    with pytest.raises(ConfigError, match=f"the memory of process {ended.pid} cannot be read"):
        search(ended.pid, [Sought(kind="key", data=KEY)])


def test_our_own_writable_memory_is_listed() -> None:
    places = {mapping.place for mapping in writable(os.getpid())}
    assert {"[stack]", "anonymous"} <= places
