"""Steering a running tor: how far it is, where its SOCKS port is, our onion services.

Laws: every method blocks until tor has answered; each may be called from any thread. Services live and die
with this connection (never detached), so that nothing of ours stays behind in a tor that goes on. A service's
key goes to tor and nowhere else.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Final

from ..errors import ConfigError, TorUnavailable
from .bootstrap import Bootstrap, ControllerClosed, parse_bootstrap, parse_clock
from .connection import Reply, lost, open_connection
from .descriptor import DescriptorNews, bare
from .endpoint import Endpoint
from .program import require_version

EXPANDED_KEY_SIZE: Final = 64
MAX_STREAMS: Final = 8
"""Connections over one circuit; whoever opens more loses it, so that a flood costs many circuits."""
CLOCK_MEMORY: Final = 3600.0
"""Seconds after which a wrong clock counts as mended: tor repeats itself with every directory."""

_TCP_LISTENER: Final = re.compile(r'"([0-9.]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})"')
_SERVICE_ID: Final = re.compile(r"ServiceID=([a-z2-7]{56})$")
_ONION_LINE: Final = re.compile(r"^[a-z2-7]{56}$", re.MULTILINE)
_NOTHING_YET: Final = Bootstrap(percent=0, words="starting tor")

Watcher = Callable[[Bootstrap | ControllerClosed], None]


class TorController:
    """An authenticated connection to a tor that is new enough. Made by ``connect``, ended by ``close``."""

    version: str

    def __init__(self, endpoint: Endpoint, *, password: str | None, timeout: float) -> None:
        self._news = DescriptorNews()
        self._latest = _NOTHING_YET
        self._clock, self._clock_told = "", 0.0
        self._watcher: Watcher | None = None
        # which key runs at which address; the keys themselves are not kept
        self._salt = os.urandom(32)
        self._services: dict[bytes, str] = {}
        self._connection = open_connection(
            endpoint, password=password, timeout=timeout, on_event=self._handle_event
        )
        try:
            answer = self._value("version")
            self.version = require_version(answer, whose=f"the tor at {endpoint.address}")
            self._do("SETEVENTS STATUS_CLIENT STATUS_GENERAL HS_DESC")
        except BaseException:
            self.close()
            raise
        self._connection.on_close(self._handle_close)

    @classmethod
    def connect(cls, address: str, *, password: str | None = None, timeout: float) -> TorController:
        """Connect to tor's controller.

        Args:
            address: ``host:port`` of a control port, or the path of a control socket.
            password: where tor wants one; otherwise its cookie is read.
            timeout: seconds for each step (connect, first answer, authentication).

        Raises:
            ConfigError: ``address`` is neither.
            TorUnavailable: nothing or something else listens there, or we are not let in: the message
                says which.
            TorTooOld: that tor is too old.
        """
        return cls(Endpoint.parse(address), password=password, timeout=timeout)

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as is known."""
        return bool(self._connection.is_alive())

    def close(self) -> None:
        """End the connection, and with it our onion services. Idempotent."""
        self._connection.close()

    def bootstrap(self) -> Bootstrap:
        """Ask tor how far it is on its way into the network."""
        parsed = parse_bootstrap(self._value("status/bootstrap-phase"))
        if parsed is not None:
            self._note(parsed)
        return self._latest

    def watch(self, callback: Watcher) -> None:
        """Have ``callback`` told of every step and problem, and of the end of the connection.

        It is called from the connection's own threads and must return at once without calling this object:
        hand over and leave (in trio: ``TrioToken.run_sync_soon``). One watcher at a time.
        """
        self._watcher = callback
        if not self.alive:
            callback(ControllerClosed())

    def socks_address(self) -> tuple[str, int]:
        """Tell host and port of tor's SOCKS listener.

        Raises:
            TorUnavailable: there is none on TCP.
        """
        match = _TCP_LISTENER.search(self._value("net/listeners/socks"))
        if match is None:
            raise TorUnavailable(
                "this tor has no SOCKS port",
                hint="give it a SocksPort line, as in torrc.example, or use --socks",
            )
        return match[1].strip("[]"), int(match[2])

    def take_ownership(self) -> None:
        """Make tor end as soon as this connection does."""
        self._do("TAKEOWNERSHIP")

    def add_onion(self, seed_expanded: bytes, *, target: str, virtual_port: int) -> str:
        """Run an onion service for as long as this connection lives.

        Args:
            seed_expanded: the expanded Ed25519 key, 64 bytes.
            target: where its connections go, ``unix:/absolute/path`` or ``127.0.0.1:port``.
            virtual_port: the port that others dial.

        Returns:
            The address, with ``.onion``.

        Raises:
            ConfigError: a target that tor's controller cannot be given.
            TorUnavailable: tor did not do it.
        """
        if len(seed_expanded) != EXPANDED_KEY_SIZE or any(letter.isspace() for letter in target):
            raise ConfigError(
                "an onion service cannot lead to a path with spaces in it",
                hint="choose a folder without spaces: --vault",
            )
        tag = hashlib.blake2b(seed_expanded, key=self._salt).digest()
        if leftover := self._services.pop(tag, None):
            # a service whose upload failed stays in tor's table and would make every later try collide
            self.remove_onion(leftover)
        key = b64encode(seed_expanded).decode()
        command = (
            f"ADD_ONION ED25519-V3:{key} Flags=DiscardPK,MaxStreamsCloseCircuit MaxStreams={MAX_STREAMS} "
            f"Port={virtual_port},{target}"
        )
        reply = self._connection.ask(command)
        if reply.code == 550 and self._remove_strays():
            reply = self._connection.ask(command)
        match = _SERVICE_ID.search(reply.lines[0])
        if not reply.ok or match is None:
            raise _not_added(reply)
        self._services[tag] = match[1]
        return f"{match[1]}.onion"

    def remove_onion(self, address: str) -> None:
        """End an onion service; nothing happens where it does not run."""
        service = bare(address)
        self._services = {tag: name for tag, name in self._services.items() if name != service}
        self._news.forget(service)
        self._connection.ask(f"DEL_ONION {service}")

    def wait_published(self, address: str, timeout: float) -> bool:
        """Wait until a directory has taken the service's descriptor; False after ``timeout`` seconds.

        It does not matter whether that happened before or after this call.

        Raises:
            TorUnavailable: the connection ended first.
        """
        published = self._news.wait_published(address, timeout)
        if not published and not self.alive:
            raise lost(self._connection.address)
        return published

    def fetch_descriptor(self, address: str, *, timeout: float) -> bool:
        """Look a service up in the directories, as a stranger's tor would.

        Each directory that does not have it is followed by another one, until none is left or ``timeout``
        seconds are over. Ask only for what should be published: tor remembers for some minutes which
        directories it has asked, and a dial in that time does not ask them again. True does not mean that the
        service still runs (directories keep what they were given for hours): only a dial shows that.

        Raises:
            TorUnavailable: the connection ended first.
        """
        service = bare(address)
        asked: set[str] = set()
        with self._news.lookups(service, timeout) as lookup:
            while True:
                if not self._connection.ask(f"HSFETCH {service}").ok:
                    return False
                outcome = lookup.outcome()
                if outcome.kind != "not found" or outcome.directory in asked:
                    break
                asked.add(outcome.directory)
        if outcome.kind == "closed":
            raise lost(self._connection.address)
        return outcome.kind == "received"

    def _remove_strays(self) -> bool:
        """Remove services of this connection that we do not know (their ADD_ONION failed half-way)."""
        listed = set(_ONION_LINE.findall(self._value("onions/current")))
        strays = listed - set(self._services.values())
        for stray in strays:
            self.remove_onion(stray)
        return bool(strays)

    def _value(self, name: str) -> str:
        reply = self._do(f"GETINFO {name}")
        return reply.lines[0].removeprefix(f"{name}=")

    def _do(self, command: str) -> Reply:
        reply = self._connection.ask(command)
        if not reply.ok:
            raise TorUnavailable(
                f"tor refused {command.split(maxsplit=1)[0]}: {reply.lines[0]}",
                hint="is a filter before tor's control port?",
            )
        return reply

    def _handle_event(self, event: str) -> None:
        self._news.handle(event)
        if not event.startswith("STATUS_"):
            return
        if (clock := parse_clock(event)) is not None:
            self._clock, self._clock_told = clock, time.monotonic()
            self._note(self._latest)
        elif (parsed := parse_bootstrap(event)) is not None:
            self._note(parsed)
        else:
            return
        if self._watcher is not None:
            self._watcher(self._latest)

    def _note(self, parsed: Bootstrap) -> None:
        if time.monotonic() > self._clock_told + CLOCK_MEMORY:
            self._clock = ""
        self._latest = Bootstrap(
            percent=parsed.percent, words=parsed.words, problem=self._clock or parsed.problem
        )

    def _handle_close(self) -> None:
        self._news.close()
        if self._watcher is not None:
            self._watcher(ControllerClosed())


def _not_added(reply: Reply) -> TorUnavailable:
    if reply.code == 550:
        return TorUnavailable(
            "another program runs this onion service on the same tor",
            hint="stop the other onionchat that uses this vault, or wait a moment and try again",
        )
    return TorUnavailable(f"tor did not start the onion service: {reply.lines[0]}", hint="see tor's log")
