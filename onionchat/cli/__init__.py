"""The command line.

Laws: nothing but click and `errors` is imported before a command runs, so that ``--help`` is quick. Modules
hold one group of commands each. No option and no variable takes a passphrase: argv and environment can be
read by others.
"""

from .commands import main

__all__ = ["main"]
