"""The application: which screen is shown when, and what happens to the connection.

Laws: only a client. Nothing here must happen on the way out, because a closed terminal ends the process at
once. An error never shows a traceback: its local variables hold what people wrote.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, Final

from textual import events, on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from ..control.notices import AnyNotice, Stopping, VaultChanged
from ..control.replies import Done, StatusReport
from ..control.requests import Here, Lock, Stop, VaultBurn
from ..errors import ControlError, OnionchatError
from . import TO_BURN
from .commands import Commands
from .screens.backup import BackupSheet
from .screens.blank import BlankScreen
from .screens.choosing import MakeVaultScreen
from .screens.confirm import Choice, ConfirmSheet
from .screens.gone import GoneScreen, TryAgain
from .screens.locking import LockingSheet
from .screens.main import MainScreen
from .screens.panel import Panel, prose
from .screens.start import Opened, Start
from .screens.unlock import UnlockScreen
from .screens.ways import WaysSheet
from .session import SETTLE_SECONDS, Connect, Session
from .stopped import go_on_after_a_stop
from .theme import ONION

ENGINE_STOPPED: Final[OnionchatError] = ControlError(
    "engine-gone", "The engine was stopped", hint="quit, and start onionchat again"
)
ENGINE_LOST: Final[OnionchatError] = ControlError(
    "engine-gone", "The engine has ended", hint="it starts again by itself: try again in a moment"
)
STAYS: Final = "The engine keeps running, so that you stay reachable. To stop it: {}"
HERE_SECONDS: Final = 30.0
"""How often the engine is told that somebody is there: less than the shortest idle time that can be set."""
SURE_SECONDS: Final = 3.0
PANICS: Final = 3
APART_SECONDS: Final = 0.1
"""A key that is held down comes again sooner than that, but for the first time."""
SURE: Final = "f12 {} more: everything is burned at once, and nothing brings it back"
BURN_SECONDS: Final = 3.0
"""What an engine may take to say that everything is burned."""
STOPPED: Final = "The engine has ended. Nobody can reach you until onionchat is started again."


class OnionchatApp(App[None]):
    """The terminal user interface."""

    CSS_PATH = "onionchat.tcss"
    TITLE = "onionchat"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", "Commands", priority=True, tooltip="Find any action by name."),
        Binding(
            "ctrl+q",
            "quit",
            "Quit",
            priority=True,
            tooltip="Close this window; an engine with a vault on disk keeps running.",
        ),
        Binding(
            "ctrl+s", "stop_engine", "Stop engine", tooltip="Stop the engine too: nobody can reach you then."
        ),
        Binding("f4", "ways", "Unlocking", tooltip="See and change what unlocks the vault."),
        Binding("f8", "backup", "Backup", tooltip="Write identities and contacts to a sealed file."),
        Binding(
            "f9",
            "lock",
            "Lock",
            priority=True,
            tooltip="Put the keys out of memory: nothing can be read or sent until you unlock.",
        ),
        Binding("f10", "locking", "Locking", tooltip="When the vault locks itself, and what may live on."),
        Binding(
            "f12",
            "panic",
            "Burn everything",
            priority=True,
            tooltip="Pressed three times: destroy contacts and messages at once, and stop the engine.",
        ),
        Binding("ctrl+c", "help_quit", show=False, system=True),
    ]

    def __init__(
        self,
        connect: Connect,
        *,
        amnesic: bool = False,
        conversation: str | None = None,
        stop_command: str = "onionchat stop",
        clock: Callable[[], float] = time.time,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self.session = Session(connect, clock=clock)
        self._amnesic = amnesic
        self._wanted = conversation
        self._stop_command = stop_command
        self._when_ready = ready
        self._entering = asyncio.Lock()
        self._leaving = False
        self._stopping = False
        self._said_stopped = False
        self._status = 0
        self._panics = 0
        self._panicked_at = -SURE_SECONDS
        self._here_at = 0.0
        self.register_theme(ONION)
        self.theme = ONION.name

    def compose(self) -> ComposeResult:
        """What stands there until the engine has answered."""
        yield prose("connecting to the engine …")

    def on_mount(self) -> None:
        """Begin the connection."""
        self._connect()

    def on_ready(self) -> None:
        """The first frame is out."""
        go_on_after_a_stop(self)
        self._when_ready()

    # the connection

    @on(TryAgain)
    def _connect(self) -> None:
        self._live()

    @work(group="live", exclusive=True)
    async def _live(self) -> None:
        """From connecting until the engine is gone."""
        self._wanted = self.session.model.conversation or self._wanted
        self._stopping = False
        try:
            await self._enter(await self.session.open())
            async for notice in self.session.notices():
                await self._take(notice)
        except OnionchatError as error:
            problem = error
        else:
            problem = ENGINE_STOPPED if self._stopping else ENGINE_LOST
        if self._leaving and self._stopping:
            self._exit_stopped()
        else:
            await self._show(GoneScreen(self.session, problem))

    async def _enter(self, status: StatusReport) -> None:
        """The first screen, by how the vault is."""
        self._amnesic = self._amnesic or status.amnesic
        if status.vault == "open" or self._amnesic:
            await self._enter_main()
        elif status.vault == "locked":
            await self._show(UnlockScreen(self.session))
        else:
            await self._show(MakeVaultScreen(self.session))

    async def _enter_main(self) -> None:
        async with self._entering:  # the answer to our own request and the notice of it may both lead here
            if not any(isinstance(screen, MainScreen) for screen in self.screen_stack):
                await self.session.load()
                await self._show(MainScreen(self.session, self._wanted))

    @on(Opened)
    def _opened(self) -> None:
        self._enter_unless_gone()

    @work
    async def _enter_unless_gone(self) -> None:
        try:
            await self._enter_main()
        except OnionchatError as error:
            await self._show(GoneScreen(self.session, error))

    async def _take(self, notice: AnyNotice) -> None:
        """Let every screen show what is new; a vault that another client opened is open here too."""
        self._stopping = self._stopping or isinstance(notice, Stopping)
        if isinstance(notice, VaultChanged) and notice.vault == "open" and isinstance(self.screen, Start):
            self._opened()
        if isinstance(notice, VaultChanged) and notice.vault == "locked":
            await self._locked()
        for screen in self.screen_stack:
            if isinstance(screen, Panel) and screen.is_mounted:
                screen.changed(notice)

    async def _locked(self) -> None:
        """Nothing of what was on screen or is kept here stays, not even what was being written."""
        self._wanted = self.session.model.conversation
        if self.clipboard:  # an invite, perhaps
            self.copy_to_clipboard("")
        await self._show(UnlockScreen(self.session))
        self.session.model.lock()

    async def on_event(self, event: events.Event) -> None:
        """Somebody is there: an engine that locks itself should know, though nothing is asked of it."""
        now = self.session.clock()
        if isinstance(event, events.Key | events.MouseDown) and now - self._here_at >= HERE_SECONDS:
            self._here_at = now
            self._say_here()
        await super().on_event(event)

    @work
    async def _say_here(self) -> None:
        with suppress(OnionchatError):  # then it says so itself
            await self.session.ask(Here(), Done)

    async def _show(self, screen: Screen[Any]) -> None:
        """Put ``screen`` in the place of all others, of which none is seen once more on the way."""
        others = [self.pop_screen() for _ in self.screen_stack[1:]]
        await self.push_screen(screen)
        for other in others:
            await other

    # the way out

    async def action_quit(self) -> None:
        """Close the window. The engine stays, unless it lives only as long as this window."""
        if not self._amnesic:
            await self._settle()
            self.exit(message=STAYS.format(self._stop_command))
        elif isinstance(self.screen, GoneScreen):
            self.exit()
        else:
            self._confirm_stop(
                "Quit",
                "Everything is kept in memory only: identities, contacts and messages are gone after this.",
            )

    async def _settle(self) -> None:
        """Let what was typed before this reach the engine: it may still climb from widget to widget."""
        node: DOMNode | None = self.focused
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while isinstance(node, Widget):
                    climbed = asyncio.Event()
                    node.call_later(climbed.set)
                    await climbed.wait()
                    node = node.parent
        await self.session.settled()

    def action_stop_engine(self) -> None:
        """Stop the engine, and with it the window."""
        self._confirm_stop("Stop the engine", "Nobody can reach you until onionchat is started again.")

    def action_ways(self) -> None:
        """What unlocks the vault."""
        self.push_screen(WaysSheet(self.session))

    def action_backup(self) -> None:
        """Make a backup."""
        self.push_screen(BackupSheet(self.session), self._backed_up)

    def _backed_up(self, said: str | None) -> None:
        if said is None:
            return
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen):  # the sheet may still lie over it
                screen.note.say(said)

    def action_locking(self) -> None:
        """When the vault locks itself."""
        self.push_screen(LockingSheet(self.session))

    def action_lock(self) -> None:
        """Lock the vault, with nothing on screen from now on; the notice of it leads to unlocking."""
        self._lock()

    @work
    async def _lock(self) -> None:
        blank = BlankScreen(self.session)
        await self.push_screen(blank)
        try:
            await self.session.ask(Lock(), Done)
        except OnionchatError as error:
            while blank in self.screen_stack:
                await self.pop_screen()
            if isinstance(self.screen, Panel):
                self.screen.note.complain(error)

    def action_panic(self) -> None:
        """Burn everything at the third time within seconds; before that say so. Held down, it is no yes."""
        now = self.session.clock()
        gap, self._panicked_at = now - self._panicked_at, now
        self._panics = self._panics + 1 if APART_SECONDS <= gap <= SURE_SECONDS else 1
        if self._panics == PANICS:
            self._burn()
        elif isinstance(self.screen, Panel):
            self.screen.note.warn(SURE.format("twice" if self._panics == 1 else "once"))

    @work
    async def _burn(self) -> None:
        """Ask the engine; where none says that it did it, whoever opened the window does it without one."""
        self._leaving = self._said_stopped = True  # the window closes without a word
        self._status = TO_BURN
        with suppress(OnionchatError, TimeoutError):
            async with asyncio.timeout(BURN_SECONDS):
                await self.session.ask(VaultBurn(), Done)
            self._status = 0
        self.exit(return_code=self._status)

    def action_help_quit(self) -> None:
        """Ctrl+c ends most programs; here it says what does."""
        if isinstance(self.screen, Panel):
            self.screen.note.say("ctrl+q closes onionchat")

    def get_key_display(self, binding: Binding) -> str:
        """Keys as they are written on keyboards."""
        return super().get_key_display(binding).replace("⏎", "enter")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is for the conversations alone; the vault can be locked over a sheet, too."""
        if action in {"stop_engine", "locking"}:
            return isinstance(self.screen, MainScreen)
        if action in {"backup", "ways"}:
            return isinstance(self.screen, MainScreen) and not self._amnesic
        if action == "lock":
            open_here = any(isinstance(screen, MainScreen) for screen in self.screen_stack)
            return open_here and not any(isinstance(screen, BlankScreen) for screen in self.screen_stack)
        return True

    def _confirm_stop(self, title: str, sentence: str) -> None:
        if isinstance(self.screen, ConfirmSheet):
            return
        self._leaving = True  # should the engine stop before its answer gets here, that is what was asked for
        sheet = ConfirmSheet(
            self.session, title, sentence, [Choice(label=f"Yes, {title.lower()}", request=Stop())]
        )
        self.push_screen(sheet, self._stopped)

    def _stopped(self, done: bool | None) -> None:
        self._leaving = bool(done)
        if done:
            self._exit_stopped()

    def _exit_stopped(self) -> None:
        """Close the window. The answer and the end of the connection both lead here; one says so.

        Who asked to quit, with all in memory, was told already.
        """
        said, self._said_stopped = self._said_stopped, True
        self.exit(return_code=self._status, message=None if self._amnesic or said else STOPPED)

    def _fatal_error(self) -> None:
        """A bug: one line without a traceback, because that would print what people wrote."""
        kind = type(self._exception).__name__
        self.exit(return_code=1, message=f"onionchat's window failed ({kind}). The engine was not affected.")
