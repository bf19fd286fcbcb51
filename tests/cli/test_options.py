"""Bounds that the command line must know without loading what defines them."""

from __future__ import annotations

import pytest

from onionchat.cli import options
from onionchat.cli.options import EngineOptions
from onionchat.control import limits
from onionchat.errors import ConfigError
from onionchat.protocol import constants


def test_ticks_are_bounded_alike_everywhere() -> None:
    bounds = (constants.MIN_TICK_MS / 1000, constants.MAX_TICK_MS / 1000)
    assert bounds == (options.MIN_TICK, options.MAX_TICK)
    assert bounds == (limits.MIN_TICK, limits.MAX_TICK)


@pytest.mark.parametrize("port", ["\u0669\u0660\u0665\u0661", "0", "65536", "", "-1"])
def test_what_is_no_address_is_refused(port: str) -> None:
    given = EngineOptions(
        amnesic=False,
        tick=2.0,
        tor_program=None,
        torrc=None,
        control=f"127.0.0.1:{port}",
        control_password_fd=None,
        socks=None,
    )
    with pytest.raises(ConfigError, match="is not an address"):
        given.arguments()
