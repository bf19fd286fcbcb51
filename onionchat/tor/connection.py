"""One authenticated control connection, on stem's wire code.

Laws: stem's threads and logger are tamed here (its logger would write keys and passwords at its lowest level;
two of its calls are deprecated by Python; its event thread polls 20 times a second). A dead connection is a
``TorUnavailable``, whatever stem calls it.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import stem
import stem.connection
from stem.control import BaseController, State
from stem.socket import ControlSocket

from ..errors import TorUnavailable
from .endpoint import Endpoint

# its trace level holds every command, and with it onion keys and the control password
logging.getLogger("stem").disabled = True

_COOKIE_HINT: Final = (
    "torrc.example shows the lines that let a group read it; add this user to the group "
    "(Debian: adduser USER debian-tor) and log in again"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What tor answered: its status code (250 is success) and the text of each line."""

    code: int
    lines: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether tor did what it was told."""
        return self.code == 250


class _Line(ControlSocket):  # type: ignore[misc]  # stem has no types
    """A control socket over TCP or a Unix socket that connects within a deadline, and only once.

    stem would connect again whenever something failed, in the middle of closing, too.
    """

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._timeout = timeout
        self._used = False

    def _make_socket(self) -> socket.socket:
        if self._used:
            raise stem.SocketClosed
        self._used = True
        try:
            sock = self._endpoint.connect(self._timeout)
        except TorUnavailable as error:
            raise stem.SocketError(error.message) from error
        sock.settimeout(None)
        return sock


class Connection(BaseController):  # type: ignore[misc]  # stem has no types
    """A control connection: ask for something, be told of events and of the end."""

    _reader_thread: threading.Thread | None
    _event_thread: threading.Thread | None

    def __init__(self, endpoint: Endpoint, *, timeout: float, on_event: Callable[[str], None]) -> None:
        self.address = endpoint.address
        self._on_event = on_event
        super().__init__(_Line(endpoint, timeout))
        self.connect()

    def ask(self, command: str) -> Reply:
        """Send one command and wait for its reply. ``command`` may hold secrets: it is never quoted.

        Raises:
            TorUnavailable: the connection is closed or broken.
        """
        try:
            message = self.msg(command)
        except stem.ControllerError:
            # from None: stem's own message could carry what was sent
            raise lost(self.address) from None
        content = message.content()
        return Reply(int(content[0][0]), tuple(str(line[2]) for line in content))

    def on_close(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called once when the connection ends, at once where it already has."""
        told = threading.Lock()

        def tell(_controller: object, state: str, _when: float) -> None:
            if state == State.CLOSED and told.acquire(blocking=False):
                callback()

        self.add_status_listener(tell, spawn=False)
        if not self.is_alive():
            tell(self, State.CLOSED, 0.0)

    def _handle_event(self, event_message: Any) -> None:
        self._on_event(str(event_message.content()[0][2]))

    def _launch_threads(self) -> None:
        with self._socket._get_send_lock():
            if not self._reader_thread or not self._reader_thread.is_alive():
                self._reader_thread = threading.Thread(
                    target=self._reader_loop, name="tor replies", daemon=True
                )
                self._reader_thread.start()
            if not self._event_thread or not self._event_thread.is_alive():
                self._event_thread = threading.Thread(target=self._event_loop, name="tor events", daemon=True)
                self._event_thread.start()

    def _event_loop(self) -> None:
        while (message := self._event_queue.get()) is not None:
            self._handle_event(message)

    def _close(self) -> None:
        self._event_queue.put(None)
        super()._close()


def lost(address: str) -> TorUnavailable:
    """Make the error for a control connection that ended."""
    return TorUnavailable(
        f"the connection to tor's controller at {address} was lost", hint="see whether tor is still running"
    )


def open_connection(
    endpoint: Endpoint, *, password: str | None, timeout: float, on_event: Callable[[str], None]
) -> Connection:
    """Connect and authenticate, with the cookie or the password, as tor says that it wants.

    Args:
        endpoint: where tor's controller is.
        password: for tors with HashedControlPassword; a cookie is used where there is none.
        timeout: seconds for each of: connecting, the first answer, authenticating.
        on_event: called from a thread of the connection with the first line of each event.

    Raises:
        TorUnavailable: nobody, or something else, listens; the cookie or the password is not accepted.
    """
    endpoint.probe(timeout)
    try:
        connection = Connection(endpoint, timeout=timeout, on_event=on_event)
    except stem.SocketError as error:
        raise lost(endpoint.address) from error
    # a tor that was stopped in mid-dialogue would otherwise hold this thread for ever
    watchdog = threading.Timer(timeout, connection.close)
    watchdog.daemon = True
    watchdog.start()
    try:
        stem.connection.authenticate(connection, password=password)
    except (stem.connection.AuthenticationFailure, stem.ControllerError) as error:
        connection.close()
        raise _refused(error, endpoint.address) from None
    finally:
        watchdog.cancel()
    return connection


def _refused(error: Exception, address: str) -> TorUnavailable:
    match error:
        case stem.connection.MissingPassword():
            return TorUnavailable(
                f"tor's controller at {address} wants a password", hint="give it with --control-password-fd"
            )
        case stem.connection.IncorrectPassword():
            return TorUnavailable(
                f"tor's controller at {address} does not accept the password",
                hint="the password is the one that HashedControlPassword in tor's torrc was made from",
            )
        case stem.connection.UnreadableCookieFile():
            return TorUnavailable(
                f"tor's authentication cookie {error.cookie_path} cannot be read by this user",
                hint=_COOKIE_HINT,
            )
        case stem.connection.CookieAuthFailed():
            return TorUnavailable(
                f"tor's controller at {address} does not accept the cookie in {error.cookie_path}",
                hint="another tor may have overwritten it: each tor needs its own CookieAuthFile",
            )
        case stem.connection.MissingAuthInfo() | stem.connection.UnrecognizedAuthMethods():
            return TorUnavailable(
                f"tor's controller at {address} offers no way to authenticate that we know",
                hint="set CookieAuthentication 1, as in torrc.example",
            )
    return lost(address)
