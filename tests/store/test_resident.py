"""Buffers of keys stay in memory where the limit allows that, and are buffers all the same where not."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, resource, sys, tempfile
from pathlib import Path
from onionchat.engine.process import lock_memory
from onionchat.store import Name, Record
from tests.store.kit import create, everything, note, put_all, reopen

def locked():
    (line,) = (one for one in open("/proc/self/status") if one.startswith("VmLck"))
    return int(line.split()[1])

resource.setrlimit(resource.RLIMIT_MEMLOCK, (int(sys.argv[1]),) * 2)
if os.geteuid() == 0:  # whom no limit binds
    os.setgid(65534)
    os.setuid(65534)
assert not lock_memory()
before = locked()
with tempfile.TemporaryDirectory() as folder:
    vault = create(Path(folder) / "vault")
    state = {note(number): b"value" for number in range(2000)}
    put_all(vault, state)
    assert everything(vault) == state
    print(before, vault._tree.page_count * 4 <= locked())
    vault.close()
"""


@pytest.mark.parametrize(("limit", "kept"), [(8 << 20, True), (4096, False), (0, False)])
def test_the_keys_of_a_vault_stay_in_memory_as_far_as_the_limit_goes(limit: int, kept: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(limit)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", str(kept)]
