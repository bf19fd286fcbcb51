"""Stands in for the interpreter that an engine is started with: serves the control socket, no more.

Laws: run by path with the arguments of `python`; what it is to do comes from STAND_IN in the environment.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from onionchat.control import control_socket, run_folder
from tests.cli.actor import Actor


def main() -> None:
    """Be an engine, or one that fails."""
    kind = os.environ["STAND_IN"]
    Path(os.environ["STAND_IN_SAW"]).write_text("\n".join([str(os.getpid()), str(Path.cwd()), *sys.argv[1:]]))
    if kind == "fails":
        sys.stderr.write("error: another engine holds this vault\nhint: stop it\n")
        sys.exit(4)
    if kind == "crashes":
        sys.stderr.write("onionchat: the engine ended unexpectedly (status 1)\n")
        sys.exit(1)
    if kind == "says nothing":
        signal.pause()
    vault = Path(sys.argv[sys.argv.index("--vault") + 1])
    run_folder(vault).mkdir(parents=True)
    with Actor() as engine:
        control_socket(vault).symlink_to(engine.socket)
        lifeline = [word for word in sys.argv if word == "--lifeline-fd"]
        if lifeline:
            os.read(int(sys.argv[sys.argv.index("--lifeline-fd") + 1]), 1)
        else:
            signal.sigwait({signal.SIGTERM})


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM} if os.environ["STAND_IN"] == "serves" else set())
main()
