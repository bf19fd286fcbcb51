from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.client import rules
from onionchat.client.blocking import Client
from onionchat.control import encode
from onionchat.control.limits import MAX_LINE, MAX_TEXT
from onionchat.control.notices import Starved, Stopping
from onionchat.control.replies import Done, Failure, Identities, Identity, Reply
from onionchat.control.requests import AnyRequest, IdentityList, Messages, Send, Status, Watch
from onionchat.errors import ControlError

from .scripted import HangUp, ScriptedEngine, refusal, reply

PEOPLE = Identities(identities=[Identity(identity="ab12", name="Ada")])


def tick(count: float) -> bytes:
    return encode(Starved(milliseconds=count))


def done(request: AnyRequest) -> Iterator[bytes]:
    yield reply(request, Done())


def code_of(client: Client, request: AnyRequest) -> str:
    with pytest.raises(ControlError) as caught:
        client.ask(request)
    return caught.value.code


def test_an_answer_comes_back() -> None:
    with (
        ScriptedEngine(lambda request: [reply(request, PEOPLE)]) as engine,
        Client.connect(engine.socket) as client,
    ):
        assert client.ask(IdentityList()) == PEOPLE
        assert client.ask(IdentityList()) == PEOPLE
    assert [request.id for request in engine.asked] == [1, 2]


def test_a_refusal_becomes_an_error_with_all_that_was_said() -> None:
    failure = Failure(code="wrong-passphrase", message="no", hint="try again", exit_code=5)
    with (
        ScriptedEngine(lambda request: [refusal(request, failure)]) as engine,
        Client.connect(engine.socket) as client,
        pytest.raises(ControlError) as caught,
    ):
        client.ask(Status())
    error = caught.value
    assert (error.code, error.message, error.hint, error.exit_code) == (
        "wrong-passphrase",
        "no",
        "try again",
        5,
    )


def test_notices_before_and_after_a_reply_are_kept_in_order() -> None:
    def script(request: AnyRequest) -> Iterator[bytes]:
        if isinstance(request, IdentityList):
            yield tick(1) + tick(2) + reply(request, PEOPLE) + tick(3)
        else:
            yield reply(request, Done())

    with ScriptedEngine(script) as engine, Client.connect(engine.socket) as client:
        notices = client.watch()
        assert client.ask(IdentityList()) == PEOPLE
        assert [next(notices) for _ in range(3)] == [Starved(milliseconds=each) for each in (1, 2, 3)]


def test_asking_between_two_notices() -> None:
    def script(request: AnyRequest) -> Iterator[bytes]:
        yield reply(request, Done())
        if isinstance(request, Watch):
            yield tick(1) + tick(2)

    with ScriptedEngine(script) as engine, Client.connect(engine.socket) as client:
        notices = client.watch()
        assert next(notices) == Starved(milliseconds=1)
        assert client.ask(Status()) == Done()
        assert next(notices) == Starved(milliseconds=2)


def test_watching_stops_when_the_engine_goes() -> None:
    def script(request: AnyRequest) -> Iterator[bytes]:
        yield reply(request, Done()) + encode(Stopping())
        raise HangUp

    with ScriptedEngine(script) as engine, Client.connect(engine.socket) as client:
        assert list(client.watch()) == [Stopping()]
        assert code_of(client, Status()) == "engine-gone"


def test_watching_does_not_hide_nonsense() -> None:
    def script(request: AnyRequest) -> Iterator[bytes]:
        yield reply(request, Done()) + b"nonsense\n"

    with ScriptedEngine(script) as engine, Client.connect(engine.socket) as client:
        with pytest.raises(ControlError) as caught:
            list(client.watch())
        assert caught.value.code == "bad-reply"


def test_a_line_in_pieces_and_lines_in_one_piece() -> None:
    def script(request: AnyRequest) -> Iterator[bytes]:
        for byte in reply(request, PEOPLE):
            yield bytes([byte])

    with ScriptedEngine(script) as engine, Client.connect(engine.socket) as client:
        assert client.ask(IdentityList()) == PEOPLE


def test_a_reply_to_something_else_is_passed_over() -> None:
    def script(request: AnyRequest) -> Iterator[bytes]:
        yield encode(Reply(id=request.id + 100, result=Done())) + reply(request, PEOPLE)

    with ScriptedEngine(script) as engine, Client.connect(engine.socket) as client:
        assert client.ask(IdentityList()) == PEOPLE


def test_a_complaint_without_a_number_is_ours() -> None:
    failure = Failure(code="bad-request", message="not a request")
    with (
        ScriptedEngine(lambda _: [encode(Reply(id=None, error=failure))]) as engine,
        Client.connect(engine.socket) as client,
    ):
        assert code_of(client, Status()) == "bad-request"


def test_an_empty_reply_is_an_error() -> None:
    with (
        ScriptedEngine(lambda request: [encode(Reply(id=request.id))]) as engine,
        Client.connect(engine.socket) as client,
    ):
        assert code_of(client, Status()) == "bad-reply"


def test_a_line_that_is_too_long_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedEngine(lambda _: [b"x" * (MAX_LINE + 1)]) as engine, Client.connect(engine.socket) as client:
        assert code_of(client, Status()) == "bad-reply"


def test_a_flood_of_notices_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        ScriptedEngine(lambda _: [tick(1) * (rules.MAX_WAITING + 1)]) as engine,
        Client.connect(engine.socket) as client,
    ):
        assert code_of(client, Status()) == "too-slow"


def test_an_engine_that_says_nothing() -> None:
    with ScriptedEngine(lambda _: []) as engine, Client.connect(engine.socket, timeout=0.05) as client:
        assert code_of(client, Status()) == "engine-silent"
        assert code_of(client, Status()) == "engine-gone"


def test_an_engine_that_reads_nothing() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0onionchat-test-{os.getpid()}")
        listener.listen()
        with Client.connect(Path(listener.getsockname().decode()), timeout=0.05) as client:
            long = Send(contact="ab", text="\x01" * MAX_TEXT)  # more than a socket's buffer takes
            assert code_of(client, long) == "engine-silent"


def test_an_engine_that_was_killed() -> None:
    with ScriptedEngine(done) as engine, Client.connect(engine.socket) as client:
        client.ask(Status())
        engine.vanish()
        assert code_of(client, Status()) == "engine-gone"


def test_no_engine(tmp_path: Path) -> None:
    with pytest.raises(ControlError) as caught:
        Client.connect(tmp_path / "control.sock")
    assert (caught.value.code, caught.value.exit_code) == ("engine-not-running", 6)
    assert "onionchat serve" in caught.value.hint


def test_a_socket_that_nobody_serves(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with pytest.raises(ControlError) as caught:
        Client.connect(path)
    assert caught.value.code == "engine-not-running"


def test_a_request_that_is_too_long_never_leaves() -> None:
    with ScriptedEngine(done) as engine, Client.connect(engine.socket) as client:
        assert code_of(client, Send(contact="ab", text="\x01" * MAX_TEXT * 2)) == "bad-request"
        assert code_of(client, Send(contact="ab", text="\udcff")) == "bad-request"
        assert client.ask(Messages(contact="ab")) == Done()
    assert len(engine.asked) == 1
