"""A whole day of two people, and one of them is killed at any write of it.

The day: they meet, write, are shown messages, let some expire, take one back, change the ratchet's keys with
ML-KEM, burn the conversation on one side, write again, and burn the contact on the other. The laws: what was
acknowledged is there once, until it is gone on purpose; nothing is shown twice; what has expired or was
burned is nowhere; no state of a ratchet seals two envelopes that leave.

Killed before or after any commit, the engine goes on by these laws. That there is nothing between the two is
shown for every write of every commit of the same day, on a vault that is on the disk.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
import trio

from onionchat.control import notices, requests
from onionchat.crypto import turn
from onionchat.crypto.ratchet import Ratchet
from onionchat.engine.sender import Sender
from onionchat.protocol.cell import CellType
from onionchat.store import DiskVault, Name, Record
from tests.engine.core import Mortal, Person, clock, no_real_time, random_text
from tests.engine.test_crash import Exchange
from tests.store.kit import create, reopen
from tests.store.test_crash import Steps
from tests.store.test_damage import MEMORY

SHORT = 5
"""Seconds that the messages live that expire in the day."""

Values = dict[Name, bytes]


class Envelopes:
    """Which state of a ratchet sealed what, and what of it left."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._states: dict[bytes, bytes] = {}
        self.left: Counter[bytes] = Counter()
        self.epoch = 0
        encrypt, lay = Ratchet.encrypt, Sender.lay

        def sealing(ratchet: Ratchet, body: bytes, **given: object) -> bytes:
            state = hashlib.sha256(ratchet.to_bytes()).digest()
            envelope = encrypt(ratchet, body, **given)  # type: ignore[arg-type]  # as it was called
            self._states[envelope] = state
            self.epoch = max(self.epoch, ratchet._state.epoch.number)
            return envelope

        def laying(sender: Sender, link: int, cell_type: int, body: bytes) -> None:
            if cell_type == CellType.ENVELOPE:
                self.left[self._states[body]] += 1
            lay(sender, link, cell_type, body)

        patch.setattr(Ratchet, "encrypt", sealing)
        patch.setattr(Sender, "lay", laying)


class Day(Exchange):
    """The story."""

    def __init__(self, folder: Path, nursery: trio.Nursery) -> None:
        super().__init__(folder, nursery)
        self.gone: set[str] = set()
        """Texts that must be nowhere."""

    async def tell(self) -> None:
        for person in (self.inviter, self.joiner):
            person.peers = [self.inviter.folder, self.joiner.folder]
            await self.nursery.start(person.live)
        code = await self.insist(self.inviter, self.open_invite)
        await self.insist(self.joiner, partial(self.use_invite, code))
        await self.settled()
        await self.write(self.inviter, "first")
        for number, person in enumerate((self.joiner, self.inviter) * 2):
            await self.write(person, f"turn {number}")
            await self.settled()
        gone = await self.write(self.inviter, "taken back")
        await self.pass_by(self.inviter, "soon gone " + random_text(4000))
        await self.pass_by(self.joiner, "gone as soon")
        await self.settled()
        await self.insist(self.joiner, self.show_all)
        await self.insist(self.inviter, partial(self.delete, gone))
        await self.insist(self.inviter, partial(self.look, self.inviter))
        await self.outlive()
        self.check_alike()
        await self.insist(self.inviter, self.burn_conversation)
        await self.write(self.joiner, "after that")
        await self.settled()
        self.check_laws(self.inviter)
        await self.insist(self.joiner, self.burn_contact)
        self.check_laws(self.joiner)

    async def pass_by(self, person: Person, text: str) -> None:
        """Write something that lives for a short time."""

        def send() -> str:
            self.gone.add(text)
            person.ask(requests.Send(contact=person.handle, text=text, lifetime=SHORT))
            return ""

        await self.insist(person, send)

    def look(self, person: Person) -> str:
        theirs = [message.message for message in person.messages() if not message.mine]
        person.ask(requests.Shown(contact=person.handle, messages=theirs))
        return ""

    async def outlive(self) -> None:
        """Until everything that lives for a short time has expired on both sides."""
        await trio.sleep(2 * SHORT)
        await self.settled()
        for person in (self.inviter, self.joiner):
            await self.insist(person, partial(self.look, person))
        await trio.sleep(2 * SHORT)  # what a death kept from being shown until now
        await self.settled()

    def burn_conversation(self) -> str:
        self.inviter.ask(requests.ConversationBurn(contact=self.inviter.handle))
        return ""

    def burn_contact(self) -> str:
        for contact in list(self.joiner.engine.opened().contacts.values()):
            self.joiner.ask(requests.ContactRemove(contact=contact.record.id.hex()))
        return ""

    def check_alike(self) -> None:
        """Both have what was acknowledged, each once; then the one burns it."""
        for person in (self.inviter, self.joiner):
            texts = Counter(message.text for message in person.messages())
            assert set(texts.values()) == {1}
            assert set(self.acknowledged) <= set(texts)
            assert not set(texts) & self.gone
        self.gone_there = {message.text for message in self.inviter.messages()}

    def check_laws(self, person: Person) -> None:
        held = b"\0".join(values(person.vault).values())
        gone = self.gone | (self.gone_there if person is self.inviter else set())
        assert [text for text in gone if text.encode() in held] == []
        kinds = Counter(name.kind for name in values(person.vault))
        if person is self.inviter:
            texts = Counter(message.text for message in person.messages())
            assert texts[self.tried] == 1
            assert all(
                text.startswith("after that") for text in texts
            )  # one that was tried before may be there
            assert (kinds["message"], kinds["outgoing"], kinds["gist"]) == (texts.total(), 0, 1)
        else:
            assert kinds.keys() <= {"identity", "settings", "clock"}
        arrived = Counter(
            notice.message.message for notice in person.told if isinstance(notice, notices.MessageArrived)
        )
        assert max(arrived.values()) == 1

    def check(self) -> None:
        """What holds all day."""
        assert set(self.envelopes.left.values()) == {1}

    envelopes: Envelopes


