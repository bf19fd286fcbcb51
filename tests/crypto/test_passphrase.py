from __future__ import annotations

import resource
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from onionchat.crypto.passphrase import (
    DEFAULT_COST,
    LOW_MEMORY_COST,
    PassphraseCost,
    affordable_cost,
    unlocking_key,
)
from onionchat.errors import CryptoError

MIB = 2**20
CHEAP = PassphraseCost(memory=64 * 1024, passes=2)
SALT = bytes(range(16))


def test_defaults_are_those_of_the_specification() -> None:
    assert (DEFAULT_COST.memory, DEFAULT_COST.passes) == (512 * MIB, 3)
    assert (LOW_MEMORY_COST.memory, LOW_MEMORY_COST.passes) == (256 * MIB, 3)


@pytest.mark.parametrize(
    ("available", "cost"),
    [
        (16 * 1024 * MIB, DEFAULT_COST),
        (640 * MIB, DEFAULT_COST),
        (640 * MIB - 1, LOW_MEMORY_COST),
        (100 * MIB, LOW_MEMORY_COST),
    ],
)
def test_cost_follows_the_memory_at_hand(available: int, cost: PassphraseCost) -> None:
    assert affordable_cost(available) == cost


@pytest.mark.parametrize("passphrase", ["correct horse", "", "\0", "грушевый сад", "🗝" * 100])
def test_agrees_with_another_implementation(passphrase: str) -> None:
    other = Argon2id(salt=SALT, length=32, iterations=CHEAP.passes, lanes=1, memory_cost=CHEAP.memory // 1024)
    assert unlocking_key(passphrase, SALT, CHEAP) == other.derive(passphrase.encode())


def test_passphrase_salt_and_cost_all_matter() -> None:
    keys = {
        unlocking_key("one", SALT, CHEAP),
        unlocking_key("two", SALT, CHEAP),
        unlocking_key("one", SALT[::-1], CHEAP),
        unlocking_key("one", SALT, PassphraseCost(memory=CHEAP.memory * 2, passes=CHEAP.passes)),
        unlocking_key("one", SALT, PassphraseCost(memory=CHEAP.memory, passes=CHEAP.passes + 1)),
    }
    assert len(keys) == 5


def test_what_looks_the_same_opens_the_same() -> None:
    composed = unicodedata.normalize("NFC", "é ǖ")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert unlocking_key(composed, SALT, CHEAP) == unlocking_key(decomposed, SALT, CHEAP)


def test_no_error_quotes_a_passphrase() -> None:
    with pytest.raises(CryptoError) as caught:
        unlocking_key("swordfish\udcff", SALT, CHEAP)
    assert "swordfish" not in str(caught.value) + caught.value.hint
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


GIVEN_BACK = """
from onionchat.crypto.passphrase import MIB, PassphraseCost, unlocking_key

def kib(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))

before = kib("VmRSS:")
unlocking_key("x", bytes(16), PassphraseCost(memory=128 * MIB, passes=1))
print(kib("VmHWM:") - before, kib("VmRSS:") - before)
"""


def _run(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_memory_that_cannot_be_had_is_told() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + 64 * MIB, before[1]))
    try:
        with pytest.raises(CryptoError, match="256 MiB") as caught:
            unlocking_key("x", SALT, LOW_MEMORY_COST)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert caught.value.hint
    assert caught.value.__suppress_context__


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_its_memory_goes_back_to_the_system() -> None:
    peak, left = map(int, _run(GIVEN_BACK).split())
    assert peak > 120 * 1024  # it did take it
    assert left < 8 * 1024
