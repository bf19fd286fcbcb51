"""``onionchat demo``: everything that it takes to try it, on this machine alone.

Laws: nothing leaves the machine, and nothing is left on it: processes and folders end with the demo, however
it ends. A value that is reported was measured.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import Final

import msgspec

from ..errors import ConfigError
from .ending import ended_by_signals, lifeline
from .exchange import Exchange
from .pair import Pair, pair
from .progress import Progress
from .verdict import Report, judge
from .workplace import workplace

_END_SECONDS: Final = 5.0
_MEETING: Final = 0.5
"""The part of a headless demo's progress that is over when the two have met."""


def run_demo(*, headless: bool, json: bool) -> int:
    """Start a private Tor network, an engine for you and one for a friendly peer, and let them talk.

    Args:
        headless: no screen: a conversation is held and judged, and the report printed on stdout.
        json: the report as one JSON object, and progress as JSON lines on stderr.

    Returns:
        0 where everything held, otherwise 1; with a screen, what the TUI returned.

    Raises:
        OnionchatError: it could not be started.
    """
    if not headless and (json or not (sys.stdin.isatty() and sys.stdout.isatty())):
        raise ConfigError("the demo needs a terminal", hint="without one: onionchat demo --headless --json")
    progress = Progress(as_json=json)
    with (
        ended_by_signals() as ignore_signals,
        workplace() as folder,
        lifeline() as line,
        ExitStack() as stack,
    ):
        stack.callback(progress.done)
        part = _MEETING if headless else 1.0
        both = stack.enter_context(
            pair(
                folder,
                lifeline=line,
                tell=lambda done, words: progress.tell(part * done, words),
                tapped=headless,
            )
        )
        stack.callback(ignore_signals)  # runs first: what follows is cleaning up
        if not headless:
            progress.done()
            return _show(both, line)
        record = Exchange(both, lambda done, words: progress.tell(part + (1 - part) * done, words)).run()
        report = judge(record)
        progress.done()
        sys.stdout.write(_in_words(report) if not json else msgspec.json.encode(report).decode() + "\n")
        sys.stdout.flush()
        return 0 if report.ok else 1


def _show(both: Pair, line: int) -> int:
    """The TUI on the conversation with a friend who answers, until the user leaves."""
    module = [sys.executable, "-P", "-m"]
    with ExitStack() as stack:
        friend = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [*module, "onionchat.lab.friend", str(both.friend.socket)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        stack.callback(_end, friend)
        words = [*module, "onionchat.lab.window", str(both.you.socket), both.your_contact, str(line)]
        window = subprocess.Popen(words, pass_fds=(line,))  # noqa: S603 - as above
        stack.callback(_end, window)
        return window.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _in_words(report: Report) -> str:
    """The report for people."""
    rows = (
        ("tor ready after", f"{report.bootstrap_s:.1f} s"),
        ("invite reachable after", f"{report.publish_s:.1f} s"),
        ("connected after", f"{report.connect_s:.1f} s"),
        ("messages", f"{report.sent} sent, {report.delivered} delivered, {report.lost} lost"),
        ("shown twice", f"{report.duplicates}"),
        (
            "time under way",
            f"{report.latency_ms.median:.0f} ms in the median, p95 {report.latency_ms.p95:.0f} ms",
        ),
        ("expired on both sides", "yes" if report.expired else "no"),
        ("deleted for both", "yes" if report.deleted_for_both else "no"),
        ("sizes on the wire", f"{report.cells.distinct_sizes_on_wire}, {report.cells.size} bytes"),
        ("all of it held", "yes" if report.ok else "no"),
    )
    return "".join(f"{name:24}{value}\n" for name, value in rows)
