"""``python -m onionchat.lab.host PLAN``: a launcher as a process of its own, started by `station`.

Laws: light, as the launcher is; everything it is told is in the plan, but for the passphrase, which comes by
a descriptor.
"""

from __future__ import annotations

import argparse
import sys

import msgspec

from ..engine.launcher import ENGINE, run
from ..engine.plan import Plan


def main(argv: list[str]) -> int:
    """Be a launcher; returns its status."""
    parser = argparse.ArgumentParser(prog="onionchat.lab.host")
    parser.add_argument("plan")
    parser.add_argument("--passphrase-fd", type=int, required=True)
    parser.add_argument("--lifeline-fd", type=int, required=True)
    parser.add_argument("--engine", nargs=argparse.REMAINDER, default=ENGINE)
    given = parser.parse_args(argv)
    return run(
        msgspec.json.decode(given.plan, type=Plan),
        passphrase_fd=given.passphrase_fd,
        lifeline_fd=given.lifeline_fd,
        engine_command=given.engine,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
