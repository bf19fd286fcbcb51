"""Small meetings in every order in which their events can come: simultaneity, without a hand-picked order.

Each case is explored to its end, and so is a bent version of it, which the search must find out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from onionchat.crypto import ratchet
from onionchat.crypto.epoch import Epoch
from onionchat.crypto.header import pack_header
from onionchat.protocol import commands as do
from onionchat.protocol import contact
from onionchat.protocol.batch import Batch
from onionchat.protocol.contact import Contact
from onionchat.protocol.delivery import Outbox
from onionchat.protocol.invitation import Invitation
from onionchat.protocol.link import Link, wins
from onionchat.protocol.talk import Talk

from ..profiles import WALKS
from .explorer import Explored, Scene, Violation
from .meetings import FROM_ADA, FROM_BEN, Meeting, apart, unmet
from .sides import Dice, Side, StandIn, stand_in
from .view import View

FRAGMENTS = ("a text of three fragments " * 150, "and a short one")

Bend = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)


# --- both dial at once -------------------------------------------------------------------------------


def ada_breaks_ties_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def bent(newer: Link, older: Link) -> bool:
        acting = StandIn.dice
        turned = isinstance(acting, Dice) and acting.name == "Ada" and newer.dialled != older.dialled
        return wins(newer, older) is not turned

    monkeypatch.setattr(contact, "wins", bent)


def the_newer_link_always_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact, "wins", lambda newer, older: True)


def test_both_dial_at_once() -> None:
    explored = Meeting().explore(*apart())
    assert explored.states > 5000


@pytest.mark.parametrize("bend", [ada_breaks_ties_the_other_way, the_newer_link_always_stays])
def test_both_dial_at_once_and_one_rule_is_bent(bend: Bend, monkeypatch: pytest.MonkeyPatch) -> None:
    bend(monkeypatch)
    with pytest.raises(Violation, match=r"nobody was left|chose differently"):
        Meeting().explore(*apart())


@pytest.mark.parametrize("forgetful", [(), ("Ada",)])
def test_one_dials_and_the_link_dies_at_any_moment(forgetful: tuple[str, ...]) -> None:
    meeting = Meeting(renewed=bool(forgetful), deaths=1, prompt=False, reachable=(True, False))
    explored = meeting.explore(*apart(*forgetful))
    assert explored.states > 5000


@pytest.mark.parametrize("forgetful", [(), ("Ada",)])
def test_one_dials_and_a_process_ends_at_any_moment(forgetful: tuple[str, ...]) -> None:
    meeting = Meeting(renewed=bool(forgetful), crashes=1, reachable=(True, False))
    explored = meeting.explore(*apart(*forgetful))
    assert explored.states > 5000


def nothing_is_stored_before_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Batch.commands

    def bent(batch: Batch) -> tuple[do.Command, ...]:
        made = commands(batch)
        return (*made[1:], made[0]) if made and isinstance(made[0], do.Persist) else made

    monkeypatch.setattr(Batch, "commands", bent)


def test_a_process_ends_and_one_rule_is_bent(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = apart()
    nothing_is_stored_before_it_is_done(monkeypatch)
    with pytest.raises(Violation):
        Meeting(crashes=1, reachable=(True, False)).explore(*sides)


@pytest.mark.skipif(not WALKS, reason="takes minutes: set ONIONCHAT_WALKS")
@pytest.mark.parametrize(("deaths", "prompt"), [(0, False), (1, True)])
def test_both_dial_at_once_and_more_may_happen(deaths: int, prompt: bool) -> None:
    explored = Meeting(deaths=deaths, prompt=prompt).explore(*apart())
    assert explored.states > 50_000


# --- a session that was lost -------------------------------------------------------------------------


@pytest.mark.parametrize("forgetful", [("Ben",), ("Ada", "Ben")])
def test_both_dial_and_a_session_is_lost(forgetful: tuple[str, ...]) -> None:
    explored = Meeting(renewed=True).explore(*apart(*forgetful))
    assert explored.states > 3000


@pytest.mark.skipif(not WALKS, reason="takes minutes: set ONIONCHAT_WALKS")
def test_both_dial_and_a_session_is_lost_and_the_link_dies_at_any_moment() -> None:
    explored = Meeting(renewed=True, deaths=1).explore(*apart("Ada", "Ben"))
    assert explored.states > 50_000


def one_hello_is_for_all_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    greet = Talk._greet

    def bent(talk: Talk, now: float, batch: Batch) -> None:
        if all(item.kind != "hello" for item in talk.outbox):
            greet(talk, now, batch)

    monkeypatch.setattr(Talk, "_greet", bent)


def keys_belong_to_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def bent(link: Link) -> bytes:
        return b"the only"

    monkeypatch.setattr(Link, "session_handle", property(bent, lambda link, value: None), raising=False)


@pytest.mark.parametrize("bend", [one_hello_is_for_all_sessions, keys_belong_to_no_session])
def test_both_dial_and_a_session_is_lost_and_one_rule_is_bent(
    bend: Bend, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = apart("Ada", "Ben")
    bend(monkeypatch)
    with pytest.raises(Violation):
        Meeting(renewed=True, deaths=1).explore(*sides)


# --- first contacts ----------------------------------------------------------------------------------


class Crossing(Meeting):
    """Both have taken the other's invite: two contacts, and nothing of one enters the other."""

    def settled(self, ada: View, ben: View) -> bool:
        return all(face.idle and face.introduced for view in (ada, ben) for face in view.faces)

    def always(self, scene: Scene, ada: View, ben: View) -> None:
        for view in (ada, ben):
            assert len(view.shown) == len(set(view.shown)), "shown twice"

    def at_the_end(self, scene: Scene, ada: View, ben: View) -> None:
        assert scene.moments == 0, "nobody was left, and somebody had to dial again"
        assert len(scene.wires) == 2
        for ours, theirs in ((0, 1), (1, 0)):
            one, other = ada.faces[ours], ben.faces[theirs]
            assert one.session == other.session
            assert one.psks & other.psks
            assert (one.active, other.active) in [(w.number(0), w.number(1)) for w in scene.wires]
        assert (ada.faces[0].texts, ada.faces[1].texts) == ((), FROM_BEN)
        assert (ben.faces[0].texts, ben.faces[1].texts) == ((), FROM_ADA)
        assert not any(face.lines for view in (ada, ben) for face in view.faces)


