"""The vectors of envelopes' bodies: every part, and what is none."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from onionchat.crypto.kem import KemPair
from onionchat.protocol import body

from .make import Folder, encapsulations, payload, value
from .make_cells import IDS
from .make_invites import ONION, STATIC
from .replay import part

_SEED, _, CIPHERTEXT = encapsulations()[0]
KEM_KEY: Final = KemPair.from_seed(_SEED).public


def folders() -> list[Folder]:
    return [bodies()]


def bodies() -> Folder:
    folder = Folder("body")
    for name, (lines, about) in good_bodies().items():
        packed = body.pack([part(line) for line in lines])
        folder.add(f"ok-{name}", "ok", about, [("part", line) for line in lines], packed)
    long_head = msgspec.msgpack.encode([[4, IDS[0]]]).replace(b"\x91\x92", b"\xdc\x00\x01\xdc\x00\x02")
    folder.add(
        "ok-long-heads",
        "ok",
        "arrays whose length is encoded longer than it needs",
        [("part", f"hello {IDS[0].hex()}"), ("encoding", "long")],
        payload(None, 1833, packed=long_head),
    )
    for name, (block, about) in (bad_texts() | bad_bodies()).items():
        folder.add(f"refused-{name}", "remote-protocol", about, [], block)
    for name, lines, about in (
        ("sixteen", [f"hello {item.hex()}" for item in IDS[:16]], "more parts than a body may have"),
        ("full", [f"kem-key 1 {KEM_KEY.hex()}", f"kem-ciphertext 1 {CIPHERTEXT.hex()}"], "more than fits"),
    ):
        folder.add(f"never-{name}", "local-protocol", about, [("part", line) for line in lines])
    return folder


def good_bodies() -> dict[str, tuple[list[str], str]]:
    one, two = IDS[0].hex(), IDS[1].hex()
    kem_key, ciphertext = KEM_KEY, CIPHERTEXT
    text = f"text {one} 0 12 86400 1700000000 {b'Good morning'.hex()}"
    return {
        "none": ([], "no part at all"),
        "text": ([text], "a short text"),
        "fragment": (
            [f"text {one} 65535 65536 5 0 {b'e'.hex()}"],
            "the last byte of the longest text there is, with the shortest lifetime",
        ),
        "text-full": (
            [f"text {one} 0 1785 2419200 8589934591 {value('text', 1785).hex()}"],
            "as much text as one body holds, with the longest lifetime and the last time there is",
        ),
        "text-once": (
            [f"text {one} 0 12 0 1700000000 {b'Good morning'.hex()}"],
            "a text that is gone when it was read and closed",
        ),
        "text-off": (
            [f"text {one} 0 12 4294967295 1700000000 {b'Good morning'.hex()}"],
            "a text that stays until it is deleted",
        ),
        "ack": ([f"ack {one}"], "one acknowledgement"),
        "acks": (["ack " + " ".join(item.hex() for item in IDS[:101])], "as many as one body holds"),
        "delete": ([f"delete {one} {two}"], "a deletion"),
        "hello": ([f"hello {one}"], "the first of a session"),
        "address": (
            [f"address {one} {ONION.public.hex()} {STATIC.public.hex()}"],
            "the pair address of who says it",
        ),
        "kem-key": ([f"kem-key 1 {kem_key.hex()}"], "a proposed epoch"),
        "kem-ciphertext": ([f"kem-ciphertext 4294967295 {ciphertext.hex()}"], "the last epoch there is"),
        "pace": ([f"pace {one} 1 5000 2"], "another pace"),
        "window-propose": ([f"window {one} 1024 0"], "the longest window, proposed"),
        "window-agree": ([f"window {one} 16 1"], "the shortest window, agreed to"),
        "window-decline": ([f"window {one} 256 2"], "a window that is declined"),
        "window-end": ([f"window {one} 32 3"], "a window that is no more"),
        "several": (
            [f"ack {two}", f"kem-ciphertext 1 {ciphertext.hex()}", text, f"delete {IDS[2].hex()} {two}"],
            "acknowledgement, ciphertext, text and deletion together",
        ),
        "fifteen": ([f"hello {item.hex()}" for item in IDS[:15]], "as many parts as a body may have"),
    }


def bad_texts() -> dict[str, tuple[bytes, str]]:
    one = IDS[0]
    text: list[Any] = [1, one, 0, 2, 60, 1_700_000_000, b"ab"]

    def with_field(place: int, content: Any) -> bytes:
        return payload([[*text[:place], content, *text[place + 1 :]]], 1833)

    return {
        "id-15": (with_field(1, one[:15]), "an id of 15 bytes"),
        "id-text": (with_field(1, "a" * 16), "text for bytes"),
        "offset-65536": (with_field(2, 65536), "an offset beyond the longest text"),
        "offset-negative": (with_field(2, -1), "an offset before the beginning"),
        "offset-float": (with_field(2, 0.0), "a number that is not whole"),
        "total-0": (with_field(3, 0), "a text without a byte"),
        "total-65537": (with_field(3, 65537), "longer than a text may be"),
        "lifetime-4": (with_field(4, 4), "too short a life"),
        "lifetime-1": (with_field(4, 1), "neither once nor a span"),
        "lifetime-nearly-off": (with_field(4, 2**32 - 2), "neither a span nor off"),
        "lifetime-more-than-off": (with_field(4, 2**32), "more than there is"),
        "lifetime-long": (with_field(4, 28 * 86_400 + 1), "too long a life"),
        "written-late": (with_field(5, 2**33), "a time that nobody reaches"),
        "written-huge": (with_field(5, 2**64 - 1), "the greatest number there is"),
        "data-empty": (with_field(6, b""), "a fragment without a byte"),
        "data-text": (with_field(6, "ab"), "text for bytes"),
        "field-missing": (payload([text[:-1]], 1833), "a part that is cut short"),
        "field-unknown": (payload([[*text, 0]], 1833), "a field that nobody knows"),
    }


def bad_bodies() -> dict[str, tuple[bytes, str]]:
    one, two = IDS[:2]
    kem_key, ciphertext = KEM_KEY, CIPHERTEXT
    whole = msgspec.msgpack.encode([[4, one]])
    return {
        "sixteen": (payload([[4, item] for item in IDS[:16]], 1833), "more parts than a body may have"),
        "tag-0": (payload([[0, one]], 1833), "no such part"),
        "tag-10": (payload([[10, one]], 1833), "no such part"),
        "pace-batch-3": (payload([[8, one, [0, 2000, 3]]], 1833), "no such batch"),
        "pace-level-3": (payload([[8, one, [3, 2000, 1]]], 1833), "no such level"),
        "pace-tick-24": (payload([[8, one, [0, 24, 1]]], 1833), "a tick below its bound"),
        "pace-number": (payload([[8, one, 2000]], 1833), "a number for a pace"),
        "pace-alone": (payload([[8, one]], 1833), "a pace part without a pace"),
        "window-15": (payload([[9, one, 15, 0]], 1833), "no such length"),
        "window-2048": (payload([[9, one, 2048, 0]], 1833), "longer than any window"),
        "window-float": (payload([[9, one, 16.0, 0]], 1833), "a number that is not whole"),
        "window-step-4": (payload([[9, one, 16, 4]], 1833), "no such step"),
        "window-step-missing": (payload([[9, one, 16]], 1833), "a part that is cut short"),
        "tag-text": (payload([["hello", one]], 1833), "text for a tag"),
        "part-empty": (payload([[]], 1833), "a part without a tag"),
        "part-number": (payload([4], 1833), "a number for a part"),
        "ack-none": (payload([[2, []]], 1833), "an acknowledgement of nothing"),
        "ack-id-17": (payload([[2, [one, two + b"\0"]]], 1833), "an id of 17 bytes"),
        "delete-alone": (payload([[3, one]], 1833), "a deletion of nothing"),
        "address-short": (payload([[5, one, bytes(32), bytes(31)]], 1833), "a key of 31 bytes"),
        "kem-key-short": (payload([[6, 1, kem_key[1:]]], 1833), "a key of 1,183 bytes"),
        "kem-key-epoch": (payload([[6, 2**32, kem_key]], 1833), "an epoch that does not exist"),
        "kem-ciphertext-long": (payload([[7, 1, ciphertext + b"\0"]], 1833), "a ciphertext of 1,089 bytes"),
        "map": (payload({1: 2}, 1833), "a map for an array"),
        "bytes-behind": (payload(None, 1833, packed=whole + b"\xc0"), "a value behind the parts"),
        "cut": (payload(None, 1833, packed=whole, length=len(whole) - 1), "a length that cuts them short"),
        "nothing": (bytes(1833), "not even an empty list"),
        "nested": (payload(None, 1833, packed=b"\x91" * 1831), "lists within lists"),
        "claims-much": (
            payload(None, 1833, packed=b"\xdd\xff\xff\xff\xff"),
            "a list said to be four billion long",
        ),
        "length-beyond": (payload(None, 1833, packed=whole, length=1832), "a length beyond the body"),
        "padding": (payload([[4, one]], 1833)[:-1] + b"\x01", "padding that is not zero"),
        "short": (payload([[4, one]], 1832), "a byte too few"),
        "long": (payload([[4, one]], 1834), "a byte too many"),
    }
