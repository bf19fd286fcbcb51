"""Backups: who was restored from one is reached again and both are told; two copies at once are noticed."""

from __future__ import annotations

import msgspec
import pytest

from onionchat.protocol import commands as do
from onionchat.protocol import greeting
from onionchat.protocol.backup import MOST_ID, backup_of, is_kept, is_whole, records_of
from onionchat.protocol.constants import MIN_LIFETIME, ONCE
from onionchat.protocol.greeting import Capability, Intent
from onionchat.protocol.keyring import MAX_PSKS
from onionchat.protocol.lines import COPY_HERE, COPY_THERE, RESTORED_HERE, RESTORED_THERE, SESSION_RENEWED
from onionchat.protocol.link import LinkState
from onionchat.protocol.pace import Pace
from onionchat.protocol.record import (
    RECOVERY,
    BackupRecord,
    ContactRecord,
    IdentityRecord,
    Psk,
    SettingsRecord,
    pack,
    unpack,
)

from .test_losses import losing
from .test_reset import lose_session, missing
from .world import Person, Wire, World, can_talk, friends, introduced, meeting

ME = IdentityRecord(id=bytes(8), name="me", created=1.0)


def backed_up(person: Person) -> bytes:
    """What a backup of this person holds."""
    return pack(backup_of(SettingsRecord(), [ME], [person.record], person.world.now))


def restored(world: World, backup: bytes, name: str) -> Person:
    """A person whose vault was made from a backup."""
    person = Person(world, name)
    person.vault = dict(records_of(unpack(backup, BackupRecord)))
    person.come_back()
    return person


def relinked(world: World, ada: Person, ben: Person, times: int = 3) -> None:
    """Enough new links for every earlier psk to be gone."""
    for _ in range(times):
        ben.restart()
        world.until(lambda: introduced(ada, ben))


# --- the recovery psk --------------------------------------------------------------------------------


def test_the_first_contact_leaves_one_which_stays() -> None:
    world, ada, ben = friends()
    first = ada.record.recovery_psk
    assert len(first) == 32
    assert ben.record.recovery_psk == first
    assert first not in [psk.key for psk in (*ada.record.psks, *ben.record.psks)]
    relinked(world, ada, ben)
    lose_session(ada, missing)
    world.until(lambda: introduced(ada, ben))
    assert ada.record.recovery_psk == ben.record.recovery_psk == first


def test_a_first_contact_that_was_made_twice_leaves_the_same_on_both_sides() -> None:
    world, ada, ben = meeting()
    ben.reachable = False
    world.cutter = lambda wire, writer, carried: wire is world.wires[0] and carried > (writer is ben)
    world.until(lambda: ada.contact is not None)
    first = ada.record.recovery_psk
    world.until(lambda: introduced(ada, ben))
    assert ada.record.recovery_psk == ben.record.recovery_psk != first


def test_there_is_none_with_a_program_that_knows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greeting, "CAPABILITIES", (int(Capability.LIFETIMES),))
    world, ada, ben = friends()
    assert ada.record.recovery_psk == ben.record.recovery_psk == b""
    assert not is_kept(ada.record)
    can_talk(world, ada, ben)


# --- restoring ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialler", ["the restored", "the other", "either"])
def test_who_was_restored_is_reached_again_and_both_are_told(dialler: str) -> None:
    world, ada, ben = friends()
    can_talk(world, ada, ben)
    backup = backed_up(ada)
    relinked(world, ada, ben)
    ben.write("are you there?")
    ada.leave()
    again = restored(world, backup, "Ada again")
    again.reachable, ben.reachable = dialler != "the restored", dialler != "the other"
    world.until(lambda: introduced(again, ben), seconds=7200)
    assert again.lines() == [RESTORED_HERE]
    assert ben.lines() == [RESTORED_THERE]
    assert "are you there?" in again.texts()
    assert not again.record.restored
    relinked(world, again, ben)
    can_talk(world, again, ben)
    assert len(again.lines()) == len(ben.lines()) == 1
    assert [psk.key for psk in ben.record.psks] == [psk.key for psk in again.record.psks]


def test_both_may_have_been_restored() -> None:
    world, ada, ben = friends()
    backups = backed_up(ada), backed_up(ben)
    ada.leave()
    ben.leave()
    people = [restored(world, backup, name) for backup, name in zip(backups, ("Ada", "Ben"), strict=True)]
    world.until(lambda: introduced(*people))
    can_talk(world, *people)
    world.run(600)
    assert {line for person in people for line in person.lines()} <= {RESTORED_HERE, RESTORED_THERE}
    assert all(person.lines() for person in people)


