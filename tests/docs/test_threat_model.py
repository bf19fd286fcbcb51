"""The threat model's lines are whole, and what they name as proof exists."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "threat-model.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and not line.startswith("| ---")
]
ATTACKS = [row for row in ROWS if len(row) == 5 and row[0] != "attacker"]


def test_every_attack_says_who_what_for_what_it_gets_and_what_shows_it() -> None:
    assert len(ATTACKS) > 40
    assert all(all(row) for row in ATTACKS)


def test_no_row_has_another_shape() -> None:
    assert {len(row) for row in ROWS} == {2, 5}


def test_every_test_that_is_named_exists() -> None:
    named = {name for row in ATTACKS for name in re.findall(r"`((?:\w+/)+test_\w+\.py)`", row[4])}
    assert len(named) > 20
    assert [name for name in sorted(named) if not (TESTS / name).is_file()] == []


def test_every_asset_is_attacked_by_somebody() -> None:
    assets = {row[0] for row in ROWS if len(row) == 2 and re.fullmatch(r"A\d", row[0])}
    assert len(assets) == 9
    wanted = " ".join(row[1] for row in ATTACKS)
    assert [asset for asset in sorted(assets) if asset not in wanted and "A1–A4" not in wanted] == []
