"""``onionchat panic``, and ``onionchat burn vault``, which asks first: everything goes, whatever it takes.

The chat does the same where no engine answers its key.

Laws: the keys on the disk are destroyed before anything is asked or waited for; an engine that does not do
its part is ended, with the launcher above it. Processes are ended by their id: who holds the vault's lock.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ..errors import ControlError, StoreError, VaultInUse
from .burn import burn, confirm, yes_option
from .session import Session, ask, json_option, pass_session

if TYPE_CHECKING:
    from ..store import VaultLock

ANSWER_SECONDS: Final = 3.0
"""What an engine may take to say that its keys are gone."""
END_SECONDS: Final = 20.0
SIGNAL_SECONDS: Final = 5.0
"""What an engine that was sent the signal may take before it is killed."""
_POLL_SECONDS: Final = 0.02


@click.command()
@json_option
@pass_session
def panic(session: Session) -> None:
    """Burn everything now, without a question.

    Keys first, then files, then the engine with its Tor. Works with and without an engine, locked or not.
    Nothing brings any of it back.
    """
    _burn(session)


@burn.command("vault")
@yes_option
@json_option
@pass_session
def vault(session: Session, sure: bool) -> None:
    """Burn the vault: all identities, contacts and messages.

    The engine ends. The same as «onionchat panic», but for the question.
    """
    confirm("Burn everything: all identities, contacts and messages?", sure=sure)
    _burn(session)


def _burn(session: Session) -> None:
    if not burn_all(session):
        raise StoreError(f"there is no vault in {session.vault}", hint="name its folder with --vault")
    from ..control.replies import Done  # not before the keys are gone: it takes a while

    session.print(Done(), lambda: "Everything was burned.")


def burn_all(session: Session) -> bool:
    """Burn the vault with its engine, or without; say whether there was anything to burn.

    Raises:
        StoreError: something is left, which it names.
    """
    from ..store import LOCK_FILE, destroy_keys, vault_exists

    there, failure = False, None
    try:
        there = destroy_keys(session.vault)
    except StoreError as error:  # the engine, or the removal of the files, may have more luck
        failure = error
    if _engine_did(session) and not vault_exists(session.vault):
        there, failure = True, None
    elif there or (session.vault / LOCK_FILE).is_file():
        try:
            there = _removed(session.vault, there=there)
            failure = None if there else failure
        except StoreError as error:
            if there:
                raise StoreError(
                    "the keys are destroyed and nothing opens the vault any more, but its files are still "
                    f"there: {error.message}",
                    hint=f"see who owns them, then remove them: rm -r {session.vault}",
                ) from error
            raise
    if failure is not None:
        raise failure
    return there


def _removed(folder: Path, *, there: bool) -> bool:
    """Remove the files of a vault, or what an earlier burn left of one, and say whether there was any.

    Raises:
        StoreError: they are not ours to remove.
    """
    from ..engine.panic import remove_rest, remove_traces
    from ..store import burn_vault, finish_burn, vault_exists

    with suppress(OSError):  # that others could look in is no reason to leave anything for them
        folder.chmod(0o700)
    lock = _taken(folder)
    try:
        there = finish_burn(folder) or there
        if there:
            burn_vault(folder)  # once more, if the engine wrote another root meanwhile
        if there or not vault_exists(folder):  # the vault's files go before tor's, which may be left
            there = remove_traces(folder) or there
            remove_rest(folder)
    finally:
        lock.release()
    return there


def _engine_did(session: Session) -> bool:
    """Whether there is an engine that burned what it holds, and has ended."""
    from ..client.blocking import Client
    from ..control.replies import Done, StatusReport
    from ..control.requests import Status, VaultBurn

    try:
        with Client.connect(session.socket, timeout=ANSWER_SECONDS) as client:
            pid = ask(client, Status(), StatusReport).pid
            ask(client, VaultBurn(), Done)
    except ControlError:
        return False
    return _until(lambda: not _alive(pid), END_SECONDS)


def _taken(folder: Path) -> VaultLock:
    """The vault's lock, if need be from an engine that does not answer."""
    from ..store import VaultLock

    taken: list[VaultLock] = []

    def take() -> bool:
        with suppress(VaultInUse):
            taken.append(VaultLock.acquire(folder))
        return bool(taken)

    if not take():
        for pid in _holders(folder):
            _send(pid, signal.SIGUSR1)
    if not _until(take, SIGNAL_SECONDS):
        for pid in _holders(folder):
            _send(_launcher(pid), signal.SIGTERM)  # or it would start another one
            _send(pid, signal.SIGKILL)
    return taken[0] if _until(take, END_SECONDS) else VaultLock.acquire(folder)


def _holders(folder: Path) -> list[int]:
    """Who holds the vault's lock, by the kernel's word."""
    from ..store import LOCK_FILE

    found: list[int] = []
    with suppress(OSError):  # the file is gone, and with it who held it
        inode = (folder / LOCK_FILE).stat().st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode) and _ours(int(words[4])):
                found.append(int(words[4]))
    return found


def _ours(pid: int) -> bool:
    """Whether a process is onionchat's: another disk may hold a file of the same number."""
    with suppress(OSError):
        return b"onionchat" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _launcher(engine: int) -> int:
    """The launcher of an engine; 0 where it has none any more."""
    with suppress(OSError):
        for line in Path(f"/proc/{engine}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "PPid" and _ours(int(value)):
                return int(value)
    return 0


def _send(pid: int, number: signal.Signals) -> None:
    if pid > 1:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _until(happened: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
