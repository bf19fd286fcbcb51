"""What a client may ask of the engine. Data only.

Laws: one struct per request, tagged by ``do``; unknown fields are refused; nothing here performs anything.
A request gets exactly one reply (`replies.py`); what happens later arrives as notices (`notices.py`) at
those who asked to ``watch``. Identities, contacts, invites and messages are named by the local handle
that an earlier reply gave (lower-case hex of random bytes), never by a key or an address.
"""

from __future__ import annotations

from .base import MAX_ID, Request
from .engine import (
    BackupMake,
    BackupRestore,
    Here,
    Lock,
    LockAfter,
    LockDefault,
    Status,
    Stop,
    Unlock,
    VaultBurn,
    VaultDuress,
    VaultKeyFile,
    VaultPassphrase,
    VaultRecover,
    VaultRecovery,
    VaultSecurityKey,
    VaultShow,
    Watch,
)
from .people import (
    AllowOff,
    Closed,
    ContactList,
    ContactRemove,
    ContactRename,
    ConversationBurn,
    Delete,
    IdentityBurn,
    IdentityCreate,
    IdentityList,
    InviteAccept,
    InviteCreate,
    InviteList,
    InviteRevoke,
    Keep,
    Lifetime,
    Messages,
    Send,
    SetLifetime,
    Shown,
    TimerTold,
)
from .wire import (
    BudgetSet,
    Level,
    PolicyShow,
    PresenceSet,
    ScheduleSet,
    WindowAnswer,
    WindowAsk,
    WindowSeconds,
)

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

__all__ = [
    "MAX_ID",
    "AllowOff",
    "AnyRequest",
    "BackupMake",
    "BackupRestore",
    "BudgetSet",
    "Closed",
    "ContactList",
    "ContactRemove",
    "ContactRename",
    "ConversationBurn",
    "Delete",
    "Here",
    "IdentityBurn",
    "IdentityCreate",
    "IdentityList",
    "InviteAccept",
    "InviteCreate",
    "InviteList",
    "InviteRevoke",
    "Keep",
    "Level",
    "Lifetime",
    "Lock",
    "LockAfter",
    "LockDefault",
    "Messages",
    "PolicyShow",
    "PresenceSet",
    "Request",
    "ScheduleSet",
    "Send",
    "SetLifetime",
    "Shown",
    "Status",
    "Stop",
    "TimerTold",
    "Unlock",
    "VaultBurn",
    "VaultDuress",
    "VaultKeyFile",
    "VaultPassphrase",
    "VaultRecover",
    "VaultRecovery",
    "VaultSecurityKey",
    "VaultShow",
    "Watch",
    "WindowAnswer",
    "WindowAsk",
    "WindowSeconds",
]