@pytest.mark.parametrize("dialler", range(4))
def test_restoring_survives_every_loss_on_the_first_link(dialler: int) -> None:
    for other in range(4):
        world, ada, ben = friends(10 * dialler + other)
        backup = backed_up(ada)
        ada.leave()
        again = restored(world, backup, "Ada again")
        world.cutter = losing(dialler, other)
        world.until(lambda a=again, b=ben: introduced(a, b))  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        can_talk(world, again, ben)
        assert RESTORED_HERE in again.lines()
        assert not {COPY_HERE, COPY_THERE} & {*again.lines(), *ben.lines()}


def test_a_restored_contact_says_what_the_backup_has_of_it() -> None:
    world, ada, _ = friends()
    ada.write("nothing of this is in it")
    backup = backed_up(ada)
    held = unpack(backup, BackupRecord)
    (contact,) = held.contacts
    assert (contact.name, contact.peer_onion) == (ada.record.name, ada.record.peer_onion)
    assert (contact.restored, contact.session_lost, contact.psks, contact.session) == (True, True, [], b"")
    assert held.made == world.now
    for secret in (b"nothing of this", *(psk.key for psk in ada.record.psks), ada.record.session):
        assert secret not in backup


def test_what_a_backup_could_not_bring_back_or_is_to_leave_no_trace_is_not_in_it() -> None:
    _, ada, _ = friends()
    good = pack(ada.record)

    def contacts(**change: object) -> list[ContactRecord]:
        record = unpack(good, ContactRecord)
        for name, value in change.items():
            setattr(record, name, value)
        return backup_of(SettingsRecord(), [ME], [record], 0.0).contacts

    assert len(contacts()) == 1
    assert contacts(memory=True) == contacts(introduced=False) == contacts(recovery_psk=b"") == []
    disposable = IdentityRecord(id=ME.id, name="gone", created=1.0, disposable=True)
    empty = backup_of(SettingsRecord(), [disposable], [ada.record], 0.0)
    assert (empty.identities, empty.contacts) == ([], [])


def test_a_vault_is_made_of_a_backup_in_which_everything_belongs_together() -> None:
    _, ada, _ = friends()
    good = backed_up(ada)

    def of_contact(**change: object) -> bool:
        backup = unpack(good, BackupRecord)
        for name, value in change.items():
            setattr(backup.contacts[0], name, value)
        return is_whole(backup)

    assert of_contact()
    assert not of_contact(identity=b"another")
    assert not of_contact(id=b"")
    assert not of_contact(id=bytes(MOST_ID + 1))
    for key in ("onion_seed", "static_secret", "recovery_psk", "peer_onion"):
        assert not of_contact(**{key: bytes(31)})
    assert not of_contact(peer_statics=[])
    assert not of_contact(peer_statics=[bytes(32), b""])
    for lifetime, sound in ((MIN_LIFETIME, True), (ONCE, True), (MIN_LIFETIME - 1, False), (2**40, False)):
        assert of_contact(lifetime=lifetime) is sound
    assert not of_contact(restored=False)  # it would dial with psks that it has not
    assert not of_contact(introduced=False)
    assert not of_contact(memory=True)
    assert not of_contact(session_lost=False)
    assert not of_contact(psks=[Psk(generation=1, key=bytes(32), session=b"one")])
    backup = unpack(good, BackupRecord)
    assert not is_whole(msgspec.structs.replace(backup, identities=[]))
    assert not is_whole(msgspec.structs.replace(backup, identities=backup.identities * 2))
    assert not is_whole(msgspec.structs.replace(backup, contacts=backup.contacts * 2))


def known(**change: object) -> ContactRecord:
    """A contact with something in every field that a backup takes along."""
    record = ContactRecord(
        id=b"contact",
        identity=ME.id,
        name="them",
        created=3.0,
        lifetime=90,
        onion_seed=b"1" * 32,
        static_secret=b"2" * 32,
        first_onion=b"3" * 32,
        peer_onion=b"4" * 32,
        peer_statics=[b"5" * 32, b"6" * 32],
        recovery_psk=b"7" * 32,
        restored=True,
        version=3,
        suite=4,
        introduced=True,
        session_lost=True,
        pace=Pace(tick_ms=5000),
        hidden=True,
    )
    for name, value in change.items():
        setattr(record, name, value)
    return record


