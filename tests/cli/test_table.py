from __future__ import annotations

import os

import pytest

from onionchat.cli.table import aligned, one_line


def test_columns_line_up_whatever_the_script() -> None:
    assert aligned([("a", "Ada", "x"), ("b", "田中", "y"), ("c", "e\u0301", "z")]).splitlines() == [
        "a  Ada   x",
        "b  田中  y",
        "c  e\u0301     z",
    ]


def test_only_the_last_cell_has_lines_and_they_are_indented() -> None:
    assert aligned([("a\nb", "c\nd")]) == "a b  c\n     d"


def test_no_rows_are_no_text() -> None:
    assert aligned([]) == ""


def test_what_could_act_on_a_terminal_is_gone() -> None:
    assert aligned([("\x1b[2Ja", "b\u202ec\x1b]0;x\x07")]) == "a  bc"
    assert one_line("a\nb\x1b[31m") == "a b"


@pytest.mark.parametrize(("columns", "lines"), [(80, 2), (0, 2), (30, 4), (23, 6), (10, 15)])
def test_at_a_terminal_long_lines_are_wrapped_below_their_column(
    monkeypatch: pytest.MonkeyPatch, columns: int, lines: int
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1)
    monkeypatch.setattr("os.get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    shown = aligned([("ab", "x" * 70 + "\n" + "y" * 10)]).splitlines()
    assert all(len(line) <= (columns or 80) for line in shown)
    assert all(line.startswith("    ") for line in shown[1:])
    assert sum(line.count("x") for line in shown) == 70
    assert len(shown) == lines
