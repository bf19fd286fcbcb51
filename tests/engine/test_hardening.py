"""No core dump, no memory that others may read, no file for others: asked from inside the processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

TELL = """
import ctypes, os, resource, sys
import msgspec
os.umask(0o022)  # whatever ours is

def tell(*given, **options):
    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
    print(dumpable, *resource.getrlimit(resource.RLIMIT_CORE), oct(os.umask(0)), flush=True)
    os._exit(0)
"""
ENGINE = """
from onionchat.engine import main
from onionchat.engine.plan import Plan
main.trio.run = tell
main.main(["3", msgspec.json.encode(Plan(vault="/nowhere")).decode()])
"""
METRONOME = """
import socket
from onionchat.metronome import process
process.Metronome.run = tell
os.umask(0o077)  # as its launcher has it
process.serve(socket.socketpair()[0].detach(), realtime=False)
"""
LAUNCHER = """
from onionchat.engine import launcher
from onionchat.engine.plan import Plan
launcher._signals = tell
launcher.run(Plan(vault="/nowhere"))
"""
COMMAND_LINE = """
from onionchat.cli import commands
commands.chat.onionchat = tell
commands.main()
"""


def told(program: str) -> str:
    command = [sys.executable, "-c", TELL + program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("program", [ENGINE, METRONOME, LAUNCHER, COMMAND_LINE])
def test_what_holds_keys_is_closed_to_others_before_it_holds_any(program: str) -> None:
    assert told(program) == "0 0 0 0o77"


def test_any_other_process_is_not() -> None:
    assert told("tell()").startswith("1 ")
