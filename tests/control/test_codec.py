from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onionchat.control import (
    decode_from_engine,
    decode_request,
    encode,
    notices,
    replies,
    request_id,
    requests,
)
from onionchat.control.limits import MAX_REQUEST_LINE, MAX_TEXT
from onionchat.control.notices import AnyNotice, Notice
from onionchat.control.replies import Failure, Reply, Result
from onionchat.control.requests import MAX_ID, AnyRequest, Request
from onionchat.errors import ControlError

REQUESTS = Request.__subclasses__()
RESULTS = Result.__subclasses__()
NOTICES = Notice.__subclasses__()

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def values(kind: msgspec.inspect.Type) -> st.SearchStrategy[Any]:
    """Whatever a field of ``kind`` may hold."""
    match kind:
        case msgspec.inspect.StrType(pattern=str()):
            return st.text("0123456789abcdef", min_size=1, max_size=64)
        case msgspec.inspect.StrType():
            longest = min(kind.max_length or 40, 40)
            return words.filter(lambda text: (kind.min_length or 0) <= len(text) <= longest)
        case msgspec.inspect.BytesType(min_length=low, max_length=high):
            return st.binary(min_size=low or 0, max_size=high)
        case msgspec.inspect.IntType():
            return st.integers(
                -(2**53) if kind.ge is None else kind.ge, 2**53 if kind.le is None else kind.le
            )
        case msgspec.inspect.FloatType():
            return st.floats(kind.ge, kind.le, allow_nan=False, allow_infinity=False)
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.LiteralType():
            return st.sampled_from(kind.values)
        case msgspec.inspect.UnionType():
            return st.one_of([values(each) for each in kind.types])
        case msgspec.inspect.ListType():
            return st.lists(values(kind.item_type), max_size=3)
        case msgspec.inspect.StructType():
            return structs(kind.cls)
    raise AssertionError(f"nobody said how to make a {kind}")


def structs(cls: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)
    return st.builds(cls, **{field.name: values(field.type) for field in info.fields})


any_request: st.SearchStrategy[AnyRequest] = st.one_of([structs(each) for each in REQUESTS])
any_notice: st.SearchStrategy[AnyNotice] = st.one_of([structs(each) for each in NOTICES])
any_reply = st.builds(
    Reply,
    id=st.none() | st.integers(0, MAX_ID),
    result=st.none() | st.one_of([structs(each) for each in RESULTS]),
    error=st.none() | structs(Failure),
)


@given(any_request)
def test_requests_come_back(request: AnyRequest) -> None:
    line = encode(request)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_request(line) == request
    assert request_id(line) == request.id


@settings(max_examples=200)
@given(st.one_of(any_reply, any_notice))
def test_replies_and_notices_come_back(item: Reply | AnyNotice) -> None:
    line = encode(item)
    assert line.count(b"\n") == 1
    assert decode_from_engine(line) == item


@pytest.mark.parametrize(
    ("union", "classes"),
    [
        (requests.AnyRequest, REQUESTS),
        (replies.AnyResult, RESULTS),
        (notices.AnyNotice, NOTICES),
    ],
)
def test_nothing_is_missing_from_the_unions(union: Any, classes: list[type]) -> None:
    assert set(union.__args__) == set(classes)


json_values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
tags = st.sampled_from([each.__struct_config__.tag for each in (*REQUESTS, *NOTICES, *RESULTS)])
fields = st.sampled_from([name for each in REQUESTS for name in each.__struct_fields__])
almost = st.builds(
    lambda do, rest: msgspec.json.encode({"do": do, "notice": do, **rest}),
    tags,
    st.dictionaries(fields, json_values),
)
CRASHERS = [
    b'{"id":' + b"[" * 500_000,
    b'{"do":"status","x":' + b"[" * 100_000,
    b'{"do":"status","notice":' + b'{"a":' * 100_000,
    b'{"id":' + b"9" * 5_000 + b"}",
    b'{"id":1e400,"do":"status"}',
    b'{"do":"status","\xff":1}',
    b'{"do":"unlock","passphrase":"\\ud800"}',
    b'{"do":"unlock","passphrase":"\xed\xa0\x80"}',
    b"\xef\xbb\xbf{}",
    b"\x00",
    b"",
]


