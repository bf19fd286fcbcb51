from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.client.rules import Lines, check_peer, no_connection
from onionchat.control.limits import MAX_LINE
from onionchat.errors import ControlError


@given(st.lists(st.binary(max_size=30)))
def test_lines_do_not_depend_on_how_the_bytes_are_cut(chunks: list[bytes]) -> None:
    lines = Lines()
    seen = [line for chunk in chunks for line in lines.feed(chunk)]
    assert seen == b"".join(chunks).split(b"\n")[:-1]


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_a_line_may_have_its_bound_and_no_more(ending: bytes) -> None:
    lines = Lines()
    assert [len(line) for line in lines.feed(b"x" * MAX_LINE + b"\n")] == [MAX_LINE]
    with pytest.raises(ControlError, match="longer than a line may be"):
        list(lines.feed(b"x" * (MAX_LINE + 1) + ending))


class Stranger(socket.socket):
    uid = os.getuid() + 1

    def getsockopt(self, level: int, name: int, size: int = 0) -> bytes:  # type: ignore[override]  # one case of three
        assert (level, name) == (socket.SOL_SOCKET, socket.SO_PEERCRED)
        return struct.pack("iII", 1, self.uid, self.uid)


class Root(Stranger):
    uid = 0


def test_another_user_is_refused() -> None:
    with Stranger(socket.AF_UNIX) as connection, pytest.raises(ControlError) as caught:
        check_peer(connection)
    assert caught.value.code == "engine-denied"


def test_root_and_ourselves_are_not() -> None:
    with Root(socket.AF_UNIX) as connection:
        check_peer(connection)
    one, other = socket.socketpair()
    with one, other:
        check_peer(one)


def test_a_socket_of_somebody_else() -> None:
    assert no_connection(Path("/x"), PermissionError(13, "denied")).code == "engine-denied"
