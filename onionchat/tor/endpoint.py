"""Where a tor's controller is reached, and whether a tor really answers there.

Laws: an address is a loopback or network number or a path, never a name (looking one up would ask the network
about the user). Whoever answers is asked who they are before anything secret is sent.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from dataclasses import dataclass
from typing import Final

from ..errors import ConfigError, TorUnavailable

_MAX_GREETING: Final = 4096
_PORT: Final = re.compile("[0-9]{1,5}")
_USUAL: Final = "the control port is usually 9051: --control 127.0.0.1:9051"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A control port (host and port) or a control socket (path)."""

    address: str
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, address: str) -> Endpoint:
        """Read ``host:port`` or a path.

        Raises:
            ConfigError: it is neither.
        """
        path = address.removeprefix("unix:")
        if os.sep in path:
            return cls(address=path, path=path)
        host, colon, port = address.rpartition(":")
        host = "127.0.0.1" if host == "localhost" else host.strip("[]")
        try:
            ipaddress.ip_address(host)
        except ValueError:
            colon = ""
        if not colon or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
            raise ConfigError(
                f"this is no address of a tor controller: {address!r}",
                hint="give host:port, such as 127.0.0.1:9051, or the path of a control socket",
            )
        return cls(address=address, host=host, port=int(port))

    def connect(self, timeout: float) -> socket.socket:
        """Connect, within ``timeout`` seconds.

        Raises:
            TorUnavailable: nothing listens, or this user may not connect.
        """
        try:
            if self.path:
                return _connect_unix(self.path, timeout)
            return socket.create_connection((self.host, self.port), timeout)
        except PermissionError as error:
            raise TorUnavailable(
                f"this user may not open the control socket {self.address}",
                hint="add the user to tor's group (Debian: adduser USER debian-tor) and log in again",
            ) from error
        except TimeoutError as error:
            raise _silent(self) from error
        except OSError as error:
            raise TorUnavailable(
                f"no tor controller listens at {self.address}",
                hint="start tor, and give it the settings of torrc.example",
            ) from error

    def probe(self, timeout: float) -> None:
        """Make sure that tor's controller answers here; each wait takes at most ``timeout`` seconds.

        Raises:
            TorUnavailable: something else listens, or nothing answers.
        """
        answer = b""
        with self.connect(timeout) as sock:
            try:
                sock.sendall(b"PROTOCOLINFO 1\r\n")
                while b"\n" not in answer and len(answer) < _MAX_GREETING:
                    if not (part := sock.recv(_MAX_GREETING)):
                        break
                    answer += part
            except TimeoutError as error:
                raise _silent(self) from error
            except OSError:
                pass  # a reset is judged like an end: by what came before it
        self._judge(answer)

    def _judge(self, answer: bytes) -> None:
        if answer.startswith(b"250-PROTOCOLINFO"):
            return
        # tor's SOCKS listener takes the P of our question for the begin of an HTTP request and says so;
        # a listener that speaks SOCKS and nothing else answers with its version, or 0 for SOCKS 4
        if b"Tor is not an HTTP Proxy" in answer or answer[:1] in {b"\x05", b"\x00"}:
            raise TorUnavailable(f"{self.address} is tor's SOCKS port, not its control port", hint=_USUAL)
        if not answer:
            raise TorUnavailable(
                f"what listens at {self.address} closed the connection without an answer", hint=_USUAL
            )
        raise TorUnavailable(f"what listens at {self.address} is not a tor controller", hint=_USUAL)


def _connect_unix(path: str, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def _silent(endpoint: Endpoint) -> TorUnavailable:
    return TorUnavailable(
        f"what listens at {endpoint.address} does not answer",
        hint=f"restart tor, or check the address; {_USUAL}",
    )
