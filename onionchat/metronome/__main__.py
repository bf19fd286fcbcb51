"""``python -m onionchat.metronome FD [no-delays] [no-realtime]``: started by the launcher, never by hand."""

from __future__ import annotations

import sys

from ..errors import LocalProtocolError
from .process import serve


def main() -> int:
    """Serve the engine at the descriptor that the first argument names, without what the others name."""
    descriptor, *without = sys.argv[1:]
    try:
        serve(int(descriptor), delays="no-delays" not in without, realtime="no-realtime" not in without)
    except LocalProtocolError as error:
        sys.stderr.write(f"the metronome ended: {error.message}\n")
        return 1
    return 0


sys.exit(main())
