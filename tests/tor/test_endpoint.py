from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from onionchat.errors import ConfigError, TorUnavailable
from onionchat.tor.endpoint import Endpoint

from .listener import Behaviour, free_port, hold, listening


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("127.0.0.1:9051", Endpoint("127.0.0.1:9051", host="127.0.0.1", port=9051)),
        ("localhost:9051", Endpoint("localhost:9051", host="127.0.0.1", port=9051)),
        ("[::1]:9051", Endpoint("[::1]:9051", host="::1", port=9051)),
        ("10.152.152.10:9051", Endpoint("10.152.152.10:9051", host="10.152.152.10", port=9051)),
        ("/run/tor/control", Endpoint("/run/tor/control", path="/run/tor/control")),
        ("unix:/run/tor/control", Endpoint("/run/tor/control", path="/run/tor/control")),
    ],
)
def test_reads_ports_and_paths(address: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(address) == endpoint


@pytest.mark.parametrize(
    "address",
    [
        "",
        "9051",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "tor.example:9051",
        "a:b",
        "1:²",
        "127.0.0.1:" + "9" * 5000,
    ],
)
def test_refuses_anything_else(address: str) -> None:
    with pytest.raises(ConfigError, match="no address"):
        Endpoint.parse(address)


def probe(behave: Behaviour, *, timeout: float = 30) -> None:
    with listening(behave) as (host, port):
        Endpoint.parse(f"{host}:{port}").probe(timeout)


def test_tor_is_recognised() -> None:
    probe(lambda peer: peer.sendall(b"250-PROTOCOLINFO 1\r\n"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.0 501 Tor is not an HTTP Proxy\r\n", "SOCKS port, not its control port"),
        (b"\x05\xff", "SOCKS port, not its control port"),
        (b"\x00\x5b\x00\x00\x00\x00\x00\x00", "SOCKS port, not its control port"),
        (b"HTTP/1.1 400 Bad Request\r\n", "is not a tor controller"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is not a tor controller"),
        (b"510 Command filtered\r\n", "is not a tor controller"),
        (b"x" * 5000, "is not a tor controller"),
        (b"", "closed the connection without an answer"),
    ],
)
def test_whatever_else_listens_is_named(answer: bytes, words: str) -> None:
    def behave(peer: socket.socket) -> None:
        peer.sendall(answer)
        peer.recv(100)

    with pytest.raises(TorUnavailable, match=words) as caught:
        probe(behave)
    assert caught.value.hint


def test_silence_has_an_end() -> None:
    with pytest.raises(TorUnavailable, match="does not answer"):
        probe(hold, timeout=0.1)


def test_a_closed_port() -> None:
    with pytest.raises(TorUnavailable, match="no tor controller listens") as caught:
        Endpoint.parse(f"127.0.0.1:{free_port()}").probe(30)
    assert "torrc.example" in caught.value.hint


def test_a_missing_control_socket(tmp_path: Path) -> None:
    with pytest.raises(TorUnavailable, match="no tor controller listens"):
        Endpoint.parse(str(tmp_path / "control")).probe(30)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_control_socket_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        path.chmod(0)
        with pytest.raises(TorUnavailable, match="may not open"):
            Endpoint.parse(str(path)).probe(30)
