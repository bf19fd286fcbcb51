"""A tap that is asked where to: a SOCKS5 server that writes down what goes through.

What a client's tor says to its guard passes here when its torrc names it with ``Socks5Proxy``: so a wire is
watched without any right to capture packets.

Laws: as those of `tap`; it connects with loopback and nothing else.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from .tap import Tap

_CONNECT: Final = b"\x05\x01\x00"
_IPV4, _NAME = 1, 3
_GRANTED: Final = b"\x05\x00\x00\x01" + bytes(6)
_REFUSED: Final = b"\x05\x05\x00\x01" + bytes(6)
_ANYBODY, _WITH_PASSWORD = 0, 2
_DIALOGUE_SECONDS: Final = 30.0


class Proxy(Tap):
    """Connects each client with what it asks for (RFC 1928).

    Attributes:
        short_cut: a folder of service sockets (``*.s``): whoever asks for a name gets the newest of them,
            whatever the name is. So two engines reach each other without tor, by the same steps as with it.
    """

    short_cut: Path | None = None

    def _reach(self, client: socket.socket) -> tuple[socket.socket, bool]:
        client.settimeout(_DIALOGUE_SECONDS)
        asked = _dialogue(client)
        try:
            there = self._connect(asked)
        except OSError:
            client.sendall(_REFUSED)
            raise
        client.sendall(_GRANTED)
        client.settimeout(None)
        return there, False

    def _connect(self, asked: tuple[str, int]) -> socket.socket:
        if self.short_cut is None:
            if not asked[0].startswith("127."):  # names are not looked up
                raise ConnectionRefusedError
            return socket.create_connection(asked)
        sockets = list(self.short_cut.glob("*.s"))
        there = socket.socket(socket.AF_UNIX)
        try:
            there.connect(str(max(sockets, key=lambda path: path.stat().st_ctime)))
        except (OSError, ValueError) as error:
            there.close()
            raise ConnectionRefusedError from error
        return there


def _dialogue(client: socket.socket) -> tuple[str, int]:
    """What a client asks for.

    Raises:
        OSError: nothing that this server does.
    """
    methods = _take(client, _take(client, 2)[1])
    method = _ANYBODY if _ANYBODY in methods else _WITH_PASSWORD
    client.sendall(bytes([5, method]))
    if method == _WITH_PASSWORD:
        _take(client, _take(client, 2)[1])
        _take(client, _take(client, 1)[0])
        client.sendall(b"\x01\x00")
    head = _take(client, 4)
    if head[:3] != _CONNECT or head[3] not in (_IPV4, _NAME):
        raise ConnectionRefusedError
    where = _take(client, 4 if head[3] == _IPV4 else _take(client, 1)[0])
    name = socket.inet_ntoa(where) if head[3] == _IPV4 else "a name"
    return name, int.from_bytes(_take(client, 2), "big")


def _take(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (part := client.recv(size - len(data))):
            raise ConnectionResetError
        data += part
    return data
