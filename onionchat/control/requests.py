"""What a client may ask of the engine. Data only.

Laws: one struct per request, tagged by ``do``; unknown fields are refused; nothing here performs anything.
A request gets exactly one reply (`replies.py`); what happens later arrives as notices (`notices.py`) at
those who asked to ``watch``. Identities, contacts, invites and messages are named by the local handle
that an earlier reply gave (lower-case hex of random bytes), never by a key or an address.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from .limits import (
    FACTOR_SIZE,
    MAX_BUDGET,
    MAX_CODE,
    MAX_CREDENTIAL,
    MAX_HANDLE,
    MAX_IDLE,
    MAX_LIFETIME,
    MAX_NAME,
    MAX_PASSPHRASE,
    MAX_PATH,
    MAX_TEXT,
    MAX_TICK,
    MIN_BUDGET,
    MIN_IDLE,
    MIN_LIFETIME,
    MIN_TICK,
)

MAX_ID: Final = 2**53
"""Whole numbers up to this one survive every JSON reader."""

Handle = Annotated[str, msgspec.Meta(max_length=MAX_HANDLE, pattern=r"^[0-9a-f]+\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Passphrase = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PASSPHRASE)]
FilePath = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PATH)]
"""Absolute: the engine's own folder is another than its clients'."""
FactorSecret = Annotated[bytes, msgspec.Meta(min_length=FACTOR_SIZE, max_length=FACTOR_SIZE)]
Credential = Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_CREDENTIAL)]
Seconds = Annotated[int, msgspec.Meta(ge=MIN_LIFETIME, le=MAX_LIFETIME)]
Lifetime = Seconds | Literal["once", "off"]
"""``once``: gone when it was read and closed; ``off``: stays until it is deleted."""
Level = Literal["constant", "poisson", "burst"]
Tick = Annotated[float, msgspec.Meta(ge=MIN_TICK, le=MAX_TICK)]
Batch = Literal[1, 2, 4, 8]
WindowSeconds = Literal[16, 32, 64, 128, 256, 512, 1024]


class Request(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag=True, forbid_unknown_fields=True
):
    """Base of all requests; ``id`` is echoed in the reply (a client numbers its requests itself)."""

    id: Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)] = 0


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

    Anything that is asked of the engine, but for `Status` and `Watch`, shows that somebody is there.
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


class IdentityCreate(Request, frozen=True, kw_only=True, tag="identity-create"):
    """A new pseudonym, named only locally. Reply: `replies.Identity`.

    A disposable one lives in memory with everything of it, and is gone with the engine or when it locks.
    """

    name: Name
    disposable: bool = False


class IdentityList(Request, frozen=True, kw_only=True, tag="identity-list"):
    """Reply: `replies.Identities`."""


class IdentityBurn(Request, frozen=True, kw_only=True, tag="identity-burn"):
    """Burn an identity: its invites, contacts, messages, addresses and all keys. Reply: `replies.Done`.

    Peers are told nothing and only see it offline.
    """

    identity: Handle


class InviteCreate(Request, frozen=True, kw_only=True, tag="invite-create"):
    """A one-time invite that reaches ``identity``. Reply: `replies.Invite` with its code."""

    identity: Handle
    hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 366)] | None = None


class InviteList(Request, frozen=True, kw_only=True, tag="invite-list"):
    """Invites that are still open. Reply: `replies.Invites`."""


class InviteRevoke(Request, frozen=True, kw_only=True, tag="invite-revoke"):
    """Take an open invite back: its onion service goes away. Reply: `replies.Done`."""

    invite: Handle


class InviteAccept(Request, frozen=True, kw_only=True, tag="invite-accept"):
    """Use an invite that somebody gave us, as ``identity``. Reply: `replies.Contact`."""

    identity: Handle
    code: Annotated[str, msgspec.Meta(max_length=MAX_CODE)]
    name: Name

    def __repr__(self) -> str:
        return "InviteAccept(…)"


class ContactList(Request, frozen=True, kw_only=True, tag="contact-list"):
    """All contacts, of one identity if given. Reply: `replies.Contacts`."""

    identity: Handle | None = None


class ContactRename(Request, frozen=True, kw_only=True, tag="contact-rename"):
    """Change the local name of a contact. Reply: `replies.Contact`."""

    contact: Handle
    name: Name


class ContactRemove(Request, frozen=True, kw_only=True, tag="contact-remove"):
    """Burn a contact: its keys, messages and pair address. Reply: `replies.Done`.

    The peer is told nothing and only sees us offline.
    """

    contact: Handle


class ConversationBurn(Request, frozen=True, kw_only=True, tag="conversation-burn"):
    """Burn every message of a conversation here; the contact stays. Reply: `replies.Done`."""

    contact: Handle


class Messages(Request, frozen=True, kw_only=True, tag="messages"):
    """The newest ``limit`` messages of a conversation, oldest first. Reply: `replies.Conversation`."""

    contact: Handle
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200


class Send(Request, frozen=True, kw_only=True, tag="send"):
    """Queue a text; the reply comes when it is safely in the outbox. Reply: `replies.Message`.

    ``lifetime`` overrides the conversation's for this message; ``off`` only where the vault allows it.
    """

    contact: Handle
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
    lifetime: Lifetime | None = None

    def __repr__(self) -> str:
        return "Send(…)"


class Delete(Request, frozen=True, kw_only=True, tag="delete"):
    """Burn one message here, with ``both`` also at the peer. Reply: `replies.Done`.

    The peer is asked until it acknowledges or the message's own lifetime has ended.
    """

    contact: Handle
    message: Handle
    both: bool = False


class Shown(Request, frozen=True, kw_only=True, tag="shown"):
    """These received messages were on a person's screen: their clocks start now. Reply: `replies.Done`."""

    contact: Handle
    messages: Annotated[list[Handle], msgspec.Meta(max_length=1000)]


