"""Dialling an onion address through tor.

Laws: nothing but a v3 onion address is dialled, never past the SOCKS port, never without a user name (it
keeps circuits of different contacts apart). What is returned is a plain socket.
"""

from __future__ import annotations

import re
import socket
from typing import Final

import socks

from ..crypto.onion import onion_public
from ..errors import CryptoError, LocalProtocolError, PeerUnreachable, TorUnavailable
from .line import Line

MAX_CREDENTIAL: Final = 127
"""Bytes of a SOCKS user name or password that PySocks can write."""

_CODE: Final = re.compile(r"^0x([0-9a-f]{2}):")

_REPLIES: Final[dict[int, str]] = {
    0x01: "tor could not reach it",
    0x03: "tor has no way into the network",
    0x04: "it cannot be found, or its owner is not on line",
    0x05: "it does not take calls at this port",
    0x06: "it took too long",
    0xF0: "it cannot be found: its owner is not on line, or it was never published",
    0xF1: "its entry in the directory is damaged",
    0xF2: "its owner went off line",
    0xF3: "the meeting point could not be reached",
    0xF4: "it wants a key that this tor does not have",
    0xF5: "it does not accept our key",
    0xF6: "the address is not valid",
    0xF7: "its owner does not answer",
}
_RULES: Final = 0x02


def dial(
    line: Line | None = None,
    *,
    socks: tuple[str, int],
    user: str,
    password: str,
    onion: str,
    port: int,
    timeout: float,
) -> socket.socket:
    """Connect to a v3 onion service.

    Args:
        line: lets another thread give the dial up.
        socks: host and port of tor's SOCKS listener.
        user: SOCKS user name; tor shares no circuit between different names. 1 to 127 bytes.
        password: likewise.
        onion: the address, ``….onion``.
        port: its virtual port.
        timeout: seconds for each wait: for tor's SOCKS port, and for the way to the service.

    Returns:
        A plain blocking socket without a timeout, with TCP_NODELAY; the caller owns it.

    Raises:
        PeerUnreachable: the service was not reached; the message says why, as far as tor does.
        TorUnavailable: tor's SOCKS port does not answer or refuses.
        LocalProtocolError: unusable user name or password.
    """
    _require_onion(onion)
    for credential in (user, password):
        if not 1 <= len(credential.encode()) <= MAX_CREDENTIAL:
            raise LocalProtocolError("a SOCKS user name and password have 1 to 127 bytes each")
    proxied = _connect(line or Line(), socks, (user, password), (onion, port), timeout)
    plain = socket.socket(fileno=proxied.detach())
    try:
        # the descriptor is still non-blocking from the time limit above
        plain.setblocking(True)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        plain.close()
        raise PeerUnreachable("the connection broke as it was made") from error
    return plain


def _require_onion(onion: str) -> None:
    try:
        onion_public(onion)
    except CryptoError as error:
        raise PeerUnreachable(
            "this is not the address of an onion service", hint="check the address"
        ) from error


def _connect(
    line: Line, proxy: tuple[str, int], account: tuple[str, str], target: tuple[str, int], timeout: float
) -> socks.socksocket:
    family = socket.AF_INET6 if ":" in proxy[0] else socket.AF_INET
    sock = socks.socksocket(family)
    try:
        sock.settimeout(timeout)
        sock.set_proxy(socks.SOCKS5, proxy[0], proxy[1], rdns=True, username=account[0], password=account[1])
        with line.held(sock):
            sock.connect(target)
    except BaseException as error:
        sock.close()
        if isinstance(error, socks.ProxyError):
            raise _explain(error, proxy, timeout) from None
        raise
    return sock


def _explain(
    error: socks.ProxyError, proxy: tuple[str, int], timeout: float
) -> PeerUnreachable | TorUnavailable:
    where = f"{proxy[0]}:{proxy[1]}"
    # its errors are socket errors too, so PySocks wraps its own answers once more
    if isinstance(error.socket_err, socks.ProxyError):
        error = error.socket_err
    if isinstance(error, socks.ProxyConnectionError):
        return TorUnavailable(f"tor's SOCKS port {where} does not answer", hint="see whether tor is running")
    if isinstance(error, socks.SOCKS5AuthError):
        return TorUnavailable(f"what listens at {where} is not tor's SOCKS port: it refuses any user name")
    if isinstance(error.socket_err, TimeoutError):
        return PeerUnreachable(f"the onion service was not reached within {timeout:g} seconds")
    code = _CODE.match(str(error.msg))
    if code is None:
        return TorUnavailable(
            f"tor's SOCKS port {where} broke off",
            hint="see whether tor is running and this is its SOCKS port",
        )
    value = int(code[1], 16)
    if value == _RULES:
        return TorUnavailable(
            f"tor's SOCKS port {where} does not allow onion services",
            hint="remove NoOnionTraffic from its SocksPort line",
        )
    return PeerUnreachable(
        f"the onion service was not reached: {_REPLIES.get(value, f'tor says 0x{value:02x}')}"
    )
