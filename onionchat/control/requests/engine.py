"""What a client may ask about engine and vault: status, unlocking, ways to unlock, backups, locking, the end.

Laws: see the package; reprs show no secret.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ..limits import FACTOR_SIZE, MAX_CREDENTIAL, MAX_IDLE, MAX_PASSPHRASE, MAX_PATH, MIN_IDLE
from .base import Request

Passphrase = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PASSPHRASE)]
FilePath = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PATH)]
"""Absolute: the engine's own folder is another than its clients'."""
FactorSecret = Annotated[bytes, msgspec.Meta(min_length=FACTOR_SIZE, max_length=FACTOR_SIZE)]
Credential = Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_CREDENTIAL)]


class Status(Request, frozen=True, kw_only=True, tag="status"):
    """How are engine, vault, tor and our onions? Reply: `replies.StatusReport`. Works while locked."""


class Unlock(Request, frozen=True, kw_only=True, tag="unlock"):
    """Open the vault, or with ``create`` make it. Reply: `replies.Done`. Works only while locked.

    ``vault-show`` says which factors are to be given beside the passphrase.
    """

    passphrase: Passphrase
    create: bool = False
    key_file: FactorSecret | None = None
    security_key: FactorSecret | None = None

    def __repr__(self) -> str:
        return "Unlock(…)"


class VaultShow(Request, frozen=True, kw_only=True, tag="vault-show"):
    """What unlocks the vault, which must be one on disk. Reply: `replies.VaultWays`. Works while locked."""


class VaultPassphrase(Request, frozen=True, kw_only=True, tag="vault-passphrase"):
    """Take another passphrase; factors stay. Reply: `replies.Done`."""

    passphrase: Passphrase
    new: Passphrase

    def __repr__(self) -> str:
        return "VaultPassphrase(…)"


class VaultKeyFile(Request, frozen=True, kw_only=True, tag="vault-key-file"):
    """Ask for a key file from now on, or for none. Reply: `replies.Done`."""

    passphrase: Passphrase
    key_file: FactorSecret | None = None

    def __repr__(self) -> str:
        return "VaultKeyFile(…)"


class VaultSecurityKey(Request, frozen=True, kw_only=True, tag="vault-security-key"):
    """Ask for a security key from now on, or for none. Reply: `replies.Done`.

    ``credential`` is what the key is found by, ``security_key`` what it gives for it: both or neither.
    """

    passphrase: Passphrase
    credential: Credential | None = None
    security_key: FactorSecret | None = None

    def __repr__(self) -> str:
        return "VaultSecurityKey(…)"


class VaultRecovery(Request, frozen=True, kw_only=True, tag="vault-recovery"):
    """Let ``words`` open the vault once (``vault-recover``), or none. Reply: `replies.Done`."""

    passphrase: Passphrase
    words: Passphrase | None = None

    def __repr__(self) -> str:
        return "VaultRecovery(…)"


class VaultDuress(Request, frozen=True, kw_only=True, tag="vault-duress"):
    """Let ``duress``, given as the passphrase, burn the vault; or none. Reply: `replies.Done`."""

    passphrase: Passphrase
    duress: Passphrase | None = None

    def __repr__(self) -> str:
        return "VaultDuress(…)"


class VaultRecover(Request, frozen=True, kw_only=True, tag="vault-recover"):
    """Open the vault by its recovery words. Reply: `replies.Done`. Works only while locked.

    The words are erased, no factor is asked for any more, and ``new`` is the passphrase.
    """

    words: Passphrase
    new: Passphrase

    def __repr__(self) -> str:
        return "VaultRecover(…)"


class BackupMake(Request, frozen=True, kw_only=True, tag="backup-make"):
    """Write a backup, sealed under ``new``, to a file that is not there yet. Reply: `replies.Backup`.

    ``passphrase`` is the vault's. Identities, contacts and settings go in, and nothing that was said.
    """

    file: FilePath
    passphrase: Passphrase
    new: Passphrase

    def __repr__(self) -> str:
        return "BackupMake(…)"


class BackupRestore(Request, frozen=True, kw_only=True, tag="backup-restore"):
    """Make the vault from a backup, and open it. Reply: `replies.Backup`. Works only where there is none.

    ``passphrase`` is the backup's, ``new`` that of the vault.
    """

    file: FilePath
    passphrase: Passphrase
    new: Passphrase

    def __repr__(self) -> str:
        return "BackupRestore(…)"


class Watch(Request, frozen=True, kw_only=True, tag="watch"):
    """From now on send notices on this connection. Reply: `replies.Done`, then notices as they happen."""


class Lock(Request, frozen=True, kw_only=True, tag="lock"):
    """Lock the vault: links and addresses end, keys leave the memory. Reply: `replies.Done`."""

    receive: bool | None = None
    """Let the links that are up stay up and receive into the box; null: as `LockDefault` says."""


class LockDefault(Request, frozen=True, kw_only=True, tag="lock-default"):
    """Set what locking does with links where nothing is said, also by itself. Reply: `replies.Done`."""

    receive: bool
    """Whether they stay up and receive."""


class LockAfter(Request, frozen=True, kw_only=True, tag="lock-after"):
    """Have the vault lock itself after so long without anybody there; null: never. Reply: `replies.Done`.

    Anything that is asked of the engine, but for `Status`, `Watch`, `Shown` and `Closed`, which programs ask
    by themselves, shows that somebody is there.
    """

    seconds: Annotated[int, msgspec.Meta(ge=MIN_IDLE, le=MAX_IDLE)] | None


class Here(Request, frozen=True, kw_only=True, tag="here"):
    """Somebody is there, though nothing is asked for. Works while locked. Reply: `replies.Done`."""


class VaultBurn(Request, frozen=True, kw_only=True, tag="vault-burn"):
    """Burn everything: keys first, then files, then tor's services. Reply: `replies.Done`; the engine ends.

    Works while locked, too. Peers are told nothing and only see us offline.
    """


class Stop(Request, frozen=True, kw_only=True, tag="stop"):
    """End engine, metronome and managed tor in order. Reply: `replies.Done` before it does."""
