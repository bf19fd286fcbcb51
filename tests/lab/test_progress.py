"""What people and programs are told while they wait."""

from __future__ import annotations

import io
import json

from onionchat.lab.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_for_programs_a_line_of_json_for_each_change() -> None:
    stream = io.StringIO()
    progress = Progress(as_json=True, stream=stream)
    progress.tell(0.0, "begin")
    progress.tell(0.501, "half")
    progress.tell(0.502, "half")
    progress.done()
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert told == [{"percent": 0, "words": "begin"}, {"percent": 50, "words": "half"}]


def test_in_a_terminal_a_bar_that_is_taken_away() -> None:
    stream = Terminal()
    progress = Progress(as_json=False, stream=stream)
    progress.tell(0.5, "half")
    assert "50 %  half" in stream.getvalue()
    progress.done()
    assert stream.getvalue().endswith("\r\x1b[2K")


def test_elsewhere_a_line_for_each_step() -> None:
    stream = io.StringIO()
    progress = Progress(as_json=False, stream=stream)
    for part, words in ((0.1, "first"), (0.2, "first"), (0.3, "second")):
        progress.tell(part, words)
    progress.done()
    assert stream.getvalue().splitlines() == [" 10 %  first", " 30 %  second"]


def test_it_never_goes_back_nor_beyond_the_end() -> None:
    stream = io.StringIO()
    progress = Progress(as_json=True, stream=stream)
    for part in (0.4, 0.2, 7.0):
        progress.tell(part, str(part))
    assert [json.loads(line)["percent"] for line in stream.getvalue().splitlines()] == [40, 40, 100]
