"""``python -m onionchat.metronome FD``: started by the launcher, never by hand."""

from __future__ import annotations

import sys

from ..errors import LocalProtocolError
from .process import serve


def main() -> int:
    """Serve the engine at the descriptor that the only argument names."""
    try:
        serve(int(sys.argv[1]))
    except LocalProtocolError as error:
        sys.stderr.write(f"the metronome ended: {error.message}\n")
        return 1
    return 0


sys.exit(main())
