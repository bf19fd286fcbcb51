"""One engine per vault: two processes must never advance one ratchet.

Laws: the lock is the kernel's, on an open file, so it goes with its process however that ends; the file
itself stays and holds nothing.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from ..errors import VaultInUse
from .disk import own_words, prepare_folder

LOCK_FILE: Final = "lock"


class VaultLock:
    """The exclusive hold of a vault's folder, from `acquire` until `release`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> Self:
        """Take the folder, making it (0700) if it is missing.

        Raises:
            VaultInUse: another process, or another lock in this one, has it.
            StoreError: the folder cannot be used, is somebody else's, or others can look into it.
        """
        prepare_folder(folder)
        with own_words("lock its folder"):
            descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                raise VaultInUse("another engine has this vault open") from None
            except OSError:
                os.close(descriptor)
                raise
        return cls(descriptor)

    def release(self) -> None:
        """Give the folder back; doing it twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
