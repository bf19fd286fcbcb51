"""What is mutated, and with which tests.

Laws: a package is judged by its own tests and the frozen vectors; the protocol also by the second
implementation, which speaks with it. The tests of what is built upon a package do not count, and neither do
those that take long: a law whose only test is a search needs a sharper one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from ..report import ROOT

PACKAGES: Final = ("onionchat.crypto", "onionchat.protocol")

LEFT_OUT: Final = (
    "tests/crypto/test_memory.py",
    "tests/crypto/test_ratchet_machine.py",
    "tests/protocol/test_blindness.py",
    "tests/protocol/test_diagrams.py",
    "tests/protocol/test_interleavings.py",
    "tests/protocol/test_losses.py",
    "tests/protocol/test_walk.py",
    "tests/reference/test_lives.py",
    "tests/reference/test_resets.py",
    "tests/reference/test_talking.py",
)
"""Searches through long lives, all orders of events, or other processes' memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module of a package, by its dotted name."""

    name: str

    @property
    def file(self) -> str:
        """Its file, as seen from the root."""
        path = self.name.replace(".", "/")
        return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"

    @property
    def source(self) -> str:
        """Its text."""
        return (ROOT / self.file).read_text()

    @property
    def package(self) -> str:
        """The package it is in."""
        return next(package for package in PACKAGES if self.name.startswith(package))

    @property
    def own_tests(self) -> set[str]:
        """The file of its own tests and those about all of its package; whether or not they are there."""
        package, _, name = self.name.removeprefix("onionchat.").rpartition(".")
        return {f"tests/{package}/test_{one}.py" for one in (name, "shapes", "numbers")}


def modules(package: str) -> list[Module]:
    """The modules of a package, in the order of their names."""
    folder = ROOT / package.replace(".", "/")
    names = sorted(path.stem for path in folder.glob("*.py"))
    return [Module(name=package if name == "__init__" else f"{package}.{name}") for name in names]


def test_folders(package: str) -> tuple[str, ...]:
    """The folders with the tests that judge a package."""
    name = package.rpartition(".")[2]
    if name == "crypto":
        return ("tests/crypto", "tests/vectors")
    return (f"tests/{name}", "tests/vectors", "tests/reference")


def selection(package: str) -> list[str]:
    """The same for pytest, without what is left out."""
    return [*test_folders(package), *(f"--ignore={file}" for file in LEFT_OUT)]


def digests(*folders: str) -> dict[str, str]:
    """A hash of each Python file and each frozen vector in some folders, by its path from the root."""
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file())
    names = {file.relative_to(ROOT).as_posix(): file for file in files}
    return {
        name: hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest()
        for name, file in names.items()
        if name not in LEFT_OUT and (file.suffix == ".py" or "v1" in file.parts)
    }
