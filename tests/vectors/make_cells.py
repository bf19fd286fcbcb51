"""The vectors of what is inside a cell."""

from __future__ import annotations

from typing import Final

from onionchat.protocol import cell

from .make import Folder, Head, value

IDS: Final = [value(f"id {number}", 16) for number in range(120)]
ENVELOPE: Final = value("envelope", 1933)


def folders() -> list[Folder]:
    return [cells()]


def cells() -> Folder:
    folder = Folder("cell")
    good = {
        "cover": (0, b"", "nothing"),
        "envelope": (1, ENVELOPE, "an envelope"),
        "have-none": (2, b"", "a have-list without ids"),
        "have-one": (2, IDS[0], "a have-list with one id"),
        "have-all": (2, b"".join(IDS), "a have-list with as many ids as fit"),
        "close": (3, b"", "the last cell of a link"),
    }
    for name, (kind, data, about) in good.items():
        head: Head = [("type", str(kind)), ("size", str(len(data)))]
        if kind == 2:
            head += [("id", data[at : at + 16].hex()) for at in range(0, len(data), 16)]
        folder.add(f"ok-{name}", "ok", about, head, cell.lay_out(kind, data))

    for name, (block, about) in bad_cells().items():
        folder.add(f"refused-{name}", "remote-protocol", about, [], block)
    for name, kind, size in (
        ("cover", 0, 1),
        ("envelope", 1, 1932),
        ("have", 2, 17),
        ("have-121", 2, 1936),
        ("type", 4, 0),
    ):
        folder.add(
            f"never-{name}",
            "local-protocol",
            "such a body is never laid out",
            [("type", str(kind)), ("size", str(size))],
        )
    return folder


def raw(kind: int, size: int, data: bytes = b"", whole: int = 1936) -> bytes:
    """Type, length and what should be a body, up to ``whole`` bytes."""
    return (bytes((kind,)) + size.to_bytes(2, "big") + data).ljust(whole, b"\0")


def bad_cells() -> dict[str, tuple[bytes, str]]:
    return {
        "type-4": (raw(4, 0), "no such type"),
        "type-255": (raw(255, 0), "no such type"),
        "cover-with-body": (raw(0, 1), "cover has no body"),
        "close-with-body": (raw(3, 16, IDS[0]), "a close has no body"),
        "envelope-short": (raw(1, 1932, ENVELOPE[:1932]), "an envelope has one size"),
        "envelope-empty": (raw(1, 0), "an envelope has one size"),
        "envelope-long": (raw(1, 1934, ENVELOPE), "a length beyond the cell"),
        "have-15": (raw(2, 15, IDS[0][:15]), "not a whole id"),
        "have-17": (raw(2, 17, IDS[0]), "not whole ids"),
        "have-121": (raw(2, 121 * 16, b"".join(IDS)), "a length beyond the cell"),
        "length-65535": (raw(2, 65535), "a length beyond the cell"),
        "padding-first": (raw(2, 0, b"\x01"), "padding that is not zero"),
        "padding-last": (raw(0, 0)[:-1] + b"\x80", "padding that is not zero"),
        "short": (raw(0, 0, whole=1935), "a byte too few"),
        "long": (raw(0, 0, whole=1937), "a byte too many"),
        "empty": (b"\0" * 3, "nothing but type and length"),
    }
