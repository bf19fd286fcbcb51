"""A folder whose path is short enough for sockets below it; pytest's own may not be."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="onionchat-test-") as path:
        yield Path(path)
