"""What holds for all tests: async ones run without a plugin (asyncio where the code under test is asyncio,
trio elsewhere), and hypothesis measures no time and keeps nothing."""

from __future__ import annotations

import asyncio
import inspect
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from trio.testing import trio_test

from .profiles import WALKS

settings.register_profile(
    "here",
    deadline=None,  # a slow machine is no finding
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not WALKS,
    database=None,
)
settings.load_profile("here")

# Whoever runs tests in the background has interrupts ignored, and all that they start would ignore them, too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder whose path is short, because Unix sockets have no room for long ones; gone after the test."""
    with tempfile.TemporaryDirectory(prefix="oc-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


ASYNCIO_FOLDERS = {"tui", "client"}
HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(function).parameters}
    if pyfuncitem.path.relative_to(HERE).parts[0] in ASYNCIO_FOLDERS:
        asyncio.run(function(**arguments))
    else:
        trio_test(function)(**arguments)
    return True