def test_everything_but_links_and_sessions_comes_back() -> None:
    settings = SettingsRecord(hidden=True)
    lived = known(
        restored=False,
        session_lost=False,
        session=b"session0",
        psks=[Psk(generation=1, key=bytes(32), session=b"session0")],
        last_seen=9.0,
        sequence=7,
    )
    backup = backup_of(settings, [ME], [lived], 5.0)
    assert backup == BackupRecord(made=5.0, settings=settings, identities=[ME], contacts=[known()])
    assert list(records_of(backup)) == [
        (do.Key(kind="settings"), pack(settings)),
        (do.Key(kind="identity", key=ME.id), pack(ME)),
        (do.Key(kind="contact", key=b"contact"), pack(known())),
    ]


def test_ids_are_as_long_as_can_be_named_and_one_that_is_not_spoils_all() -> None:
    def whole(*contacts: ContactRecord, identity: IdentityRecord = ME) -> bool:
        return is_whole(
            BackupRecord(made=5.0, settings=SettingsRecord(), identities=[identity], contacts=list(contacts))
        )

    for size in (1, MOST_ID):
        assert whole(known(id=b"x" * size), known())
        me = IdentityRecord(id=b"y" * size, name="me", created=1.0)
        assert whole(known(identity=me.id), identity=me)
    assert not whole(known(id=b"x" * (MOST_ID + 1)), known())
    assert not whole(known(id=b"another", identity=b"unknown"), known())
    assert not whole(known(id=b"another", recovery_psk=b""), known())


# --- copies ------------------------------------------------------------------------------------------


def older_copy(recovery: bool) -> tuple[World, Person, Person]:
    """Ada's vault is as it was some links ago."""
    world, ada, ben = friends()
    old = dict(ada.vault)
    relinked(world, ada, ben)
    ada.leave()
    ada.vault = old
    if not recovery:
        for key in [key for key in old if key.kind == "contact"]:
            record = unpack(old[key], ContactRecord)
            record.recovery_psk = b""
            old[key] = pack(record)
    ada.come_back()
    return world, ada, ben


def test_an_older_copy_of_a_vault_is_told_that_there_was_another() -> None:
    world, ada, ben = older_copy(recovery=True)
    world.until(lambda: introduced(ada, ben), seconds=7200)
    assert sorted([ada.lines(), ben.lines()]) == [[RESTORED_THERE], [COPY_HERE]]  # whoever dialled in the end
    can_talk(world, ada, ben)


def test_without_the_recovery_psk_it_would_get_nowhere() -> None:
    world, ada, ben = older_copy(recovery=False)
    world.run(7200)
    assert not ada.online
    assert not ben.online


def test_two_copies_at_once_are_told_to_all_three() -> None:
    world, ada, ben = friends()
    world.run(120)
    second = restored(world, backed_up(ada), "Ada, too")
    world.until(lambda: COPY_THERE in ben.lines())
    world.until(lambda: RESTORED_HERE in second.lines())
    world.until(lambda: COPY_HERE in ada.lines(), seconds=7200)
    world.until(lambda: COPY_HERE in second.lines(), seconds=7200)
    second.leave()
    world.run(60)  # whatever link was about to end has ended
    world.until(lambda: introduced(ada, ben), seconds=7200)
    can_talk(world, ada, ben)


def test_who_was_not_restored_does_not_take_the_other_ones_backup_for_a_copy() -> None:
    """Ben dials with the recovery psk, and learns that Ada has no session."""
    world, ada, ben = friends()
    backup = backed_up(ada)
    ada.leave()
    again = restored(world, backup, "Ada again")
    ben.reachable = False
    world.until(lambda: introduced(again, ben), seconds=7200)
    assert ben.lines() == [RESTORED_THERE]