@pytest.mark.parametrize(("deaths", "prompt"), [(1, False), (2, True)])
def test_a_first_contact(deaths: int, prompt: bool) -> None:
    explored = Meeting(deaths=deaths, prompt=prompt).explore(*unmet())
    assert explored.states > 3000


def test_both_request_at_once_with_invites_that_cross() -> None:
    explored = Crossing(prompt=False).explore(*unmet(crossing=True))
    assert explored.states > 3000


def the_invite_goes_with_its_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    used = Invitation._used

    def bent(invitation: Invitation, link: Link, now: float, batch: Batch) -> None:
        used(invitation, link, now, batch)
        batch.do(do.RetireInvite(invite=invitation.record.id))

    monkeypatch.setattr(Invitation, "_used", bent)


def test_a_first_contact_and_one_rule_is_bent(monkeypatch: pytest.MonkeyPatch) -> None:
    the_invite_goes_with_its_first_use(monkeypatch)
    with pytest.raises(Violation, match="nothing comes of waiting"):
        Meeting(deaths=1, reachable=(True, False)).explore(*unmet())


def contacts_are_mixed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contact answers at the service of the invite that somebody else has."""
    monkeypatch.setattr(Side, "reached", lambda side, onion: 0)


def test_both_request_at_once_with_invites_that_cross_and_one_rule_is_bent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contacts_are_mixed_up(monkeypatch)
    with pytest.raises(Violation):
        Crossing().explore(*unmet(crossing=True))


# --- fragments ---------------------------------------------------------------------------------------


def one_dies() -> Meeting:
    return Meeting(texts=((), FRAGMENTS), deaths=1, prompt=False, reachable=(True, False))


def one_is_chosen() -> Meeting:
    return Meeting(texts=((), FRAGMENTS))


@pytest.mark.parametrize("replaced", [one_dies, one_is_chosen])
def test_a_link_is_replaced_while_fragments_are_under_way(replaced: Callable[[], Meeting]) -> None:
    explored = replaced().explore(*apart())
    assert explored.states > 5000


def fragments_go_on_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    def bent(outbox: Outbox, *, special: bool = False) -> None:
        outbox.open, outbox._special = False, special
        outbox._waiting.clear()

    monkeypatch.setattr(Outbox, "restart", bent)


def texts_count_on_every_link(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Talk._text
    monkeypatch.setattr(
        Talk,
        "_text",
        lambda talk, part, now, batch, *, active, came: text(talk, part, now, batch, active=True, came=came),
    )


@pytest.mark.parametrize(
    ("replaced", "bend"),
    [(one_dies, fragments_go_on_where_they_were), (one_is_chosen, texts_count_on_every_link)],
)
def test_a_link_is_replaced_while_fragments_are_under_way_and_one_rule_is_bent(
    replaced: Callable[[], Meeting], bend: Bend, monkeypatch: pytest.MonkeyPatch
) -> None:
    bend(monkeypatch)
    with pytest.raises(Violation):
        replaced().explore(*apart())


# --- KEM epochs --------------------------------------------------------------------------------------


class Proposing(Meeting):
    """A link stands, an epoch is due for both, and both have something to say."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.epochs: set[tuple[int, bool] | None] = set()
        """Where the two stood at the ends: the epoch, and who would propose the next."""

    def explore(self, sides: Sequence[Side], now: float) -> Explored:
        ada, ben = (self.explorer.enter(side) for side in sides)
        scene = self.explorer.follow(Scene((ada, ben), now))
        scene = self.explorer.change(scene, _is_due)
        one, other = (tuple((0, text.encode()) for text in texts) for texts in self.texts)
        return self.search(scene._replace(to_say=(one, other), deaths=self.deaths, moments=0))

    def always(self, scene: Scene, ada: View, ben: View) -> None:
        super().always(scene, ada, ben)
        assert ada.face.epoch is not None
        assert ben.face.epoch is not None
        (one, one_proposes), (other, other_proposes) = ada.face.epoch, ben.face.epoch
        assert abs(one - other) <= 1, "further apart than an epoch"
        assert (one_proposes is other_proposes) is (one != other), "both propose the same epoch, or nobody"

    def at_the_end(self, scene: Scene, ada: View, ben: View) -> None:
        super().at_the_end(scene, ada, ben)
        self.epochs |= {view.face.epoch for view in (ada, ben)}