class Closed(Request, frozen=True, kw_only=True, tag="closed"):
    """A conversation is on no screen any more: what lives once and was read goes. Reply: `replies.Done`."""

    contact: Handle


class SetLifetime(Request, frozen=True, kw_only=True, tag="set-lifetime"):
    """How long messages of a conversation live from now on. Reply: `replies.Contact`."""

    contact: Handle
    lifetime: Lifetime


class Keep(Request, frozen=True, kw_only=True, tag="keep"):
    """Where messages of a conversation live, also those that there are. Reply: `replies.Contact`.

    In ``memory`` they never reach the disk again, and are gone with the engine or when it locks.
    """

    contact: Handle
    where: Literal["vault", "memory"]


class AllowOff(Request, frozen=True, kw_only=True, tag="allow-off"):
    """Whether messages in this vault may live without end; no at first. Reply: `replies.Done`.

    It cannot be forbidden while a conversation is set to ``off``; messages that live without end stay.
    """

    allowed: bool


class TimerTold(Request, frozen=True, kw_only=True, tag="timer-told"):
    """Who sends asks this before the first message: what lifetimes promise. Reply: `replies.TimerPromise`."""


class PolicyShow(Request, frozen=True, kw_only=True, tag="policy-show"):
    """What holds for a contact, an identity, or (with neither) the vault. Reply: `replies.Policy`."""

    contact: Handle | None = None
    identity: Handle | None = None


class ScheduleSet(Request, frozen=True, kw_only=True, tag="schedule-set"):
    """When cells leave, for a contact, an identity, or (with neither) the vault. Reply: `replies.Policy`.

    What is not given stays as it is in effect; with ``inherit`` what was set there is dropped, and what
    the next wider one says holds again. Links that are up change over once the peer knows.
    """

    contact: Handle | None = None
    identity: Handle | None = None
    level: Level | None = None
    tick: Tick | None = None
    batch: Batch | None = None
    inherit: bool = False


class BudgetSet(Request, frozen=True, kw_only=True, tag="budget-set"):
    """Share ``kilobytes`` (1,000 bytes) of cells per second among all contacts. Reply: `replies.Policy`.

    All links then go round in a fixed rotation, whatever else was set. With null each has its own tick again.
    """

    kilobytes: Annotated[float, msgspec.Meta(ge=MIN_BUDGET, le=MAX_BUDGET)] | None = None


class PresenceSet(Request, frozen=True, kw_only=True, tag="presence-set"):
    """Appear offline to a contact, as an identity, or (with neither) to all. Reply: `replies.Policy`.

    Links end at once and the pair addresses go; ``visible`` brings them back, but for what is hidden
    elsewhere: a contact is reached only where contact, identity and vault are all visible.
    """

    visible: bool
    contact: Handle | None = None
    identity: Handle | None = None


class WindowAsk(Request, frozen=True, kw_only=True, tag="window-ask"):
    """Ask a contact for a bulk window of so many seconds. Reply: `replies.Contact`.

    20 cells a second leave from us once the contact's user agreed, to its end whatever there is to send.
    """

    contact: Handle
    seconds: WindowSeconds


class WindowAnswer(Request, frozen=True, kw_only=True, tag="window-answer"):
    """Agree to the bulk window that a contact asked for, or decline it. Reply: `replies.Contact`."""

    contact: Handle
    agree: bool


AnyRequest = (
    Status
    | Unlock
    | VaultShow
    | VaultPassphrase
    | VaultKeyFile
    | VaultSecurityKey
    | VaultRecovery
    | VaultDuress
    | VaultRecover
    | BackupMake
    | BackupRestore
    | Watch
    | Lock
    | LockAfter
    | LockDefault
    | Here
    | VaultBurn
    | Stop
    | IdentityCreate
    | IdentityList
    | IdentityBurn
    | InviteCreate
    | InviteList
    | InviteRevoke
    | InviteAccept
    | ContactList
    | ContactRename
    | ContactRemove
    | ConversationBurn
    | Messages
    | Send
    | Delete
    | Shown
    | Closed
    | SetLifetime
    | Keep
    | AllowOff
    | TimerTold
    | PolicyShow
    | ScheduleSet
    | BudgetSet
    | PresenceSet
    | WindowAsk
    | WindowAnswer
)
