"""Targets: text of other programs and of people: addresses, what tor says, times, and text to be shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import click

from onionchat.cli.options import _check_address as check_address
from onionchat.cli.span import in_words, lifetime_seconds
from onionchat.control.limits import MAX_LIFETIME, MAX_NAME, MIN_LIFETIME
from onionchat.control.text import plain
from onionchat.crypto.onion import onion_address, onion_public
from onionchat.errors import ConfigError, CryptoError, TransportError
from onionchat.tor.bootstrap import clock_problem, parse_bootstrap, parse_clock
from onionchat.tor.descriptor import DescriptorNews
from onionchat.tor.endpoint import Endpoint
from onionchat.tor.log import explain_log
from onionchat.tor.program import require_version

from .target import Refused, Run, Target, attempt, guarded, require


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _seeds(*texts: str) -> Sequence[bytes]:
    return [text.encode("utf-8", "surrogateescape") for text in texts]


def _make_onion() -> Run:
    def run(data: bytes) -> str:
        if len(data) == 33:  # an address whose checksum is right
            require(onion_public(onion_address(data[1:])) == data[1:], "an address comes back as it was")
        text = _text(data)
        public = attempt(lambda: onion_public(text), CryptoError)
        require(onion_address(public) == text, "an address has one form only")
        return "taken"

    return guarded(run)


def _make_endpoint() -> Run:
    def run(data: bytes) -> str:
        text = _text(data)
        with suppress(Refused):
            attempt(lambda: check_address("--socks", text, hint=""), ConfigError)
        found = attempt(lambda: Endpoint.parse(text), ConfigError)
        require(bool(found.path) or 0 < found.port < 65536, "a port is one")
        return f"taken {bool(found.path)}"

    return guarded(run)


def _make_tor_events() -> Run:
    news = DescriptorNews()

    def run(data: bytes) -> str:
        text = _text(data)
        found = parse_bootstrap(text)
        require(found is None or 0 <= found.percent <= 100, "a part of a hundred")
        clock = parse_clock(text)
        clock_problem(text)
        kind = ""
        if text.startswith("HS_DESC"):
            with news.lookups("a" * 56, 0.0) as lookup:
                news.handle(text)
                kind = lookup.outcome().kind
            news.forget(text.split()[2] if len(text.split()) > 2 else "")
        return f"{found is None} {found is not None and bool(found.problem)} {clock is None} {kind}"

    return run


def _make_tor_log() -> Run:
    def run(data: bytes) -> str:
        said = explain_log(_text(data))
        require(len(said) <= len(data) + 120, "an explanation is not much longer than the line")
        return f"{bool(said)}"

    return run


def _make_tor_version() -> Run:
    def run(data: bytes) -> str:
        text = _text(data)
        found = attempt(lambda: require_version(text, whose="it"), TransportError)
        require(found in text, "a version is part of what was said")
        return "taken"

    return guarded(run)


def _make_span() -> Run:
    def run(data: bytes) -> str:
        text = _text(data)
        seconds = attempt(lambda: lifetime_seconds(text), click.BadParameter)
        require(MIN_LIFETIME <= seconds <= MAX_LIFETIME, "a lifetime is within its bounds")
        return f"taken {in_words(seconds)[-1]}"

    return guarded(run)


def _make_shown() -> Run:
    def run(data: bytes) -> str:
        text = data[1:].decode("utf-8", "surrogatepass" if data[:1] > b"\x7f" else "replace")
        multiline = data[:1] < b"\x40"
        shown = plain(text, multiline=multiline)
        require(plain(shown, multiline=multiline) == shown, "a second pass changes nothing")
        allowed = {"\n"} if multiline else set()
        bad = {"Cc", "Cs", "Co"}
        require(
            all(unicodedata.category(one) not in bad or one in allowed for one in shown),
            "nothing that acts on a terminal is shown",
        )
        require(multiline or len(shown) <= MAX_NAME, "a name is not too long")
        return f"{multiline} {min(len(shown), 3)} {len(shown) == len(text)}"

    def forgiving(data: bytes) -> str:
        try:
            return run(data)
        except UnicodeDecodeError:
            return "no text"

    return forgiving


_ADDRESS: Final = onion_address(bytes(range(32)))

TARGETS: Final = (
    Target(
        name="onion-address",
        make=_make_onion,
        seeds=lambda: _seeds(_ADDRESS, _ADDRESS.upper(), _ADDRESS[:-1], "é" * 28 + ".onion", "x" * 33),
        longest=80,
    ),
    Target(
        name="tor-address",
        make=_make_endpoint,
        seeds=lambda: _seeds("127.0.0.1:9051", "[::1]:9051", "localhost:1", "unix:/run/tor"),
        longest=256,
    ),
    Target(
        name="tor-events",
        make=_make_tor_events,
        seeds=lambda: _seeds(
            'NOTICE BOOTSTRAP PROGRESS=85 TAG=ap_conn_done SUMMARY="Connected"',
            'WARN BOOTSTRAP PROGRESS=5 TAG=conn WARNING="x" REASON=CLOCK_SKEW RECOMMENDATION=warn',
            'WARN BOOTSTRAP PROGRESS=5 TAG=conn WARNING="Clock skew -3600" REASON=CLOCK_SKEW',
            "STATUS_GENERAL WARN CLOCK_SKEW SKEW=-86400 SOURCE=OR:1.2.3.4:443",
            f"HS_DESC UPLOADED {'a' * 56} UNKNOWN $AA HSDIR=1",
            f"HS_DESC FAILED {'a' * 56} NO_AUTH $AA REASON=QUERY_NO_HSDIR",
            f"HS_DESC RECEIVED {'a' * 56} NO_AUTH $AA",
            "NOTICE BOOTSTRAP PROGRESS=\u00b2",
        ),
        longest=256,
    ),
    Target(
        name="tor-log",
        make=_make_tor_log,
        seeds=lambda: _seeds(
            "[warn] Could not bind to 127.0.0.1:9050: Address already in use. Is Tor already running?",
            "[warn] Could not bind to 127.0.0.1:1: Permission denied",
            "[warn] Failed to parse/validate config: Unknown option 'X'.  Failing.",
            "[err] Reading config failed--see warnings above.",
            "[warn] Our clock is 3 hours, 2 minutes behind the time published in the consensus",
            "[err] something else.",
            "[notice] nothing",
        ),
        longest=512,
    ),
    Target(
        name="tor-version",
        make=_make_tor_version,
        seeds=lambda: _seeds("Tor version 0.4.9.11.", "0.4.7.1-alpha", "tor", "0.4.\u0663"),
        longest=256,
    ),
    Target(
        name="lifetime",
        make=_make_span,
        seeds=lambda: _seeds("30s", "5m", "2h", "1d", "1w", "9999999w", "\u0663m", "4s", "x"),
        longest=32,
    ),
    Target(
        name="shown-text",
        make=_make_shown,
        seeds=lambda: _seeds(
            "0hello\nworld\t\x1b[31mred\x1b]0;t\x07",
            "0\u202eabc\u200d\u0628\u200d\u0628 e\u0301\u0301\u0301\u0301\u0301\u0301",
            "@\uff21\uff44\uff41 \u3164 \u00a0 x",
            "@\U0001f468\u200d\U0001f469\ufe0f",
            "0\r\n\x85\u2028",
            "0\x9b31m\x90x\x9c",
        ),
        longest=96,
    ),
)
