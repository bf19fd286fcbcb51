"""Lives of two people that hypothesis makes up: texts, deletions, losses, processes that end at any command.

What was acknowledged was stored, whichever write was the last one; nothing is lost, nothing comes twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from onionchat.protocol import commands as do
from onionchat.protocol.batch import Batch
from onionchat.protocol.delivery import Inbox, Outbox
from onionchat.protocol.record import OutgoingRecord

from ..profiles import lives
from .test_walk import LENGTHS, MessageKeys, forget_session
from .world import Machine, Person, friends, introduced, meeting

LIVES, STEPS = 24, 40

who = st.sampled_from((0, 1))


class Witness:
    """Looks at each envelope that is laid out: what it acknowledges must be in the vault by then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.acknowledged: dict[bytes, list[bytes]] = {}
        """By contact: what is acknowledged by an envelope that is not laid out yet."""
        self.seen = 0
        take, perform, leave = Inbox.take_acks, Person._perform, Person.leave

        def taken(inbox: Inbox) -> list[bytes]:
            ids = take(inbox)
            self.acknowledged.setdefault(inbox._contact, []).extend(ids)
            return ids

        def performed(person: Person, machine: Machine, command: do.Command) -> None:
            perform(person, machine, command)
            if isinstance(command, do.Lay) and person.contact is not None:
                self.look(person)

        def left(person: Person) -> None:
            leave(person)
            self.acknowledged.clear()  # what was to be acknowledged by then is not

        monkeypatch.setattr(Inbox, "take_acks", taken)
        monkeypatch.setattr(Person, "_perform", performed)
        monkeypatch.setattr(Person, "leave", left)

    def look(self, person: Person) -> None:
        for item in self.acknowledged.pop(person.record.id, []):
            key = do.Key(kind="seen", scope=person.record.id, key=item)
            assert key in person.vault, "acknowledged and not stored"
            self.seen += 1


