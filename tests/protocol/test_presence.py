"""Off line by choice: for one contact, and for an invite."""

from __future__ import annotations

import pytest

from onionchat.protocol import commands as do
from onionchat.protocol import events
from onionchat.protocol.link import LinkState
from onionchat.protocol.record import ContactRecord
from tests.protocol.world import Person, can_talk, dials, friends, introduced, meeting, strangers


def test_all_links_end_in_the_moment_and_nothing_is_dialled() -> None:
    world, ada, ben = friends()
    links = ada.known.links
    ada.log.clear()
    ada.appear(visible=False)
    assert {c.link for c in ada.log if isinstance(c, do.CloseLink)} == set(links) != set()
    assert (ada.known.links, ada.known.presence, ada.known.online_since) == ((), "offline", None)
    ada.log.clear()
    world.run(5_000)
    assert dials(ada) == 0
    assert not ada.online
    assert not ben.online


@pytest.mark.parametrize("state", [LinkState.DIALLING, LinkState.AWAIT_MESSAGE_2, LinkState.OPEN])
def test_a_link_that_is_not_complete_ends_as_well(state: LinkState) -> None:
    world, ada, ben = friends()
    ada.restart()
    world.until(lambda: ada.known._links != {} and [k.state for k in ada.known._links.values()] == [state])
    ada.appear(visible=False)
    assert ada.known.links == ()
    world.run(100)
    assert not ada.online
    assert not ben.online
    ada.log.clear()
    world.run(1_000)
    assert dials(ada) == 0


def test_who_dials_gets_no_byte() -> None:
    world, ada, _ = friends()
    ada.appear(visible=False)
    world.run(100)
    ada.log.clear()
    before = len(world.wires)
    world.run(1_000)
    assert len(world.wires) > before
    assert all(writer is not ada for wire in world.wires[before:] for writer, _ in wire.cells)
    assert {type(command) for command in ada.log} == {do.CloseLink}
    assert ada.known.links == ()


def test_what_is_written_waits_and_what_dies_goes_on_dying() -> None:
    world, ada, ben = friends()
    ada.appear(visible=False)
    ben.leave()
    doomed = ada.write("brief", lifetime=60)
    world.run(30)
    assert ada.stored(doomed)
    ada.write("later")
    world.run(60 + 28 * 24 * 3600)
    assert not ada.stored(doomed)
    ada.write("at last")
    ben.come_back()
    ada.appear(visible=True)
    world.until(lambda: "at last" in ben.texts())
    assert "brief" not in ben.texts()
    assert "later" in ben.texts()


def test_back_on_line_all_goes_on() -> None:
    world, ada, ben = friends()
    for person in (ada, ben):
        person.appear(visible=False)
        world.run(700)
        assert not ada.online
        person.appear(visible=True)
        world.until(lambda: ada.online and ben.online)
        can_talk(world, ada, ben)


def test_back_on_line_is_dialled_at_once() -> None:
    world, ada, ben = friends()
    ben.reachable = False
    ada.appear(visible=False)
    world.run(100)
    ada.log.clear()
    ada.appear(visible=True)
    assert ada.known.next_deadline == world.now
    ada.time_passed()
    assert dials(ada) == 1


def test_to_be_told_twice_changes_nothing() -> None:
    world, ada, _ = friends()
    links = ada.known.links
    ada.appear(visible=True)
    assert ada.known.links == links
    ada.appear(visible=False)
    world.run(10)
    ada.log.clear()
    ada.appear(visible=False)
    assert not [c for c in ada.log if not isinstance(c, do.Persist)]


def test_a_restart_stays_off_line() -> None:
    world, ada, _ = friends()
    ada.record.hidden = True
    ada.appear(visible=False)
    (kept,) = ada._scan("contact", b"", ContactRecord).values()
    assert kept.hidden
    ada.restart()
    ada.log.clear()
    world.run(1_000)
    assert dials(ada) == 0


def test_a_trouble_of_the_vault_does_not_bring_it_back() -> None:
    _, ada, _ = friends()
    ada.appear(visible=False)
    ada.known.retry(1.0)
    ada.known.start(1.0)
    deadline = ada.known.next_deadline
    assert deadline is None or deadline > 1_000.0


def test_who_joins_while_off_line_dials_only_afterwards() -> None:
    world, ada, ben = strangers()
    assert ada.invitation is not None
    ben.visible = False
    ben.join(ada.invitation)
    world.run(1_000)
    assert world.wires == []
    ben.appear(visible=True)
    world.until(lambda: introduced(ada, ben))


def _refused(ada: Person) -> bool:
    return not any(isinstance(command, do.SendCell) for command in ada.log)


def test_an_invite_is_off_line_as_its_identity_is() -> None:
    world, ada, ben = meeting()
    assert ada.invitation is not None
    ada.appear(visible=False)
    world.run(50)
    assert dials(ben) > 1
    assert _refused(ada)
    ada.appear(visible=True)
    world.until(lambda: introduced(ada, ben))


def test_a_joiner_half_way_in_is_put_out() -> None:
    world, ada, ben = meeting()
    world.until(lambda: not _refused(ada))
    invitation = ada.invitation
    assert invitation is not None
    ada.log.clear()
    ada.appear(visible=False)
    assert [type(command) for command in ada.log] == [do.CloseLink]
    assert invitation.next_deadline is None
    world.run(100)
    assert ada.contact is None
    ada.appear(visible=True)
    world.until(lambda: introduced(ada, ben))


def test_events_of_links_that_went_do_nothing() -> None:
    world, ada, _ = friends()
    (link,) = ada.known.links
    ada.appear(visible=False)
    for event in (
        events.LinkEnded(link=link),
        events.CellReceived(link=link, cell=bytes(1952)),
        events.SlotFreed(link=link, waiting=0),
        events.WindowEnded(link=link),
    ):
        assert ada.known.handle(event, world.now) == ()
    assert ada.known._dialling.due is None
