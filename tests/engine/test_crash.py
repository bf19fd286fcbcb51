"""Killed after, or right before, any commit: nothing acknowledged is lost and nothing is shown twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from onionchat.control import notices, replies, requests
from tests.engine.core import Killed, Mortal, Person, clock, no_real_time, random_text

Step = Callable[[], str]


class Exchange:
    """Two people who go through the same story, whoever dies in it."""

    def __init__(self, folder: Path, nursery: trio.Nursery) -> None:
        self.folder = folder
        self.nursery = nursery
        self.vaults = Mortal(), Mortal()
        self.inviter, self.joiner = (
            Person(folder / f"p{number}", vault) for number, vault in enumerate(self.vaults)
        )
        self.acknowledged: dict[str, Person] = {}
        """Texts whose `send` was answered, and who sent them."""
        self.deleted: list[str] = []
        self.deaths = 0

    async def tell(self) -> None:
        for person in (self.inviter, self.joiner):
            person.peers = [self.inviter.folder, self.joiner.folder]
            await self.nursery.start(person.live)
        code = await self.insist(self.inviter, self.open_invite)
        await self.insist(self.joiner, partial(self.use_invite, code))
        await self.settled()
        await self.write(self.inviter, "first")
        await self.write(self.joiner, "second " + random_text(4000))
        gone = await self.write(self.inviter, "gone soon")
        await self.settled()
        await self.insist(self.joiner, self.show_all)
        await self.insist(self.inviter, partial(self.delete, gone))
        await self.write(self.joiner, "third")
        await self.write(self.inviter, "fourth")
        await self.settled()

    async def insist(self, person: Person, step: Step) -> str:
        """Have somebody do it, again after each death."""
        while True:
            if person.alive:
                try:
                    return step()
                except Killed:
                    pass
            await self.revive(person)

    async def revive(self, person: Person) -> None:
        await person.kill()
        self.deaths += 1
        assert isinstance(person.vault, Mortal)
        person.vault.dead = False
        await self.nursery.start(person.live)

    def open_invite(self) -> str:
        listed = self.inviter.ask(requests.InviteList())
        assert isinstance(listed, replies.Invites)
        return listed.invites[0].code if listed.invites else self.inviter.invite()

    def use_invite(self, code: str) -> str:
        if not self.joiner.engine.opened().contacts:
            self.joiner.accept(code)
        return ""

    async def write(self, person: Person, text: str) -> str:
        tries = 0

        def send() -> str:
            nonlocal tries
            tries += 1
            self.tried = f"{text} {tries}"
            return person.send(self.tried)

        message = await self.insist(person, send)
        self.acknowledged[self.tried] = person
        return message

    def show_all(self) -> str:
        theirs = [message.message for message in self.joiner.messages() if not message.mine]
        self.joiner.ask(requests.Shown(contact=self.joiner.handle, messages=theirs))
        return ""

    def delete(self, message: str) -> str:
        for found in self.inviter.messages():
            if found.message == message:
                self.acknowledged.pop(found.text, None)
                self.inviter.ask(requests.Delete(contact=self.inviter.handle, message=message, both=True))
        self.deleted.append(message)
        return ""

    async def settled(self) -> None:
        """Until both are on line and neither waits for the other, whoever dies meanwhile."""
        deadline = trio.current_time() + 600
        while True:
            assert trio.current_time() < deadline, "they did not settle"
            for person in (self.inviter, self.joiner):
                if not person.alive:
                    await self.revive(person)
            if all(self.content(person) for person in (self.inviter, self.joiner)):
                return
            await trio.sleep(0.2)

    @staticmethod
    def content(person: Person) -> bool:
        contacts = list(person.engine.opened().contacts.values())
        if len(contacts) != 1:
            return False
        (contact,) = contacts
        return contact.presence == "online" and contact.record.introduced and not len(contact.talk.outbox)

    def check(self) -> None:
        for person, other in ((self.inviter, self.joiner), (self.joiner, self.inviter)):
            here = person.messages()
            counted = Counter(message.text for message in here)
            assert set(counted.values()) == {1}
            for text, sender in self.acknowledged.items():
                assert counted[text] == 1, text
                state = next(message.state for message in here if message.text == text)
                assert (state == "delivered") is (sender is person)
            arrived = Counter(
                notice.message.message for notice in person.told if isinstance(notice, notices.MessageArrived)
            )
            assert max(arrived.values()) == 1
            assert not {message.message for message in here} & set(self.deleted)
            assert {message.text for message in here} == {message.text for message in other.messages()}
            assert not [message for message in here if message.system]
            self.check_gist(person)

    @staticmethod
    def check_gist(person: Person) -> None:
        """What is known of a conversation without reading its messages is what they say."""
        book = person.engine.opened()
        talk = book._contact(person.contact.record).talk
        known = (talk.timeline.unread, talk.timeline.newest, talk.timeline.next_deadline)
        asleep = talk.timeline._asleep, talk.inbox._asleep, talk.inbox.next_deadline
        assert None not in asleep
        assert len(list(talk.timeline)) > 2
        assert known == (talk.timeline.unread, talk.timeline.newest, talk.timeline.next_deadline)
        assert talk.inbox.have_list()
        assert asleep[2] == talk.inbox.next_deadline
        (gist,) = book._vault.scan("gist", person.contact.record.id)
        assert gist.until == talk.timeline.gist_until


def run(folder: Path, prepare: Callable[[Exchange], None]) -> Exchange:
    """The whole story, in no time."""

    async def main() -> Exchange:
        async with trio.open_nursery() as nursery:
            exchange = Exchange(folder, nursery)
            prepare(exchange)
            await exchange.tell()
            exchange.check()
            nursery.cancel_scope.cancel()
        return exchange

    with no_real_time():
        return trio.run(main, clock=clock(), strict_exception_groups=True)


def test_nobody_dies(tmp_path: Path) -> None:
    exchange = run(tmp_path, lambda _: None)
    assert exchange.deaths == 0
    assert min(vault.commits for vault in exchange.vaults) > 15


@pytest.mark.parametrize("before", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("side", [0, 1], ids=["inviter", "joiner"])
def test_one_dies_at_any_commit(tmp_path: Path, side: int, before: bool) -> None:
    number, deaths = 0, 1
    while deaths:
        number += 1

        def prepare(exchange: Exchange, number: int = number) -> None:
            exchange.vaults[side].die_at, exchange.vaults[side].before = number, before

        deaths = run(tmp_path / str(number), prepare).deaths
    assert number > 15


@pytest.mark.parametrize("number", range(1, 40, 2))
def test_both_die(tmp_path: Path, number: int) -> None:
    def prepare(exchange: Exchange) -> None:
        exchange.vaults[0].die_at, exchange.vaults[0].before = number, bool(number % 4 == 1)
        exchange.vaults[1].die_at, exchange.vaults[1].before = 40 - number, bool(number % 3)

    run(tmp_path, prepare)
