"""Errors as they cross the control socket."""

from __future__ import annotations

import re
from typing import Final

from ..errors import ControlError, OnionchatError
from .replies import Failure

_WORD_START: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def code_of(error: OnionchatError) -> str:
    """The error's code for programs: its own, or its class in kebab case (``wrong-passphrase``)."""
    if isinstance(error, ControlError):
        return error.code
    return _WORD_START.sub("-", type(error).__name__).lower()


def failure_of(error: OnionchatError) -> Failure:
    """What a client is told of ``error``."""
    return Failure(code=code_of(error), message=error.message, hint=error.hint, exit_code=error.exit_code)
