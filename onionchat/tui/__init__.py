"""The terminal user interface, a client of the control socket.

Laws: reaches only `client`, `control` and `errors`; knows no vault, no network, no key.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

TO_BURN: Final = 9
"""Exit status: everything is to be burned, and no engine said that it did it."""
_TALKATIVE: Final = ("TEXTUAL", "TEXTUAL_LOG", "TEXTUAL_SCREENSHOT", "TEXTUAL_PRESS")
"""With these Textual would write down, or tell a developer's console, what happens in the window."""


def run(
    socket: Path,
    *,
    amnesic: bool = False,
    conversation: str | None = None,
    stop_command: str = "onionchat stop",
) -> int:
    """Show the TUI for the engine at ``socket``, until the user leaves. Returns an exit status, or `TO_BURN`.

    Args:
        socket: the engine's control socket.
        amnesic: the engine keeps nothing; it is stopped when the user leaves.
        conversation: the contact whose conversation is opened at the start.
        stop_command: what stops this engine from a shell, for the last line after quitting.
    """
    for name in _TALKATIVE:
        os.environ.pop(name, None)
    from ..client.streaming import AsyncClient  # noqa: PLC0415 -- Textual and asyncio only when a window opens
    from .app import OnionchatApp  # noqa: PLC0415 -- as above
    from .session import EngineClient  # noqa: PLC0415 -- as above

    async def connect() -> EngineClient:
        return await AsyncClient.connect(socket)

    app = OnionchatApp(
        connect, amnesic=amnesic, conversation=conversation, stop_command=stop_command, ready=give_way
    )
    app.run()
    return app.return_code or 0


def give_way() -> None:
    """Let everything else on this machine go first (SCHED_IDLE), so that the UI never takes time from tor.

    All threads that there are by now; later ones inherit it. Where it is not possible, nothing happens.
    """
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))
