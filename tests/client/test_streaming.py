from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.client import rules, streaming
from onionchat.client.streaming import AsyncClient
from onionchat.control import encode
from onionchat.control.limits import MAX_LINE
from onionchat.control.notices import AnyNotice, Starved, Stopping
from onionchat.control.replies import Done, Failure, Identities, Identity, Reply
from onionchat.control.requests import (
    AnyRequest,
    IdentityList,
    Messages,
    Send,
    Status,
    Stop,
    VaultBurn,
    Watch,
)
from onionchat.errors import ControlError

from .scripted import HangUp, ScriptedEngine, refusal, reply

PEOPLE = Identities(identities=[Identity(identity="ab12", name="Ada")])


def tick(count: float) -> bytes:
    return encode(Starved(milliseconds=count))


async def code_of(client: AsyncClient, request: AnyRequest) -> str:
    with pytest.raises(ControlError) as caught:
        await client.ask(request)
    return caught.value.code


async def all_notices(client: AsyncClient) -> list[AnyNotice]:
    return [notice async for notice in client.notices()]


async def test_questions_at_once_get_their_own_answers() -> None:
    kept: list[AnyRequest] = []

    def script(request: AnyRequest) -> Iterator[bytes]:
        kept.append(request)
        if len(kept) == 3:  # answered in reverse
            for each in reversed(kept):
                yield reply(each, Identities(identities=[Identity(identity="ab", name=f"{each.id}")]))

    with ScriptedEngine(script) as engine:
        client = await AsyncClient.connect(engine.socket)
        answers = await asyncio.gather(*(client.ask(IdentityList()) for _ in range(3)))
        await client.close()
    assert [each.identities[0].name for each in answers if isinstance(each, Identities)] == ["1", "2", "3"]


async def test_a_refusal_becomes_an_error() -> None:
    failure = Failure(code="disk-full", message="no room", hint="free some", exit_code=4)
    with ScriptedEngine(lambda request: [refusal(request, failure)]) as engine:
        client = await AsyncClient.connect(engine.socket)
        with pytest.raises(ControlError, match="no room") as caught:
            await client.ask(Status())
        await client.close()
    assert (caught.value.code, caught.value.hint, caught.value.exit_code) == ("disk-full", "free some", 4)


async def test_notices_interleave_with_replies() -> None:
    def script(request: AnyRequest) -> Iterator[bytes]:
        yield tick(1) + reply(request, Done()) + tick(2)
        if isinstance(request, Stop):
            yield encode(Stopping())
            raise HangUp

    with ScriptedEngine(script) as engine:
        client = await AsyncClient.connect(engine.socket)
        assert await client.ask(Watch()) == Done()
        assert await client.ask(Stop()) == Done()
        counts = [Starved(milliseconds=each) for each in (1, 2, 1, 2)]
        assert await all_notices(client) == [*counts, Stopping()]
        assert await all_notices(client) == []
        await client.close()


async def test_an_engine_that_was_killed_ends_all_waiting() -> None:
    with ScriptedEngine(lambda _: []) as engine:
        client = await AsyncClient.connect(engine.socket)
        waiting = [asyncio.create_task(code_of(client, Status())) for _ in range(2)]
        notices = asyncio.create_task(all_notices(client))
        while len(engine.asked) < 2:  # noqa: ASYNC110  # the engine is another thread
            await asyncio.sleep(0.001)
        engine.vanish()
        assert await asyncio.gather(*waiting) == ["engine-gone", "engine-gone"]
        assert await notices == []
        assert await code_of(client, Status()) == "engine-gone"
        await client.close()


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"x" * (MAX_LINE + 1),
        encode(Reply(id=None, result=Done())),
    ],
    ids=["nonsense", "too long", "for nobody"],
)
async def test_nonsense_ends_the_connection(line: bytes) -> None:
    with ScriptedEngine(lambda _: [line]) as engine:
        client = await AsyncClient.connect(engine.socket)
        assert await code_of(client, Status()) == "bad-reply"
        assert await all_notices(client) == []
        assert await code_of(client, Status()) == "bad-reply"
        await client.close()


async def test_a_complaint_without_a_number_is_told() -> None:
    failure = Failure(code="bad-request", message="not a request")
    with ScriptedEngine(lambda _: [encode(Reply(id=None, error=failure))]) as engine:
        client = await AsyncClient.connect(engine.socket)
        assert await code_of(client, Status()) == "bad-request"
        await client.close()


async def test_a_question_may_be_given_up() -> None:
    def script(request: AnyRequest) -> Iterator[bytes]:
        if isinstance(request, Watch):
            yield encode(Reply(id=1, result=Done())) + reply(request, PEOPLE)

    with ScriptedEngine(script) as engine:
        client = await AsyncClient.connect(engine.socket)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.ask(Status()), 0.01)
        assert await client.ask(Watch()) == PEOPLE  # the late answer to the first belongs to nobody
        await client.close()


async def test_a_flood_of_notices_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "MAX_WAITING", 10)
    with ScriptedEngine(lambda request: [tick(1) * 11 + reply(request, Done())]) as engine:
        client = await AsyncClient.connect(engine.socket)
        assert await code_of(client, Status()) == "too-slow"
        assert len(await all_notices(client)) == 10
        await client.close()


async def test_closing_ends_what_waits_and_may_be_done_twice() -> None:
    with ScriptedEngine(lambda _: []) as engine:
        client = await AsyncClient.connect(engine.socket)
        waiting = asyncio.create_task(code_of(client, Status()))
        await asyncio.sleep(0)
        await client.close()
        assert await waiting == "engine-gone"
        await client.close()


async def test_a_request_that_cannot_be_sent_leaves_the_connection_whole() -> None:
    with ScriptedEngine(lambda request: [reply(request, PEOPLE)]) as engine:
        client = await AsyncClient.connect(engine.socket)
        assert await code_of(client, Send(contact="ab", text="\udcff")) == "bad-request"
        assert await client.ask(Messages(contact="ab")) == PEOPLE
        await client.close()


async def test_no_engine(tmp_path: Path) -> None:
    with pytest.raises(ControlError) as caught:
        await AsyncClient.connect(tmp_path / "control.sock")
    assert caught.value.code == "engine-not-running"


async def test_another_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedEngine(lambda _: []) as engine:
        monkeypatch.setattr(rules, "_CREDENTIALS", Swapped())
        with pytest.raises(ControlError) as caught:
            await AsyncClient.connect(engine.socket)
    assert caught.value.code == "engine-denied"


class Swapped:
    """Credentials of a user that is neither we nor root."""

    size = 12

    def unpack(self, _raw: bytes) -> tuple[int, int, int]:
        return 1, os.getuid() + 1, 0


async def test_an_engine_that_does_not_answer_burns_by_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(streaming, "HEARD_SECONDS", 0.01)
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    with ScriptedEngine(lambda request: []) as engine:
        client = await AsyncClient.connect(engine.socket)
        asked = asyncio.create_task(client.ask(VaultBurn()))
        while not sent:  # noqa: ASYNC110 - a signal tells nobody here
            await asyncio.sleep(0.01)
        asked.cancel()
        await client.close()
    assert sent == [(os.getpid(), signal.SIGUSR1)]


async def test_an_engine_that_answers_is_sent_no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "kill", lambda pid, number: pytest.fail("a signal"))
    with ScriptedEngine(lambda request: [reply(request, Done())]) as engine:
        client = await AsyncClient.connect(engine.socket)
        assert await client.ask(VaultBurn()) == Done()
        await client.close()