@pytest.mark.parametrize(
    ("ended", "ada_reads", "ben_reads"), [(11, [], []), (12, [COPY_HERE], [RESTORED_THERE])]
)
def test_on_a_bad_connection_nothing_is_begun_anew(
    ended: int, ada_reads: list[str], ben_reads: list[str]
) -> None:
    """Connections end while message 2 is awaited; who ends twelve, on the way or as Ben, alarms both."""
    world, ada, ben = friends()
    ada.reachable = False
    before = len(world.wires)

    def of_ada() -> list[Wire]:
        return [wire for wire in world.wires[before:] if wire.dialler is ada]

    for wire in world.wires:
        wire.cut()
    world.cutter = lambda wire, writer, carried: wire in of_ada()[:ended] and writer is ben
    world.until(lambda: not ada.online)
    world.until(lambda: introduced(ada, ben), seconds=7200)
    assert len(of_ada()) == ended + 1
    assert (ada.lines(), ben.lines()) == (ada_reads, ben_reads)


def test_a_lost_session_is_another_matter() -> None:
    world, ada, ben = friends()
    lose_session(ada, missing)
    world.until(lambda: introduced(ada, ben))
    assert ada.lines() == ben.lines() == [SESSION_RENEWED]


# --- what a changed program might do -----------------------------------------------------------------


def test_nobody_resumes_with_the_recovery_psk() -> None:
    world, ada, ben = friends()
    session, psks = ben.record.session, list(ben.record.psks)
    ada.reachable = False
    ada.record.restored, ada.record.session = True, RECOVERY
    for wire in world.wires:
        wire.cut()
    world.until(lambda: any(k.state is LinkState.AWAIT_MESSAGE_2 for k in ada.known._links.values()))
    (link,) = ada.known._links.values()
    assert link.intent is Intent.RESUME
    link.recovers = False  # or else Ada's own program ends it
    ben.log.clear()
    world.run(2)
    assert not any(isinstance(command, do.BeginSending) for command in ben.log)
    assert (ben.record.session, ben.record.psks) == (session, psks)


@pytest.mark.parametrize("unbegun", [1, 2])
@pytest.mark.parametrize("beside", [False, True])
def test_nobody_hides_that_the_recovery_psk_was_used_by_hanging_up_before_a_session_began(
    unbegun: int, beside: bool
) -> None:
    world, ada, ben = friends()
    backup = backed_up(ada)
    relinked(world, ada, ben)
    if not beside:
        ada.leave()
        world.until(lambda: not ben.online)
    ben.told.clear()
    before = len(world.wires)
    second = restored(world, backup, "Ada, too")
    second.reachable = False

    def of_second() -> list[Wire]:
        return [wire for wire in world.wires[before:] if wire.dialler is second]

    def cutter(wire: Wire, writer: Person, carried: int) -> bool:
        return wire in of_second()[:unbegun] and carried >= (2 if writer is second else 1)

    world.cutter = cutter
    world.until(lambda: bool(second.record.psks))
    second.record.restored = False  # so that it dials with what it was left
    world.until(lambda: second.online and len(of_second()) > unbegun)
    world.until(lambda: bool(ben.lines()), seconds=60)
    assert ben.lines() == [COPY_THERE if beside else RESTORED_THERE]
    ada.leave()
    second.reachable, world.cutter = True, None
    relinked(world, second, ben)
    can_talk(world, second, ben)
    ben.told.clear()
    lose_session(second, missing)
    world.until(lambda: introduced(second, ben))
    assert ben.lines() == [SESSION_RENEWED]  # that one began with keys of a session that was told of


def test_a_link_with_which_the_restoring_began_is_no_other_copy() -> None:
    world, ada, ben = friends()
    active = ben.known._active
    assert active is not None
    active.restores = True  # as where Ben dialled with what a handshake of the restored Ada had left
    restored(world, backed_up(ada), "Ada again")
    world.until(lambda: bool(ben.lines()))
    assert ben.lines() == [RESTORED_THERE]


def test_unfinished_handshakes_cost_the_true_copy_its_psks_and_no_more() -> None:
    world, ada, ben = friends()
    before = len(world.wires)
    second = restored(world, backed_up(ada), "Ada, too")
    world.cutter = lambda wire, writer, carried: (
        wire.dialler is second and carried >= (2 if writer is second else 1)
    )
    world.until(lambda: len([wire for wire in world.wires[before:] if wire.dialler is second]) > MAX_PSKS + 1)
    assert ada.online
    assert ben.lines() == []
    assert not {psk.key for psk in ada.record.psks} & {psk.key for psk in ben.record.psks}
    second.leave()
    world.cutter = None
    ada.restart()
    world.until(lambda: introduced(ada, ben), seconds=1800)
    assert COPY_HERE in ada.lines() or COPY_HERE in ben.lines()
    can_talk(world, ada, ben)
