from __future__ import annotations

import pytest

from onionchat.control import notices
from onionchat.control.replies import Invite, MessageState, StatusReport, TorState
from onionchat.tui.model import Model, Unsent

from .engine import CODE, NOW, READY, contact, identity, message


@pytest.fixture
def model() -> Model:
    """Two identities, a contact each; the first one's conversation is open and loaded."""
    model = Model()
    model.take_identities([identity(), identity("a2", "Work")])
    model.contacts = {"c1": contact(), "c2": contact("c2", "Carol", of="a2", unread=2)}
    model.begin("c1")
    model.load("c1", [message("01"), message("02", mine=True, state="sent")])
    return model


def ids(model: Model) -> list[str]:
    return [one.message for one in model.messages]


def test_the_first_identity_is_written_as(model: Model) -> None:
    assert model.identity == "a1"
    assert [one.contact for one in model.own_contacts()] == ["c1"]
    assert model.unread_elsewhere() == 2


def test_choosing_another_identity_closes_the_conversation(model: Model) -> None:
    model.write_as("a1")
    assert model.conversation == "c1"
    model.write_as("a2")
    assert [model.conversation, *model.messages] == [None]


def test_opening_a_conversation_chooses_its_identity(model: Model) -> None:
    model.begin("c2")
    assert (model.identity, model.messages) == ("a2", [])


def test_messages_arrive_change_and_go(model: Model) -> None:
    model.apply(notices.MessageArrived(message=message("03")))
    model.apply(notices.MessageArrived(message=message("04", at="c2")))
    model.apply(notices.MessageChanged(message=message("02", mine=True, state="delivered", expires=NOW)))
    model.apply(notices.MessageGone(contact="c1", message="01", why="expired"))
    assert ids(model) == ["02", "03"]
    assert model.messages[0].state == "delivered"


@pytest.mark.parametrize(
    ("known", "late"),
    [("delivered", "sent"), ("delivered", "queued"), ("sent", "queued"), ("read", "delivered")],
)
def test_a_late_notice_takes_nothing_back(known: MessageState, late: MessageState) -> None:
    model = Model()
    model.contacts = {"c1": contact()}
    model.begin("c1")
    model.load("c1", [message("01", mine=True, state=known)])
    model.apply(notices.MessageChanged(message=message("01", mine=True, state=late)))
    assert model.messages[0].state == known


def test_a_list_undoes_no_notice_that_came_meanwhile(model: Model) -> None:
    model.begin("c1")
    model.apply(notices.MessageChanged(message=message("02", mine=True, state="delivered")))
    model.apply(notices.MessageGone(contact="c1", message="01", why="deleted"))
    model.apply(notices.MessageArrived(message=message("03")))
    model.load("c1", [message("01"), message("02", mine=True, state="sent")])
    assert ids(model) == ["02", "03"]
    assert model.messages[0].state == "delivered"


def test_a_list_for_a_conversation_that_was_left_is_dropped(model: Model) -> None:
    model.begin("c2")
    model.load("c1", [message("01")])
    assert ids(model) == []


def test_what_outlived_its_time_is_dropped_without_a_notice(model: Model) -> None:
    model.apply(notices.MessageArrived(message=message("03", expires=NOW + 5)))
    assert not model.drop_expired(NOW)
    assert model.drop_expired(NOW + 5)
    assert ids(model) == ["01", "02"]


def test_a_removed_contact_takes_draft_and_conversation_along(model: Model) -> None:
    model.drafts["c1"] = "half a"
    model.apply(notices.ContactRemoved(contact="c1"))
    assert model.conversation is None
    assert model.drafts == {}
    assert "c1" not in model.contacts


def test_a_removed_contact_takes_along_what_was_not_sent(model: Model) -> None:
    waiting = model.unsent
    model.unsent += [Unsent("c1", "first"), Unsent("c2", "other")]
    model.apply(notices.ContactRemoved(contact="c1"))
    assert waiting is model.unsent  # who sends goes through the same list
    model.take_back()
    assert model.drafts == {"c2": "other"}


def test_a_removed_identity_takes_its_contacts_along(model: Model) -> None:
    model.drafts |= {"c1": "half a", "c2": "other"}
    model.apply(notices.IdentityRemoved(identity="a1"))
    assert model.conversation is None
    assert model.drafts == {"c2": "other"}
    assert [*model.contacts] == ["c2"]


def test_lists_follow_notices(model: Model) -> None:
    model.apply(notices.IdentityChanged(identity=identity("a3", "Third")))
    model.apply(notices.ContactChanged(contact=contact("c3", "Dan")))
    invite = Invite(invite="e1", identity="a1", code=CODE, created=NOW)
    model.apply(notices.InviteChanged(invite=invite, state="open"))
    assert list(model.identities) == ["a1", "a2", "a3"]
    assert [one.contact for one in model.own_contacts()] == ["c1", "c3"]
    assert model.own_invites() == [invite]
    model.apply(notices.InviteChanged(invite=invite, state="used"))
    assert model.own_invites() == []


def test_the_first_identity_that_is_made_is_written_as() -> None:
    model = Model()
    model.take_identities([])
    assert model.identity is None
    model.apply(notices.IdentityChanged(identity=identity()))
    assert model.identity == "a1"


def test_tor_and_reachability(model: Model) -> None:
    model.take_status(
        StatusReport(version="1", pid=1, vault="open", amnesic=False, tor=READY, services=1, tick=2.0)
    )
    assert (model.services, model.reachable, model.tick) == (1, 0, 2.0)
    model.apply(notices.TorChanged(tor=TorState(mode="managed", percent=10, words="connecting")))
    model.apply(notices.ReachabilityChanged(services=4, reachable=3, elsewhere=1))
    assert model.elsewhere == 1
    model.apply(notices.ReachabilityChanged(services=3, reachable=3, since=NOW))
    assert model.elsewhere == 0
    model.apply(notices.Starved(milliseconds=300))
    model.apply(notices.Stopping())
    assert model.tor.percent == 10
    assert (model.services, model.reachable, model.reachable_since) == (3, 3, NOW)
    assert model.starved_ms == 300


def test_what_was_not_taken_becomes_draft_again_in_order(model: Model) -> None:
    model.drafts["c1"] = "third"
    model.unsent = [Unsent("c1", "first"), Unsent("c2", "other"), Unsent("c1", "second")]
    model.take_back()
    assert model.drafts == {"c1": "first\nsecond\nthird", "c2": "other"}
    assert model.unsent == []


def test_only_drafts_outlive_a_lost_engine(model: Model) -> None:
    model.drafts["c1"] = "half a"
    model.reset()
    assert model.drafts == {"c1": "half a"}
    assert (model.identities, model.contacts, model.messages, model.conversation) == ({}, {}, [], None)
