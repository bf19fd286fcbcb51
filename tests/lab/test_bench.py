"""The door to the suites."""

from __future__ import annotations

import pytest

from onionchat.errors import ConfigError
from onionchat.lab.bench import run_bench


def test_an_unknown_suite_is_told_from_the_known() -> None:
    with pytest.raises(ConfigError) as caught:
        run_bench("speed", quick=True, json=True)
    assert "start" in caught.value.hint
    assert "link" in caught.value.hint
