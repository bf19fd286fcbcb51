"""The file of a backup: sealed under a passphrase of its own.

Laws: what is in it is nobody's business here. The whole head, with what the passphrase costs, is associated
data: whoever changes a byte has a file that does not open. A file is as long as a power of two, so that it
tells no more than that of what it holds. No file that is there is ever written over.

| at | size | field |
| --- | --- | --- |
| 0 | 17 | `onionchat backup` and a newline |
| 17 | 2 | version: 1 |
| 19 | 8 | memory of Argon2id in bytes |
| 27 | 4 | passes |
| 31 | 16 | salt |
| 47 | 24 | nonce |
| 71 | | XChaCha20-Poly1305 of: length (4) ‖ content ‖ zeros |
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from pathlib import Path
from typing import Final

from ..crypto import RandomSource
from ..crypto.passphrase import MIB, SALT_SIZE, PassphraseCost, affordable_cost, unlocking_key
from ..crypto.sealing import OVERHEAD, seal, unseal
from ..errors import DecryptionError, DiskFull, StoreError, VaultCorrupt, VaultTooNew, WrongPassphrase
from .disk import FULL, sync_folder
from .opening import available_memory
from .unlocking import require_some

BACKUP_VERSION: Final = 1
LEAST_SIZE: Final = 16 * 1024
"""Room for some thirty contacts: most backups look alike."""
MOST_SIZE: Final = 64 * MIB

_MAGIC: Final = b"onionchat backup\n"
_VERSION: Final = struct.Struct(">H")
_FIELDS: Final = struct.Struct(f">QI{SALT_SIZE}s")
_LENGTH: Final = struct.Struct(">I")
_HEAD: Final = len(_MAGIC) + _VERSION.size + _FIELDS.size
_LEAST_MEMORY: Final = 8192
"""Of Argon2id: it takes no less."""
_MOST_MEMORY: Final = 1024 * MIB
_MOST_PASSES: Final = 16
"""Past these a file is taken for damaged: it must not make us ask for whatever it says."""
_DAMAGED: Final = "restore from another copy of it"


def seal_backup(
    content: bytes, passphrase: str, *, random: RandomSource, cost: PassphraseCost | None = None
) -> bytes:
    """The bytes of a backup file.

    Args:
        content: what it holds.
        passphrase: any text but an empty one.
        random: unpredictable bytes.
        cost: of the passphrase; by default what the memory at hand allows.

    Raises:
        StoreError: the passphrase is empty, or ``content`` is longer than a backup may be.
        CryptoError: the memory for the passphrase cannot be had.
    """
    require_some(passphrase)
    cost, salt = cost or affordable_cost(available_memory()), random(SALT_SIZE)
    head = _MAGIC + _VERSION.pack(BACKUP_VERSION) + _FIELDS.pack(cost.memory, cost.passes, salt)
    used = _HEAD + OVERHEAD + _LENGTH.size + len(content)
    size = max(LEAST_SIZE, 1 << (used - 1).bit_length())
    if size > MOST_SIZE:
        raise StoreError("there is more to back up than a backup holds")
    plain = (_LENGTH.pack(len(content)) + content).ljust(size - _HEAD - OVERHEAD, b"\0")
    return head + seal(unlocking_key(passphrase, salt, cost), plain, ad=head, random=random)


def open_backup(data: bytes, passphrase: str) -> bytes:
    """What a backup file holds.

    Raises:
        VaultTooNew: a later version wrote it.
        VaultCorrupt: it is no backup, or a damaged one.
        WrongPassphrase: it does not open; a damaged one may look like that, too.
        CryptoError: the memory for the passphrase cannot be had.
    """
    cost, salt = _head_of(data)
    key = unlocking_key(passphrase, salt, cost)
    try:
        plain = unseal(key, data[_HEAD:], ad=data[:_HEAD])
    except DecryptionError:
        raise WrongPassphrase(
            "this passphrase does not open the backup", hint="try again; a damaged file looks the same"
        ) from None
    return _content_of(plain)


def cost_of_backup(data: bytes) -> PassphraseCost:
    """What a try of a backup's passphrase costs.

    Raises:
        VaultTooNew, VaultCorrupt: as for `open_backup`.
    """
    return _head_of(data)[0]


def _head_of(data: bytes) -> tuple[PassphraseCost, bytes]:
    """What the passphrase of a whole file costs, and its salt."""
    if not data.startswith(_MAGIC) or len(data) < _HEAD:
        raise VaultCorrupt("this is not a backup of onionchat", hint="name the file that was made as one")
    (version,) = _VERSION.unpack_from(data, len(_MAGIC))
    if version > BACKUP_VERSION:
        raise VaultTooNew(
            f"the backup has format {version}; this onionchat knows {BACKUP_VERSION}",
            hint="update onionchat",
        )
    memory, passes, salt = _FIELDS.unpack_from(data, len(_MAGIC) + _VERSION.size)
    sound = _LEAST_MEMORY <= memory <= _MOST_MEMORY and 0 < passes <= _MOST_PASSES
    if not sound or version != BACKUP_VERSION or len(data) < LEAST_SIZE or len(data).bit_count() != 1:
        raise VaultCorrupt("the backup is damaged", hint=_DAMAGED)
    return PassphraseCost(memory=memory, passes=passes), salt


def _content_of(plain: bytes) -> bytes:
    (length,) = _LENGTH.unpack_from(plain)
    if length > len(plain) - _LENGTH.size:
        raise VaultCorrupt("the backup is damaged", hint=_DAMAGED)
    return plain[_LENGTH.size : _LENGTH.size + length]


def write_backup(path: Path, data: bytes) -> None:
    """Make the file (0600), on the disk when this returns.

    Raises:
        StoreError: there is a file of that name already, or it cannot be made there.
        DiskFull: there is no file then.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _refused("made", error) from None
    try:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise _refused("written", error) from None
    with contextlib.suppress(StoreError):  # the file systems of some sticks cannot do this for a folder
        sync_folder(path.parent)


def read_backup(path: Path) -> bytes:
    """The bytes of a backup file.

    Raises:
        StoreError: it cannot be read.
        VaultCorrupt: it is a folder, a pipe or a device, or longer than any backup.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # nobody may hold us up with a pipe
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise VaultCorrupt("this is no file", hint="name the file that was made as a backup")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(MOST_SIZE + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _refused("read", error) from None
    if len(data) > MOST_SIZE:
        raise VaultCorrupt("this file is longer than any backup", hint="name the file that was made as one")
    return data


def _refused(done: str, error: OSError) -> StoreError:
    if error.errno in FULL:
        return DiskFull("there is no room for the backup", hint="free some space, or choose another place")
    why = os.strerror(error.errno or 0)
    return StoreError(f"the backup cannot be {done}: {why}", hint="choose another file; none is written over")
