"""Processes that hold keys overwrite what they free: how they are started, and that it works."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import pytest

from onionchat.control import requests
from onionchat.engine.launch_channel import Child
from onionchat.engine.launch_child import Children
from onionchat.engine.process import overwriting
from onionchat.lab.memory import Sought
from tests.crypto.searching import KEY, resting, searched

from .world import Running, eventually

FREES = """
    for size in (1, 3, 20, 600, 5000, 200_000):
        held = [key * size for _ in range(20)], bytearray(key * size), {key * size: key[:9]}
        held = (key * size).decode("latin-1") + "."
        held = bytearray(key)
        held += bytes(size * 100)  # is moved when it grows
        del held
    del key
"""
SAYS = "import os; print([os.environ.get(name) for name in ('PYTHONMALLOC', 'GLIBC_TUNABLES')])"


def test_what_is_freed_is_overwritten() -> None:
    sought = [Sought(kind="key", data=KEY)]
    with resting(FREES, overwriting()) as pid:
        assert searched(pid, sought).by_place() == {}
    with resting(FREES) as pid:
        assert searched(pid, sought).by_kind() == {"key": 1}


@pytest.mark.parametrize(("what", "so"), [("metronome", True), ("tor", False)])
def test_the_metronome_is_started_so(what: Child, *, so: bool) -> None:
    children = Children()
    reader, writer = os.pipe()
    children.start(what, [sys.executable, "-c", SAYS], output=writer, descriptors=())
    os.close(writer)
    with os.fdopen(reader) as output:
        said = output.read()
    children.end()
    assert ("'malloc'" in said) is so
    assert ("malloc.perturb" in said) is so


def test_with_another_libc_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> str:
        raise ValueError(name)

    monkeypatch.setattr(os, "confstr", unknown)
    assert overwriting() == dict(os.environ)
    monkeypatch.setattr(os, "confstr", lambda name: None)
    assert overwriting() == dict(os.environ)


@pytest.mark.realtor
@pytest.mark.parametrize("way", ["descriptor", "socket"])
def test_an_engine_has_forgotten_the_passphrase(tmp_path: Path, way: str) -> None:
    """Searched while whoever gave it is still connected. Only root can: an engine lets nobody else look."""
    passphrase, name = secrets.token_hex(40), secrets.token_hex(10)
    sought = [
        Sought(kind="passphrase", data=passphrase.encode()),
        Sought(kind="the vault's name", data=name.encode()),
    ]
    given = passphrase if way == "descriptor" else None
    with Running(tmp_path, passphrase=given, name=name) as running, running.client() as client:
        if given is None:
            client.ask(requests.Unlock(passphrase=passphrase, create=True))
        eventually(lambda: running.status().vault == "open")
        found = searched(running.children["engine"], sought)
    assert found.by_kind() == {"the vault's name": 1}, found.by_place()
