"""What goes into a backup, and what a vault is made of from one. docs/protocol.md, «Backups».

Laws: nothing that was said, no ratchet and no psk of a link goes in; what does is listed here field by field,
so that nothing new gets in by itself. Nothing of what is to live in memory alone goes in. No open invite goes
in: it is good for one use, and two copies of it would each take another person for the contact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .commands import Key
from .record import BackupRecord, ContactRecord, IdentityRecord, SettingsRecord, pack


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