def outcome(decode: Callable[[bytes], object], line: bytes) -> object:
    """What ``decode`` made of ``line``: a struct or a `ControlError`, never anything else."""
    try:
        return decode(line)
    except ControlError as error:
        return error


def never_crash(line: bytes) -> None:
    asked = outcome(decode_request, line)
    assert isinstance(asked, Request) or (isinstance(asked, ControlError) and asked.code == "bad-request")
    said = outcome(decode_from_engine, line)
    assert isinstance(said, Reply | Notice) or (isinstance(said, ControlError) and said.code == "bad-reply")
    for each in (asked, said):
        assert not isinstance(each, ControlError) or len(each.message) < 200
    number = request_id(line)
    assert number is None or 0 <= number <= MAX_ID


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=200), almost, json_values.map(msgspec.json.encode)))
def test_no_bytes_crash_the_codec(line: bytes) -> None:
    never_crash(line)


@pytest.mark.parametrize("line", CRASHERS, ids=range(len(CRASHERS)))
def test_no_bytes_that_once_crashed_it_do_so_again(line: bytes) -> None:
    never_crash(line)


def refused(line: bytes) -> str:
    with pytest.raises(ControlError) as caught:
        decode_request(line)
    return caught.value.message


@pytest.mark.parametrize(
    "line",
    [
        b'{"do":"hunter2"}',
        b'{"do":"hunter2 - at `$.do`"}',
        b'{"do":"status","hunter2":1}',
        b'{"do":"unlock","passphrase":["hunter2"]}',
        b'{"do":"send","contact":"hunter2","text":"x"}',
        b'{"do":"send","contact":"ab","text":"x","lifetime":"hunter2"}',
    ],
)
def test_a_refusal_never_repeats_a_value(line: bytes) -> None:
    assert "hunter2" not in refused(line)


def test_a_refusal_says_which_field() -> None:
    assert "$.contact" in refused(b'{"do":"send","contact":"XY","text":"x"}')
    assert "`txt`" in refused(b'{"do":"send","contact":"ab","txt":"x"}')
    assert "$.do" in refused(b'{"do":"sent"}')
    assert "nested too deeply" in refused(CRASHERS[0])
    assert "not UTF-8" in refused(b'{"do":"status","\xff":1}')


@pytest.mark.parametrize("handle", ["", "ab\n", "AB", "g", "../x", "a" * 65])
def test_what_is_no_handle_is_refused(handle: str) -> None:
    with pytest.raises(ControlError):
        decode_request(encode(requests.ContactRemove(contact=handle)))


def test_a_line_that_is_too_long_is_refused_unread() -> None:
    line = encode(requests.Status())
    assert decode_request(line.rjust(MAX_REQUEST_LINE)) == requests.Status()
    assert "longer" in refused(line.rjust(MAX_REQUEST_LINE + 1))


def test_the_longest_text_fits_however_it_is_escaped() -> None:
    for char in ("\x01", "\U0001f9c5", '"'):
        request = requests.Send(contact="a" * 64, text=char * MAX_TEXT, id=MAX_ID)
        assert decode_request(encode(request)) == request


def test_half_a_surrogate_pair_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ControlError, match="no characters"):
        encode(requests.Send(contact="ab", text="\ud800"))


def test_secrets_are_not_in_a_repr() -> None:
    secret = "hunter2"
    shown = [
        requests.Unlock(passphrase=secret),
        requests.InviteAccept(identity="ab", code=secret, name="Ada"),
        requests.Send(contact="ab", text=secret),
        replies.Invite(invite="ab", identity="cd", code=secret, created=0.0),
        replies.Message(
            message="ab", contact="cd", mine=True, text=secret, written=0.0, state="sent", lifetime=60
        ),
    ]
    for each in shown:
        assert secret not in repr(each)
        assert secret not in repr([each])
