"""Calls at the wrong time: each machine refuses them by its table, and nothing is half done."""

from __future__ import annotations

import os

import pytest

from onionchat.crypto.handshake import prologue
from onionchat.crypto.keys import KeyPair
from onionchat.errors import LocalProtocolError
from onionchat.protocol import events
from onionchat.protocol.batch import Batch
from onionchat.protocol.constants import CELL_SIZE
from onionchat.protocol.greeting import Intent
from onionchat.protocol.link import ON_CELL, ON_GREETING, Link, LinkState
from onionchat.protocol.record import Psk

from .world import Person, friends, meeting, strangers


def a_link(person: Person) -> Link:
    return next(iter(person.known._links.values()))


@pytest.mark.parametrize("state", [state for state in LinkState if state not in ON_GREETING])
def test_only_a_link_that_was_dialled_greets(state: LinkState) -> None:
    link = a_link(friends()[1])
    link.state = state
    static = KeyPair.generate(os.urandom)
    with pytest.raises(LocalProtocolError, match=state.value):
        link.greet(
            prologue=prologue(bytes(32)),
            static=static,
            remote_static=static.public,
            psk=Psk(generation=0, key=bytes(32), session=b""),
            intent=Intent.RESUME,
            onion=bytes(32),
            random=os.urandom,
            now=0.0,
        )
    assert link.state is state


@pytest.mark.parametrize("state", [state for state in LinkState if state not in ON_CELL])
def test_only_a_link_whose_connection_stands_takes_cells(state: LinkState) -> None:
    link = a_link(friends()[1])
    link.state = state
    with pytest.raises(LocalProtocolError, match=state.value):
        link.receive(bytes(CELL_SIZE), random=os.urandom, now=0.0)
    assert link.state is state


def test_a_contact_hears_of_a_dial_once() -> None:
    world, _, ben = meeting()
    world.until(lambda: bool(ben.known.links))
    (number,) = ben.known.links
    ben.known.handle(events.DialSucceeded(link=number), world.now)
    with pytest.raises(LocalProtocolError, match="cannot greet"):
        ben.known.handle(events.DialSucceeded(link=number), world.now)


def test_no_cell_comes_before_the_connection() -> None:
    world, _, ben = meeting()
    world.until(lambda: bool(ben.known.links))
    (number,) = ben.known.links
    with pytest.raises(LocalProtocolError, match="takes no cell"):
        ben.known.handle(events.CellReceived(link=number, cell=bytes(CELL_SIZE)), world.now)


def test_no_connection_has_the_number_of_another() -> None:
    world, ada, _ = friends()
    before = dict(ada.known._links)
    (number,) = before
    with pytest.raises(LocalProtocolError, match="twice"):
        ada.known.handle(events.ConnectionAccepted(link=number), world.now)
    assert ada.known._links == before
    world, ada, _ = strangers()
    assert ada.invitation is not None
    ada.invitation.handle(events.ConnectionAccepted(link=7, at_invite=True), world.now)
    with pytest.raises(LocalProtocolError, match="twice"):
        ada.invitation.handle(events.ConnectionAccepted(link=7, at_invite=True), world.now)


def test_an_invite_that_was_used_takes_no_more_connections() -> None:
    world, ada, _ = meeting()
    invitation = ada.invitation
    assert invitation is not None
    world.until(lambda: ada.contact is not None)
    assert invitation.contact is ada.contact
    with pytest.raises(LocalProtocolError, match="was used"):
        invitation.handle(events.ConnectionAccepted(link=99, at_invite=True), world.now)
    assert invitation.handle(events.LinkEnded(link=99), world.now) == ()


def test_an_invite_knows_nothing_of_what_is_a_contacts() -> None:
    world, ada, _ = strangers()
    invitation = ada.invitation
    assert invitation is not None
    with pytest.raises(LocalProtocolError, match="SlotFreed"):
        invitation.handle(events.SlotFreed(link=1, waiting=0), world.now)
    with pytest.raises(LocalProtocolError, match="TextWritten"):
        invitation.handle(events.TextWritten(id=bytes(16), text="too early"), world.now)
    assert invitation.handle(events.CellReceived(link=1, cell=bytes(CELL_SIZE)), world.now) == ()


def test_no_session_begins_twice_with_one_handshake() -> None:
    world, _, ben = friends()
    link = a_link(ben)
    batch = Batch()
    with pytest.raises(LocalProtocolError, match="no session"):
        ben.talk.begin(link, world.now, batch)
    with pytest.raises(LocalProtocolError, match="sending key"):
        link.take_sending_key()
    assert batch.commands() == ()
