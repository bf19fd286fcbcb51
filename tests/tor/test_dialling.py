"""Dialling against listeners that play tor's part of SOCKS."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

import pytest

from onionchat.crypto.onion import OnionKey
from onionchat.errors import LocalProtocolError, PeerUnreachable, TorUnavailable
from onionchat.tor import Line, dial

from .listener import Behaviour, free_port, hold, listening, take

ONION = OnionKey.from_seed(bytes(32)).address


def call(
    proxy: tuple[str, int], *, onion: str = ONION, user: str = "user", timeout: float = 30
) -> socket.socket:
    return dial(socks=proxy, user=user, password="password", onion=onion, port=80, timeout=timeout)


def answering(code: int, asked: Callable[[bytes, bytes], None] = lambda _user, _target: None) -> Behaviour:
    """A SOCKS listener that takes any user name, tells what it was asked, answers ``code`` and echoes."""

    def behave(peer: socket.socket) -> None:
        take(peer, take(peer, 2)[1])
        peer.sendall(b"\x05\x02")
        user = take(peer, take(peer, 2)[1])
        take(peer, take(peer, 1)[0])
        peer.sendall(b"\x01\x00")
        name = take(peer, take(peer, 5)[4])
        asked(user, name + take(peer, 2))
        peer.sendall(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
        while data := peer.recv(4096):
            peer.sendall(data)

    return behave


def test_a_plain_blocking_socket_comes_back() -> None:
    seen: list[tuple[bytes, bytes]] = []
    with listening(answering(0, lambda *asked: seen.append(asked))) as proxy, call(proxy) as sock:
        assert type(sock) is socket.socket
        assert sock.gettimeout() is None
        assert os.get_blocking(sock.fileno())
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.sendall(b"hello")
        assert take(sock, 5) == b"hello"
    assert seen == [(b"user", ONION.encode() + b"\x00\x50")]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x01, "tor could not reach it"),
        (0x04, "cannot be found"),
        (0x05, "does not take calls at this port"),
        (0x06, "too long"),
        (0xF0, "never published"),
        (0xF2, "went off line"),
        (0xF4, "wants a key"),
        (0xF7, "does not answer"),
        (0x99, "0x99"),
    ],
)
def test_an_answer_of_tor_in_plain_words(code: int, words: str) -> None:
    with listening(answering(code)) as proxy, pytest.raises(PeerUnreachable, match=words) as caught:
        call(proxy)
    assert ONION not in caught.value.message


def test_a_socks_port_that_forbids_onions() -> None:
    with (
        listening(answering(0x02)) as proxy,
        pytest.raises(TorUnavailable, match="does not allow onion services"),
    ):
        call(proxy)


@pytest.mark.parametrize(
    "onion",
    [
        "example.com",
        "127.0.0.1",
        "::1",
        "expyuzz4wqqyqhjn.onion",
        "a" * 56 + ".onion",
        ONION[:-6],
        "",
        f"www.{ONION}",
    ],
)
def test_nothing_but_a_v3_onion_is_dialled(onion: str) -> None:
    reached: list[socket.socket] = []
    with listening(reached.append) as proxy, pytest.raises(PeerUnreachable, match="not the address"):
        call(proxy, onion=onion)
    assert reached == []


@pytest.mark.parametrize("user", ["", "x" * 128, "ü" * 64])
def test_a_user_name_that_would_not_isolate_is_refused(user: str) -> None:
    reached: list[socket.socket] = []
    with listening(reached.append) as proxy, pytest.raises(LocalProtocolError):
        call(proxy, user=user)
    assert reached == []


def test_no_socks_port() -> None:
    with pytest.raises(TorUnavailable, match="does not answer"):
        call(("127.0.0.1", free_port()))


def test_silence_has_an_end() -> None:
    with listening(hold) as proxy, pytest.raises(PeerUnreachable, match="not reached within"):
        call(proxy, timeout=0.1)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 501\r\n", b"\x05"])
def test_something_else_than_socks(answer: bytes) -> None:
    def behave(peer: socket.socket) -> None:
        take(peer, 4)
        peer.sendall(answer)

    with listening(behave) as proxy, pytest.raises(TorUnavailable, match="broke off"):
        call(proxy)


def test_a_listener_that_takes_no_user_name() -> None:
    def behave(peer: socket.socket) -> None:
        take(peer, 4)
        peer.sendall(b"\x05\xff")

    with listening(behave) as proxy, pytest.raises(TorUnavailable, match="refuses any user name"):
        call(proxy)


def test_a_dial_is_given_up_from_another_thread() -> None:
    asked, over, line = threading.Event(), threading.Event(), Line()

    def behave(peer: socket.socket) -> None:
        peer.recv(1)
        asked.set()
        hold(peer)
        over.set()

    def hang_up() -> None:
        asked.wait(30)
        line.hang_up()

    with listening(behave) as proxy:
        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises((PeerUnreachable, TorUnavailable)):
            dial(line, socks=proxy, user="user", password="password", onion=ONION, port=80, timeout=600)
        thread.join()
        assert over.wait(30)


def test_a_dial_that_was_given_up_before_is_not_made() -> None:
    line = Line()
    line.hang_up()
    with (
        listening(lambda _: pytest.fail("called")) as proxy,
        pytest.raises(PeerUnreachable, match="given up"),
    ):
        dial(line, socks=proxy, user="user", password="password", onion=ONION, port=80, timeout=30)


def test_a_dial_that_was_made_is_not_touched_any_more() -> None:
    line = Line()
    with (
        listening(answering(0)) as proxy,
        dial(line, socks=proxy, user="user", password="password", onion=ONION, port=80, timeout=30) as sock,
    ):
        line.hang_up()
        sock.sendall(b"hello")
        assert take(sock, 5) == b"hello"