def values(vault: object) -> Values:
    """All that a vault holds."""
    if isinstance(vault, Recorded):
        return values(vault.vault)
    if isinstance(vault, DiskVault):
        records = [vault._read(slot) for slot in vault._index.taken()]
        return {record.name: record.value for record in records}
    assert isinstance(vault, Mortal)
    return {name: bytes(value) for name, value in vault._values.items()}


def live(folder: Path, prepare: Callable[[Day], None]) -> Day:
    """The whole day, in no time."""

    async def main() -> Day:
        async with trio.open_nursery() as nursery:
            day = Day(folder, nursery)
            day.envelopes = envelopes
            prepare(day)
            await day.tell()
            day.check()
            nursery.cancel_scope.cancel()
        return day

    with no_real_time(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(turn, "EPOCH_MESSAGES", 3)
        envelopes = Envelopes(patch)
        return trio.run(main, clock=clock(), strict_exception_groups=True)


def test_a_day_without_a_death(tmp_path: Path) -> None:
    day = live(tmp_path, lambda _: None)
    assert day.deaths == 0
    assert day.envelopes.epoch >= 2
    assert min(vault.commits for vault in day.vaults) > 30


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("side", [0, 1], ids=["inviter", "joiner"])
@pytest.mark.parametrize("shard", range(4))
def test_killed_at_any_commit_of_the_day(tmp_path: Path, side: int, before: bool, shard: int) -> None:
    number, died = 1 + shard, True
    while died:

        def prepare(day: Day, number: int = number) -> None:
            day.vaults[side].die_at, day.vaults[side].before = number, before

        died = bool(live(tmp_path / str(number), prepare).deaths)
        number += 4
    assert number > 30


class Forgetful(Mortal):
    """A vault that says that it stored something, and did not."""

    forgets = 0

    def commit(self, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
        if self.commits + 1 == self.forgets:
            self.commits += 1
            self.dead = True  # at the next
            return
        super().commit(puts, drops)


def test_a_state_that_was_not_stored_would_be_noticed(tmp_path: Path) -> None:
    """The control of all this: somewhere in the day a lost commit breaks a law."""
    broken = 0
    for number in range(10, 40, 3):

        def prepare(day: Day, number: int = number) -> None:
            vault = Forgetful()
            vault.forgets = number
            day.vaults = (vault, day.vaults[1])
            day.inviter.vault = vault

        try:
            live(tmp_path / str(number), prepare)
        except* AssertionError:
            broken += 1
    assert broken


class Recorded:
    """A vault on the disk that is opened anew, from a copy, at every write of every commit."""

    amnesic = False

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        create(folder / "vault").close()
        self.vault = reopen(folder / "vault")
        self.get, self.scan = self.vault.get, self.vault.scan
        self.expire, self.first_end = self.vault.expire, self.vault.first_end
        self.require_room = self.vault.require_room
        self.seen: Counter[str] = Counter()
        self._steps = Steps(patch, folder / "vault")
        self._copy = folder / "copy"

    def commit(self, puts: Sequence[Record] = (), drops: Sequence[Name] = ()) -> None:
        steps, before = self._steps, values(self.vault)
        kept = {name: value for name, value in before.items() if name not in drops}
        after = kept | {record.name: record.value for record in puts}

        def look() -> None:
            steps.hook = lambda: None
            for place in steps.copies(self._copy):
                survivor = reopen(place)
                found = values(survivor)
                survivor.close()
                assert found in (before, after)
                self.seen["after" if found == after else "before"] += 1
            steps.hook = look

        steps.hook = look
        self.vault.commit(puts, drops)
        steps.hook = lambda: None
        assert values(self.vault) == after

    def close(self) -> None:
        """Keep everything: it is the disk."""


@pytest.mark.parametrize("side", [0, 1], ids=["inviter", "joiner"])
def test_between_the_writes_of_a_commit_there_is_nothing_else(tmp_path: Path, side: int) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir=MEMORY) as place:
        vault = Recorded(Path(place), patch)

        def prepare(day: Day) -> None:
            (day.inviter, day.joiner)[side].vault = vault

        day = live(tmp_path / "day", prepare)
        vault.vault.close()
    assert day.deaths == 0
    assert min(vault.seen["before"], vault.seen["after"]) > 400
