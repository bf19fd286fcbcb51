"""The tor process, its controller, onion services and dialling.

Laws: stem and PySocks are imported here and nowhere else, and only when a controller or a dial is asked for
(they cost a start 50 to 90 ms). Everything blocks: callers run it in threads of their own. No function here
ever makes a connection that does not go through tor, and no key or password reaches a log or an exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bootstrap import Bootstrap, ControllerClosed
from .line import Line
from .log import explain_log
from .program import MINIMUM_VERSION, TorProgram, find_tor, tor_command
from .torrc import managed_torrc

if TYPE_CHECKING:
    from .controller import TorController
    from .dialling import dial

__all__ = [
    "MINIMUM_VERSION",
    "Bootstrap",
    "ControllerClosed",
    "Line",
    "TorController",
    "TorProgram",
    "dial",
    "explain_log",
    "find_tor",
    "managed_torrc",
    "tor_command",
]


def __getattr__(name: str) -> Any:
    """Import what needs stem or PySocks at its first use."""
    if name == "TorController":
        from .controller import TorController  # noqa: PLC0415 - stem costs 50 to 90 ms

        return TorController
    if name == "dial":
        from .dialling import dial  # noqa: PLC0415 - PySocks is not needed before the first dial

        return dial
    raise AttributeError(name)
