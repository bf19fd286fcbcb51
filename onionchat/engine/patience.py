"""Waiting after wrong passphrases, longer with each.

Laws: a try is counted on the disk before it is made, so that neither ending the engine nor cutting a try
short gives another one; a right one forgets the count. This holds off whoever can only type: who can read or
write the vault's folder guesses without asking us, and only the passphrase's own cost stands against that.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..errors import StoreError, WrongPassphrase

FREE_TRIES: Final = 3
"""Wrong passphrases before there is any wait: everybody mistypes."""
FIRST_WAIT: Final = 2.0
"""Seconds; doubled with each wrong one after that."""
MAX_WAIT: Final = 600.0
TRIES_FILE: Final = "tries"

_LAYOUT: Final = struct.Struct(">Id")
"""Wrong tries, and when the last was made (seconds since 1970)."""


class Patience:
    """The count of one vault's folder; ``now`` gives seconds since 1970."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._path = folder / TRIES_FILE
        self._now = now

    def wait(self) -> float:
        """Seconds until the next try. A clock that was set back has the last one begin to count anew."""
        tries, last = self._read()
        if tries < FREE_TRIES:
            return 0.0
        now = self._now()
        if last > now:
            last = now
            self._write(tries, last)
        return max(0.0, last + min(FIRST_WAIT * 2.0 ** min(tries - FREE_TRIES, 30), MAX_WAIT) - now)

    @contextmanager
    def one_try(self) -> Iterator[None]:
        """Around the try of a passphrase.

        Raises:
            WrongPassphrase: it was, and how long the next has to wait; or this one came too early, and was
                not tried.
        """
        wait = self.wait()
        if wait:
            raise WrongPassphrase(
                f"too many wrong passphrases: this one was not tried; wait {_in_words(wait)}",
                hint="then try again; there is no way to reset a passphrase",
            )
        tries, last = self._read()
        self._write(tries + 1, self._now())
        try:
            yield
        except WrongPassphrase as error:
            self._write(tries + 1, self._now())  # the try itself took time
            wait = self.wait()
            if wait:
                raise WrongPassphrase(
                    error.message, hint=f"{error.hint}; the next try is possible in {_in_words(wait)}"
                ) from None
            raise
        except BaseException:  # something else went wrong, and nothing was learnt about the passphrase
            self._write(tries, last)
            raise
        self._write(0, 0.0)

    def _read(self) -> tuple[int, float]:
        try:
            tries, last = _LAYOUT.unpack(self._path.read_bytes())
        except (OSError, struct.error):
            return 0, 0.0
        return tries, last if 0.0 <= last < 1e12 else 0.0

    def _write(self, tries: int, last: float) -> None:
        try:
            if not tries:
                self._path.unlink(missing_ok=True)
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                os.pwrite(descriptor, _LAYOUT.pack(min(tries, 2**31), last), 0)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StoreError(
                f"the tries of the passphrase cannot be counted: {os.strerror(error.errno or 0)}",
                hint="check the disk and the vault's folder",
            ) from error


def _in_words(seconds: float) -> str:
    whole = int(seconds) + 1
    return f"{whole} s" if whole < 120 else f"{-(-whole // 60)} minutes"