class Delivery(RuleBasedStateMachine):
    """Ada and Ben, from their first contact or from a friendship on."""

    witness: Witness
    keys: MessageKeys
    tally: Counter[str]

    @initialize(seed=st.integers(0, 2**16), known=st.booleans(), forgetful=st.booleans())
    def meet(self, seed: int, known: bool, forgetful: bool) -> None:
        self.witness.acknowledged.clear()
        self.random = Random(seed)
        self.world, ada, ben = friends(seed) if known else meeting(seed)
        self.people = (ada, ben)
        self.forgetful = forgetful
        self.loss = 0.0
        self.world.cutter = lambda wire, writer, carried: self.random.random() < self.loss
        self.world.delay = lambda wire, reader: self.random.uniform(0.05, 3.0)
        self.written: tuple[list[bytes], list[bytes]] = ([], [])
        self.taken_back: set[bytes] = set()
        """Burned by who wrote them, for both."""
        self.put_away: tuple[set[bytes], set[bytes]] = (set(), set())
        """Burned by each on its own side alone."""

    # --- what they do ------------------------------------------------------------------------------

    @rule(index=who, length=st.sampled_from(LENGTHS), times=st.integers(1, 3))
    def write(self, index: int, length: int, times: int) -> None:
        person = self.people[index]
        for _ in range(times):
            if person.contact is not None:
                message = person.write("x" * length)
                if person.stored(message):
                    self.written[index].append(message)

    @rule(index=who, place=st.integers(0, 50), both=st.booleans(), own=st.booleans())
    def burn(self, index: int, place: int, both: bool, own: bool) -> None:
        person = self.people[index]
        texts = self.written[index if own else 1 - index]
        if person.contact is None or not texts:
            return
        message = texts[place % len(texts)]
        if person.talk.timeline.get(message) is None:
            return
        person.burn(message, both=both)
        if person.talk.timeline.get(message) is None:
            (self.taken_back if both and own else self.put_away[index]).add(message)
            self.tally["burned"] += 1

    @rule(seconds=st.sampled_from((0.5, 3.0, 20.0, 200.0)))
    def wait(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(rate=st.sampled_from((0.0, 0.0, 0.02, 0.2, 1.0)), seconds=st.sampled_from((3.0, 20.0)))
    def lose(self, rate: float, seconds: float) -> None:
        self.loss = rate
        self.world.run(seconds)

    @rule(index=who)
    def break_wires(self, index: int) -> None:
        for wire in list(self.people[index].wires.values()):
            wire.cut()

    @rule(index=who, commands=st.integers(0, 24), seconds=st.sampled_from((0.5, 3.0, 20.0)))
    def crash(self, index: int, commands: int, seconds: float) -> None:
        """Between any two commands; what was stored last is stored."""
        before = self.people[index].crashes
        self.people[index].fuse = commands
        self.world.run(seconds)
        self.tally["crashes"] += self.people[index].crashes - before

    @rule(index=who, seconds=st.sampled_from((0.0, 5.0, 600.0)))
    def restart(self, index: int, seconds: float) -> None:
        person = self.people[index]
        person.leave()
        self.world.run(seconds)
        person.come_back()

    @rule(index=who)
    def forget(self, index: int) -> None:
        if self.forgetful and self.people[index].contact is not None:
            forget_session(self.people[index])
            self.tally["sessions lost"] += 1

    @rule()
    def settle(self) -> None:
        """Peace: everything that was written stands on both sides, once and in order."""
        self.loss = 0.0
        for person in self.people:
            person.fuse = None
        self.world.until(lambda: introduced(*self.people), seconds=7200)
        self.world.run(30)
        for index in (0, 1):
            self.compare(index)
        for person in self.people:
            assert self.keys.used_once(person.left)
            assert self.forgetful or person.lines() == []
        self.tally["settled"] += 1

    # --- what always holds ---------------------------------------------------------------------------

    @invariant()
    def what_the_writer_takes_for_delivered_is_stored_at_the_reader(self) -> None:
        for writer, reader in (self.people, self.people[::-1]):
            if writer.contact is not None:
                stored = {key.key for key in reader.vault if key.kind == "seen"}
                assert {m.id for m in writer.talk.timeline if m.mine and m.delivered} <= stored

    @invariant()
    def nothing_is_shown_twice(self) -> None:
        for person in self.people:
            assert len(person.shown()) == len(set(person.shown()))

    # --- hands -----------------------------------------------------------------------------------------

    def compare(self, index: int) -> None:
        """What one wrote, at both."""
        writer, reader = self.people[index], self.people[1 - index]
        ours = [m for m in writer.talk.timeline if m.mine]
        theirs = [m.id for m in reader.talk.timeline if not m.mine and not m.system]
        gone = self.taken_back | self.put_away[index]
        assert [m.id for m in ours] == [message for message in self.written[index] if message not in gone]
        assert all(m.delivered for m in ours)
        assert not self.taken_back & set(theirs), "a message that was taken back"
        open_end = self.put_away[index]  # it may have left before, or not
        surely = [m for m in self.written[index] if m not in gone | self.put_away[1 - index]]
        assert [message for message in theirs if message not in open_end] == surely
        self.tally["delivered"] += len(surely)


def live(monkeypatch: pytest.MonkeyPatch, *, control: bool = False) -> Counter[str]:
    """The lives, and what happened in all of them together."""
    tally: Counter[str] = Counter()
    Delivery.witness, Delivery.keys, Delivery.tally = Witness(monkeypatch), MessageKeys(monkeypatch), tally
    run_state_machine_as_test(Delivery, settings=lives(LIVES, steps=STEPS, control=control))
    tally["acknowledged"] = Delivery.witness.seen
    return tally


def test_what_was_acknowledged_was_stored_and_everything_arrives_once_and_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally = live(monkeypatch)
    print(tally)
    assert tally["settled"] > 20
    assert tally["delivered"] > 50
    assert tally["acknowledged"] > 50
    assert tally["crashes"] > 5
    assert tally["burned"] > 3
    assert tally["sessions lost"] > 5


def ids_are_remembered_until_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    see = Inbox.see
    monkeypatch.setattr(Inbox, "see", lambda inbox, item, until, batch: see(inbox, item, until, Batch()))


def what_is_said_is_kept_until_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def bent(outbox: Outbox, item: OutgoingRecord, batch: Batch) -> None:
        add(outbox, item, Batch())

    add = Outbox.add
    monkeypatch.setattr(Outbox, "add", bent)


def every_link_begins_where_the_one_before_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outbox, "resume", lambda outbox: setattr(outbox, "open", True))


@pytest.mark.parametrize(
    "bend",
    [
        ids_are_remembered_until_the_process_ends,
        what_is_said_is_kept_until_the_process_ends,
        every_link_begins_where_the_one_before_ended,
    ],
)
def test_a_delivery_that_is_bent_is_found_out(
    bend: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bend(monkeypatch)
    with pytest.raises(AssertionError):
        live(monkeypatch, control=True)
