"""Burning everything: what a user in danger, or one who is done, asks for.

Laws: the keys go first, from the disk and then from memory, and nothing is waited for before they are gone;
then files, then tor's onion services, then the engine. Peers are told nothing. The signal is waited for by a
thread of its own, which no work of the engine delays.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from ..control import run_folder
from ..errors import StoreError
from ..store import LOCK_FILE, burn_vault, destroy_keys
from .lock import close
from .patience import TRIES_FILE

if TYPE_CHECKING:
    from .engine import Engine

PANIC = frozenset({signal.SIGUSR1})


def burn_everything(engine: Engine) -> None:
    """Burn the vault, whether it is open or locked, and have the engine end."""
    engine.burned = True
    try:
        if not engine.plan.amnesic:
            with contextlib.suppress(StoreError):  # it is tried again below, and then said
                destroy_keys(Path(engine.plan.vault))
        engine.receiver.end()
        close(engine, remember=False)  # whatever the disk says: nothing here may write another root
        if not engine.plan.amnesic:
            burn_vault(Path(engine.plan.vault))
    except StoreError as error:  # what is left is finished at the next start
        engine.failure = engine.failure or error
    finally:
        engine.stop()


def watch_for_panic(folder: Path, *, amnesic: bool, panic: Callable[[], None]) -> None:
    """From now on the signal destroys the keys on the disk at once, and has ``panic`` called in trio's loop.

    The signal must be blocked in every thread: see `block_panic`.
    """
    token = trio.lowlevel.current_trio_token()

    def wait() -> None:
        signal.sigwait(PANIC)
        if not amnesic:
            with contextlib.suppress(StoreError):  # it is tried again, and then said
                destroy_keys(folder)
        with contextlib.suppress(trio.RunFinishedError):
            token.run_sync_soon(panic)

    threading.Thread(target=wait, name="panic", daemon=True).start()


def block_panic() -> None:
    """Keep the signal for the thread that waits for it, also one that comes before there is one."""
    signal.pthread_sigmask(signal.SIG_BLOCK, PANIC)


def remove_traces(folder: Path) -> bool:
    """What is left beside a vault that was burned: tor's data and the count of wrong passphrases.

    Returns:
        Whether there was any of it.
    """
    there = any((folder / name).exists() for name in ("tor", TRIES_FILE))
    shutil.rmtree(folder / "tor", ignore_errors=True)
    with contextlib.suppress(OSError):
        (folder / TRIES_FILE).unlink(missing_ok=True)
    return there


def remove_rest(folder: Path) -> None:
    """Once tor has ended: all the rest of ours goes, and the folder if it is empty then. The lock is held."""
    shutil.rmtree(run_folder(folder), ignore_errors=True)
    remove_traces(folder)
    with contextlib.suppress(OSError):  # somebody else's files in it are none of ours
        (folder / LOCK_FILE).unlink()
        folder.rmdir()
