"""``python -m onionchat.engine CHANNEL PLAN``: started by the launcher, never by hand."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
