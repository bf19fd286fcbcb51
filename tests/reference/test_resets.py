"""Sessions that one side has lost, or that are lost by the rules, are made anew between the two."""

from __future__ import annotations

import pytest

from onionchat.protocol.backup import records_of
from onionchat.protocol.lines import COPY_HERE, RESTORED_HERE, RESTORED_THERE
from onionchat.protocol.record import BackupRecord, unpack

from ..protocol.test_backup import backed_up
from ..protocol.world import Person
from .test_meeting import ROLES, Second, both_talk, hang_up, losing, mixed, settled, together


def forget(person: Person) -> None:
    """The program's session cannot be read any more."""
    person.leave()
    for key in [key for key in person.vault if key.kind == "session"]:
        del person.vault[key]
    person.come_back()


def lose(loser: str, real: Person, second: Second) -> None:
    if "Real" in loser:
        forget(real)
    if "Second" in loser:
        second.side.lose_session()
        second.restart()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("loser", ["Real", "Second", "Real and Second"])
@pytest.mark.parametrize("dialler", ["Real", "Second", "Real and Second"])
def test_either_side_may_lose_the_session(role: str, loser: str, dialler: str) -> None:
    world, real, second = together(role)
    both_talk(world, real, second)
    real.reachable, second.reachable = "Second" in dialler, "Real" in dialler
    lose(loser, real, second)
    real.write("from Real")
    second.write("from Second")
    world.until(lambda: settled(real, second))
    assert real.texts()[1:] == ["from Second"]
    assert second.texts()[1:] == ["from Real"]
    both_talk(world, real, second)
    world.run(300)
    assert len(real.lines()) == 1
    assert 1 <= second.side.resets <= (2 if "and" in dialler else 1)  # each of two links may have begun one


@pytest.mark.parametrize("role", ROLES)
def test_both_reset_at_once_in_every_order_of_arrival(role: str) -> None:
    for seed in range(12):
        world, real, second = together(role, seed)
        world.delay = lambda wire, reader, w=world: w.random.uniform(0.1, 2.5)  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        lose("Real and Second", real, second)
        second.dial_at = world.now
        real.write("from Real")
        second.write("from Second")
        world.until(lambda r=real, s=second: settled(r, s))  # type: ignore[misc]  # the same
        both_talk(world, real, second)
        assert 1 <= len(real.lines()) <= 3
        assert len(real.shown()) == len(set(real.shown()))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("dialler", range(6))
def test_a_reset_survives_every_loss(role: str, dialler: int) -> None:
    for other in range(6):
        world, real, second = together(role, 10 * dialler + other)
        lose("Real" if other % 2 else "Second", real, second)
        world.cutter = losing(dialler, other)
        real.write("from Real")
        second.write("from Second")
        world.until(lambda r=real, s=second: settled(r, s))  # type: ignore[misc]  # mypy cannot see defaults of a lambda
        both_talk(world, real, second)
        assert "from Real" in second.texts()
        assert "from Second" in real.texts()
        assert second.side.resets >= 1


@pytest.mark.parametrize("role", ROLES)
def test_a_chain_that_nobody_answers_ends_with_a_new_session(role: str) -> None:
    """The reference has said so much that the program could not skip it."""
    world, real, second = together(role)
    session = second.side.session
    assert session is not None
    world.until(lambda: session.ratchet.can_send)
    hang_up(world)
    while session.ratchet.can_send:
        session.ratchet.seal(bytes(1833))
    assert session.ratchet.unanswered
    world.until(lambda: settled(real, second))
    both_talk(world, real, second)
    assert 1 <= len(real.lines()) <= 2
    assert 1 <= second.side.resets <= 2


@pytest.mark.parametrize("role", ROLES)
def test_as_many_as_may_be_skipped_are_skipped(role: str) -> None:
    world, real, second = together(role)
    session = second.side.session
    assert session is not None
    hang_up(world)
    while session.ratchet.sending is None or session.ratchet.sending.n < 990:
        session.ratchet.seal(bytes(1833))
    both_talk(world, real, second)
    assert real.lines() == []


@pytest.mark.parametrize("role", ROLES)
def test_an_envelope_that_does_not_open_makes_the_session_lost(role: str) -> None:
    world, real, second = together(role)
    session = second.side.session
    assert session is not None
    sending = session.ratchet.sending
    assert sending is not None
    sending.ck = bytes(32)
    second.write("from Second")
    world.until(lambda: "from Second" in real.texts())
    both_talk(world, real, second)
    assert len(real.lines()) == second.side.resets == 1


# --- backups -----------------------------------------------------------------------------------------


def restore(who: str, real: Person, second: Second) -> None:
    """One of the two has nothing but what a backup holds."""
    if who == "Second":
        second.side.restore()
        second.restart()
        return
    backup = unpack(backed_up(real), BackupRecord)
    real.leave()
    real.vault = dict(records_of(backup))
    real.come_back()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("who", ["Real", "Second"])
@pytest.mark.parametrize("dialler", ["Real", "Second", "Real and Second"])
def test_who_was_restored_from_a_backup_comes_back(role: str, who: str, dialler: str) -> None:
    world, real, second = together(role)
    both_talk(world, real, second)
    assert len(second.side.recovery) == 32
    assert second.side.recovery == real.record.recovery_psk
    real.reachable, second.reachable = "Second" in dialler, "Real" in dialler
    restore(who, real, second)
    world.until(lambda: settled(real, second), seconds=7200)
    both_talk(world, real, second)
    world.run(300)
    assert real.lines() == [RESTORED_HERE if who == "Real" else RESTORED_THERE]
    assert second.side.resets == 1
    assert second.side.recovery == real.record.recovery_psk


@pytest.mark.parametrize("role", ROLES)
def test_an_older_copy_is_told_of_the_newer_one(role: str) -> None:
    world, real, second = together(role)
    old = dict(real.vault)
    for _ in range(3):
        hang_up(world)
        world.until(lambda: settled(real, second))
    real.leave()
    real.vault = old
    real.come_back()
    world.until(lambda: settled(real, second), seconds=7200)
    both_talk(world, real, second)
    assert real.lines() in ([COPY_HERE], [RESTORED_THERE])  # whoever dialled in the end


@pytest.mark.parametrize("role", ROLES)
def test_there_is_no_recovery_psk_where_one_of_the_two_keeps_none(role: str) -> None:
    world, real, second = mixed(role)
    second.side.capabilities = ()
    world.until(lambda: settled(real, second))
    assert second.side.recovery == real.record.recovery_psk == b""
    both_talk(world, real, second)
