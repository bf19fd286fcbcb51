"""The key file: a file whose content is needed beside the passphrase.

Laws: the file is read and never changed; only its digest leaves this module, and the content is not kept.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..control.limits import FACTOR_SIZE
from ..errors import ConfigError

NEW_SIZE: Final = 64
LEAST: Final = 32
MOST: Final = 64 * 1024 * 1024
_PERSON: Final = b"onionchat/1 file"


def make_key_file(path: Path, random: Callable[[int], bytes]) -> None:
    """Make a key file of random bytes (0600), on the disk when this returns.

    Raises:
        ConfigError: there is a file already, or it cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, random(NEW_SIZE))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)  # its name, too
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError(f"the key file cannot be made: {error.strerror}") from None


def key_file_secret(path: Path) -> bytes:
    """The 32 bytes that a key file stands for.

    Raises:
        ConfigError: it cannot be read, or is too short or too long for a key file.
    """
    digest = hashlib.blake2b(digest_size=FACTOR_SIZE, person=_PERSON)
    size = 0
    try:
        with path.open("rb") as file:
            while size <= MOST and (data := file.read(1024 * 1024)):
                digest.update(data)
                size += len(data)
    except OSError as error:
        raise ConfigError(f"the key file cannot be read: {error.strerror}") from None
    if not LEAST <= size <= MOST:
        raise ConfigError(
            f"a key file has {LEAST} bytes to {MOST // 1024 // 1024} MiB",
            hint="leave out the file, and «onionchat vault key-file add» makes one",
        )
    return digest.digest()
