"""Invites: copied by people, so every typing error is found."""

from __future__ import annotations

import base64
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionchat.errors import ConfigError
from onionchat.protocol.invite import PREFIX, SIZE, Invite, InviteKind, decode
from onionchat.protocol.invite import _checksum as checksum

LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def invite(seed: int = 1) -> Invite:
    random = Random(seed).randbytes
    return Invite(expires_hour=470_000, onion=random(32), static=random(32), secret=random(16))


def rebuilt(at: int, value: int) -> str:
    """The code of an invite with one byte changed on purpose: its checksum holds."""
    body = bytearray(base64.b32decode(invite().encode().removeprefix(PREFIX).upper())[:-4])
    body[at] = value
    return PREFIX + base64.b32encode(bytes(body) + checksum(bytes(body))).decode().lower()


@given(
    st.builds(
        Invite,
        expires_hour=st.integers(0, 2**32 - 1),
        onion=st.binary(min_size=32, max_size=32),
        static=st.binary(min_size=32, max_size=32),
        secret=st.binary(min_size=16, max_size=16),
    )
)
def test_an_invite_comes_back(made: Invite) -> None:
    code = made.encode()
    assert len(code) == len(PREFIX) + SIZE * 8 // 5 == 154
    assert code == code.lower()
    assert decode(code) == made


def test_every_single_typing_error_is_found() -> None:
    code = invite().encode()
    for at in range(len(PREFIX), len(code)):
        for letter in LETTERS + "0189-=":
            if letter != code[at]:
                with pytest.raises(ConfigError, match="damaged"):
                    decode(code[:at] + letter + code[at + 1 :])


def test_letters_that_were_lost_doubled_or_swapped_are_found() -> None:
    code = invite().encode()
    for at in range(len(PREFIX), len(code)):
        with pytest.raises(ConfigError, match="damaged"):
            decode(code[:at] + code[at + 1 :])
        with pytest.raises(ConfigError, match="damaged"):
            decode(code[: at + 1] + code[at:])
        swapped = code[:at] + code[at + 1 : at + 2] + code[at] + code[at + 2 :]
        if swapped != code:
            with pytest.raises(ConfigError):
                decode(swapped)


def test_case_line_breaks_and_blanks_do_not_matter() -> None:
    code = invite().encode()
    broken = "\r\n".join(code[at : at + 40] for at in range(0, len(code), 40))
    assert decode(f"  {broken.upper()}\t\n") == invite()


def test_what_is_wrong_is_told_apart() -> None:
    with pytest.raises(ConfigError, match="not an invite"):
        decode("hello")
    with pytest.raises(ConfigError, match="not an invite"):
        decode(invite().encode().replace("onionchat", "onionchaat"))
    with pytest.raises(ConfigError, match="version 2"):
        decode(rebuilt(0, 2))
    longer = base64.b32encode(b"\x02" + bytes(99)).decode().lower()
    with pytest.raises(ConfigError, match="version 2"):
        decode(PREFIX + longer)
    for kind in (InviteKind.MANY, InviteKind.PUBLISHED, 77):
        with pytest.raises(ConfigError, match="kind"):
            decode(rebuilt(1, kind))
    with pytest.raises(ConfigError, match="damaged"):
        decode(invite().encode()[:-1] + "é")


def later(version: int, size: int) -> str:
    """A code of another version, which may have any length and any checksum."""
    return PREFIX + base64.b32encode(bytes([version]) + bytes(size - 1)).decode().rstrip("=").lower()


@pytest.mark.parametrize("size", [1, 60, 89, 91, 92, 93, 94, 95, 96, 225])
def test_a_later_version_is_told_whatever_its_length(size: int) -> None:
    for version in (2, 15):
        with pytest.raises(ConfigError, match=f"version {version}"):
            decode(later(version, size))
    for version in (0, 1, 16, 255):
        with pytest.raises(ConfigError, match="damaged"):
            decode(later(version, size))


def test_of_our_length_the_checksum_decides_first() -> None:
    with pytest.raises(ConfigError, match="damaged"):
        decode(later(2, SIZE))


@pytest.mark.parametrize("more", [b"x", b"12345"])
def test_an_invite_of_ours_has_one_length_whatever_its_checksum_says(more: bytes) -> None:
    body = base64.b32decode(invite().encode().removeprefix(PREFIX).upper())[:-4] + more
    code = base64.b32encode(body + checksum(body)).decode().rstrip("=").lower()
    with pytest.raises(ConfigError, match="damaged"):
        decode(PREFIX + code)


def test_nothing_and_far_too_much_are_damaged() -> None:
    for code in (PREFIX, later(2, 226), later(2, 226) + "a" * 100_000):
        with pytest.raises(ConfigError, match="damaged"):
            decode(code)


def test_a_letter_that_only_looks_like_one_of_ours_when_it_is_large_is_refused() -> None:
    code = invite().encode()
    assert "ſ".upper() == "S"
    assert "s" in code.removeprefix(PREFIX)
    head, _, tail = code.rpartition("s")
    with pytest.raises(ConfigError, match="damaged"):
        decode(f"{head}ſ{tail}")


@given(st.one_of(st.text(max_size=200), st.text(max_size=200).map(lambda text: PREFIX + text)))
def test_any_text_is_an_invite_or_refused_with_something_to_do(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        decode(text)
    assert caught.value.hint


def test_the_time_of_an_invite_ends_with_its_hour() -> None:
    assert not invite().expired(470_000 * 3600 - 1)
    assert invite().expired(470_000 * 3600)
    assert not Invite(onion=bytes(32), static=bytes(32), secret=bytes(16)).expired(1e12)


def test_the_secret_is_not_printed() -> None:
    assert invite().secret.hex() not in repr(invite())
    assert repr(invite().secret) not in repr(invite())
