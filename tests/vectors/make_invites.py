"""The vectors of invites, and of what follows from them and from onion keys."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from onionchat.crypto.handshake import invite_psk, prologue
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.onion import OnionKey
from onionchat.protocol.invite import Invite, InviteKind

from .make import Folder, flipped, value

ONION: Final = OnionKey.from_seed(value("onion seed"))
STATIC: Final = KeyPair.from_secret(value("static secret"))
SECRET: Final = value("invite secret", 16)
EXPIRES: Final = 490_000


def folders() -> list[Folder]:
    return [invites(), addresses(), prologues(), psks()]


def packed_invite(version: int = 1, kind: int = 0, hours: int = 0) -> bytes:
    start = bytes((version, kind)) + hours.to_bytes(4, "big") + ONION.public + STATIC.public + SECRET
    return start + hashlib.blake2b(start, digest_size=4, person=b"onionchat/1 inv.").digest()


def code(packed: bytes) -> str:
    return "onionchat:" + base64.b32encode(packed).decode().lower().rstrip("=")


def invites() -> Folder:
    folder = Folder("invite")
    fields = [("onion", ONION.public.hex()), ("static", STATIC.public.hex()), ("secret", SECRET.hex())]

    def good(name: str, about: str, text: str, hours: int, now: int | None = None) -> None:
        invite = Invite(
            kind=InviteKind.ONE_TIME,
            expires_hour=hours,
            onion=ONION.public,
            static=STATIC.public,
            secret=SECRET,
        )
        assert invite.encode() == "".join(text.split()).lower()
        head = [("code", text), ("invite-kind", "0"), ("expires-hour", str(hours)), *fields]
        if now is not None:
            head.append(("now", str(now)))
        folder.add(name, "ok", about, head, packed_invite(hours=hours))

    never, dated = code(packed_invite()), code(packed_invite(hours=EXPIRES))
    good("ok-never", "it never expires", never, 0, 2**33)
    good("ok-last-second", "the last second of its time", dated, EXPIRES, 3600 * EXPIRES - 1)
    pieces = [dated[at : at + 11] for at in range(0, len(dated), 11)]
    good("ok-spaced", "white space and capital letters do not matter", " ".join(pieces).upper(), EXPIRES)
    folder.add(
        "expired",
        "expired",
        "the first second after its time",
        [("code", dated), ("now", str(3600 * EXPIRES))],
    )
    damaged(folder, never)
    for version in (0, 2):
        folder.add(
            f"version-{version}",
            "other-version",
            "whole, and of another version",
            [("code", code(packed_invite(version=version)))],
        )
    for kind, about in ((1, "for many uses: reserved"), (2, "published: reserved"), (3, "no kind at all")):
        folder.add(f"kind-{kind}", "wrong-kind", about, [("code", code(packed_invite(kind=kind)))])
    return folder


def damaged(folder: Folder, never: str) -> None:
    place = 60
    for name, about, text in (
        ("letter", "one letter is another one", f"{never[:place]}{_other(never[place])}{never[place + 1 :]}"),
        ("swapped", "two letters have changed places", _swapped(never)),
        ("short", "the last letter is missing", never[:-1]),
        ("long", "there is a letter too many", never + "a"),
        ("alphabet", "base32 has no 1", never[:place] + "1" + never[place + 1 :]),
        ("checksum", "the checksum is another one", code(flipped(packed_invite(), -1))),
        ("prefix", "it does not begin as an invite does", never.replace(":", "")),
        ("empty", "nothing follows the prefix", "onionchat:"),
    ):
        folder.add(f"damaged-{name}", "damaged", about, [("code", text)])


def _other(letter: str) -> str:
    return "b" if letter == "a" else "a"


def _swapped(text: str) -> str:
    place = next(at for at in range(40, len(text)) if text[at] != text[at + 1])
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def addresses() -> Folder:
    folder = Folder("onion-address")
    head = [("address", ONION.address), ("seed", ONION.seed().hex()), ("expanded", ONION.expanded().hex())]
    folder.add("ok", "ok", "a service's address and the key behind it", head, ONION.public)
    other = hashlib.sha3_256(b".onion checksum" + ONION.public + b"\x04").digest()[:2]
    version_4 = base64.b32encode(ONION.public + other + b"\x04").decode().lower() + ".onion"
    for name, about, text in (
        ("letter", "one letter is another one", _other(ONION.address[0]) + ONION.address[1:]),
        ("version", "of another version of onion services, with a good checksum", version_4),
        ("capitals", "not written as an address is", ONION.address.upper()),
        ("short", "a letter is missing", ONION.address[1:]),
        ("suffix", "it is no onion", ONION.address.replace(".onion", ".union")),
    ):
        folder.add(f"damaged-{name}", "damaged", about, [("address", text)])
    return folder


def prologues() -> Folder:
    folder = Folder("prologue")
    folder.add(
        "ok",
        "ok",
        "what a handshake begins with",
        [("onion", ONION.public.hex())],
        prologue(ONION.public),
    )
    return folder


def psks() -> Folder:
    folder = Folder("psk")
    head = [("onion", ONION.public.hex()), ("secret", SECRET.hex())]
    folder.add("ok", "ok", "the psk of an invite", head, invite_psk(SECRET, ONION.public))
    return folder
