"""What goes into a backup, and what a vault is made of from one. docs/protocol.md, «Backups».

Laws: nothing that was said, no ratchet and no psk of a link goes in; what does is listed here field by field,
so that nothing new gets in by itself. Nothing of what is to live in memory alone goes in. No open invite goes
in: it is good for one use, and two copies of it would each take another person for the contact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ..crypto.keys import KEY_SIZE
from .body import is_lifetime
from .commands import Key
from .record import BackupRecord, ContactRecord, IdentityRecord, SettingsRecord, pack

MOST_ID: Final = 32
"""Bytes of an identity's or a contact's id: as long as the control socket can name."""


def is_kept(record: ContactRecord) -> bool:
    """Whether a backup can bring this contact back.

    It takes a recovery psk, and that both know each other by the pair's own keys and addresses.
    """
    return bool(record.recovery_psk) and record.introduced and not record.memory


def backup_of(
    settings: SettingsRecord,
    identities: Iterable[IdentityRecord],
    contacts: Iterable[ContactRecord],
    now: float,
) -> BackupRecord:
    """What a backup that is made ``now`` (seconds since 1970) holds of all that there is."""
    lasting = [identity for identity in identities if not identity.disposable]
    known = {identity.id for identity in lasting}
    return BackupRecord(
        made=now,
        settings=settings,
        identities=lasting,
        contacts=[_without_links(one) for one in contacts if one.identity in known and is_kept(one)],
    )


def is_whole(backup: BackupRecord) -> bool:
    """Whether a vault can be made of it: contacts are as `backup_of` leaves them, each with its identity."""
    identities = {identity.id for identity in backup.identities}
    contacts = {contact.id for contact in backup.contacts}
    return (
        len(identities) == len(backup.identities)
        and len(contacts) == len(backup.contacts)
        and all(0 < len(each) <= MOST_ID for each in identities | contacts)
        and all(one.identity in identities and _is_whole_contact(one) for one in backup.contacts)
    )


def _is_whole_contact(record: ContactRecord) -> bool:
    return record == _without_links(record) and is_lifetime(record.lifetime) and _has_its_keys(record)


def _has_its_keys(record: ContactRecord) -> bool:
    keys = (record.onion_seed, record.static_secret, record.recovery_psk, record.peer_onion)
    return bool(record.peer_statics) and all(len(key) == KEY_SIZE for key in (*keys, *record.peer_statics))


def records_of(backup: BackupRecord) -> Iterator[tuple[Key, bytes]]:
    """The records of a vault that is restored from it."""
    yield Key(kind="settings"), pack(backup.settings)
    for identity in backup.identities:
        yield Key(kind="identity", key=identity.id), pack(identity)
    for contact in backup.contacts:
        yield Key(kind="contact", key=contact.id), pack(contact)


def _without_links(record: ContactRecord) -> ContactRecord:
    """The contact as it is after restoring: nothing of a link or a session, and the next one to be begun."""
    return ContactRecord(
        id=record.id,
        identity=record.identity,
        name=record.name,
        created=record.created,
        lifetime=record.lifetime,
        onion_seed=record.onion_seed,
        static_secret=record.static_secret,
        first_onion=record.first_onion,
        peer_onion=record.peer_onion,
        peer_statics=record.peer_statics,
        recovery_psk=record.recovery_psk,
        restored=True,
        version=record.version,
        suite=record.suite,
        introduced=True,
        session_lost=True,
        pace=record.pace,
        hidden=record.hidden,
    )
