"""``python -m onionchat`` is ``onionchat``."""

from onionchat.cli import main

if __name__ == "__main__":
    main()
