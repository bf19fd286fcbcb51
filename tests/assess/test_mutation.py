"""The bends themselves: what is changed, what is left alone, and that nothing else moves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .mutation.ledger import Ledger, Verdict
from .mutation.operators import Mutant, mutants

SOURCE = '''
"""A module's docstring."""

from enum import Enum
from typing import Annotated, Final

LIMIT: Final = 8


class Colour(Enum):
    RED = "red"


class Box:
    """A docstring."""

    __slots__ = ("size",)

    size: Annotated[int, Meta(ge=0)]

    def grow(self, by: int = 1) -> bool:
        """Another."""
        if by > LIMIT and not self.full:
            raise GrowthError("too much", hint="less")
        self.size += by
        return any(part[1:] for part in self.parts)
'''


def bends(source: str = SOURCE) -> dict[str, Mutant]:
    return {mutant.name: mutant for mutant in mutants(ast.parse(source))}


def test_each_place_is_bent_in_each_way_and_nothing_else_is() -> None:
    assert list(bends()) == [
        "constant: 8 -> 9",
        "constant: 8 -> 7",
        "Box keyword: ge=0",
        "Box constant: 0 -> 1",
        "Box constant: 0 -> -1",
        "Box.grow constant: 1 -> 2",
        "Box.grow constant: 1 -> 0",
        "Box.grow condition: by > LIMIT and (not self.full) -> not (by > LIMIT and (not self.full))",
        "Box.grow boolean: by > LIMIT and (not self.full) -> by > LIMIT or not self.full",
        "Box.grow operand: by > LIMIT and (not self.full) -> not self.full",
        "Box.grow operand: by > LIMIT and (not self.full) -> by > LIMIT",
        "Box.grow comparison: by > LIMIT -> by >= LIMIT",
        "Box.grow comparison: by > LIMIT -> by <= LIMIT",
        "Box.grow condition: not self.full -> self.full",
        "Box.grow deletion: raise GrowthError('too much', hint='less') -> pass",
        "Box.grow deletion: self.size += by -> pass",
        "Box.grow return: any((part[1:] for part in self.parts)) -> None",
        "Box.grow sibling: any -> all",
        "Box.grow slice without lower: 1: -> :",
        "Box.grow constant: 1 -> 2 #2",
        "Box.grow constant: 1 -> 0 #2",
    ]


def test_a_bend_changes_one_copy_and_leaves_the_tree() -> None:
    tree = ast.parse(SOURCE)
    before = ast.dump(tree, include_attributes=True)
    for mutant in mutants(tree):
        bent = mutant.apply(tree)
        compile(bent, "bent.py", "exec")
        assert ast.unparse(bent) != ast.unparse(tree)
    assert ast.dump(tree, include_attributes=True) == before


def test_what_is_inside_a_function_is_told_from_what_runs_at_import() -> None:
    found = bends()
    assert not found["constant: 8 -> 9"].deferred
    assert not found["Box.grow constant: 1 -> 2"].deferred  # a default is made once
    assert found["Box.grow deletion: self.size += by -> pass"].deferred


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x = y[:2]", ["slice without upper: :2 -> :", "constant: 2 -> 3", "constant: 2 -> 1"]),
        ("x = f(b'ab')", ["constant: b'ab' -> b'a~'"]),
        ("x = a if b else c", ["condition: b -> not b"]),
        ("x = a == b", ["comparison: a == b -> a != b"]),
        ("del x.y", ["deletion: del x.y -> pass"]),
        (
            "match x:\n case 1 if y: pass\n case _: pass",
            [
                "condition: y -> not y",
                "guard: y",
                "case: 1",
                "constant: 1 -> 2",
                "constant: 1 -> 0",
                "case: _",
            ],
        ),
    ],
)
def test_what_python_adds(source: str, names: list[str]) -> None:
    assert list(bends(source)) == names


def verdict(mutant: str, *, outcome: str = "survived", tests: str = "now") -> Verdict:
    return Verdict(
        module="m",
        source="s",
        mutant=mutant,
        outcome="killed" if outcome == "killed" else "survived",
        by="",
        tests=tests,
        seconds=0.0,
    )


def test_a_ledger_goes_on_where_it_was_and_the_last_verdict_counts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for one in (verdict("a"), verdict("b"), verdict("a", outcome="killed")):
        ledger.add(one)
    again = Ledger(tmp_path)
    first, second = again.get("m", "s", "a"), again.get("m", "s", "b")
    assert first is not None
    assert second is not None
    assert (first.noticed, second.noticed) == (True, False)
    assert again.get("m", "another text", "a") is None
