"""Results of the program's own measurements are kept with what they mean, and without our laws."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from onionchat.lab import erasure, timer, vault_bench
from onionchat.lab.evidence import Evidence, at_most, evidence

from . import __main__ as assess
from . import report


@pytest.mark.parametrize(("name", "module"), [("erasure", erasure), ("store", vault_bench), ("timer", timer)])
@pytest.mark.parametrize("value", [0, 2])
def test_what_was_measured_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: object, value: int
) -> None:
    def measured(*_given: object, **_options: object) -> Evidence:
        return evidence(name, [at_most("figure", value, "ms", 1)])

    monkeypatch.setattr(module, "measure", measured)
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    assert assess.main([name]) == (1 if value else 0)
    kept = json.loads((tmp_path / f"{name}.json").read_text())
    assert (kept["ok"], kept["figures"][0]["value"]) == (value == 0, value)
    text = (tmp_path / f"{name}.md").read_text()
    assert f"tests.assess {name}" in text
    assert "The control" in text
    assert "Laws" not in text