def _is_due(side: Side) -> None:
    (machine,) = side.machines
    assert isinstance(machine, Contact)
    assert machine.talk._session is not None
    machine.talk._session._state.due_at = 0


def test_both_would_propose_an_epoch_at_once() -> None:
    meeting = Proposing(texts=(("a", "b"), ("c", "d")), prompt=False, reachable=(True, False))
    explored = meeting.explore(*apart())
    assert explored.states > 1000
    assert meeting.epochs == {(epoch, proposes) for epoch in (0, 1) for proposes in (True, False)}


def both_propose(monkeypatch: pytest.MonkeyPatch) -> None:
    def bent(epoch: Epoch) -> bool:
        return epoch.offer is None and epoch.mixed is None

    monkeypatch.setattr(Epoch, "awaits_proposal", property(bent))


def no_chain_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratchet, "pack_header", lambda dh, pn, n, epoch: pack_header(dh, pn, n, 0))


@pytest.mark.parametrize("bend", [both_propose, no_chain_is_marked])
def test_both_would_propose_an_epoch_at_once_and_one_rule_is_bent(
    bend: Bend, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = apart()
    bend(monkeypatch)
    with pytest.raises(Violation):
        Proposing(texts=(("a", "b"), ("c", "d")), prompt=False, reachable=(True, False)).explore(*sides)


def test_both_would_propose_an_epoch_at_once_and_the_link_dies_at_any_moment() -> None:
    explored = Proposing(deaths=1, reachable=(True, False)).explore(*apart())
    assert explored.states > 500
