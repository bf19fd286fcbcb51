from __future__ import annotations

import pytest

from onionchat.tor import Bootstrap
from onionchat.tor.bootstrap import clock_problem, parse_bootstrap, parse_clock

FIX = "set the clock and the time zone right"


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("starting", "starting tor"),
        ("conn", "connecting to the Tor network"),
        ("conn_pt", "connecting through a bridge"),
        ("loading_descriptors", "loading the directory of the Tor network"),
        ("ap_handshake", "connecting to an entry relay"),
        ("circuit_create", "building circuits"),
        ("something_new", "connecting to the Tor network"),
        ("done", "connected to the Tor network"),
    ],
)
def test_every_phase_has_words(tag: str, words: str) -> None:
    phase = parse_bootstrap(f'NOTICE BOOTSTRAP PROGRESS=42 TAG={tag} SUMMARY="Whatever, PROGRESS=7"')
    assert phase == Bootstrap(percent=42, words=words)


@pytest.mark.parametrize(
    ("reason", "part"),
    [
        ("CONNECTREFUSED", "refused"),
        ("NOROUTE", "no way"),
        ("TIMEOUT", "does not answer"),
        ("PT_MISSING", "bridge"),
        ("NEW_ONE", "check the network connection"),
    ],
)
def test_a_warning_says_what_to_do(reason: str, part: str) -> None:
    phase = parse_bootstrap(
        f'WARN BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="x" WARNING="Connection \\"refused\\"" REASON={reason} '
        "COUNT=3 RECOMMENDATION=warn"
    )
    assert phase is not None
    assert part in phase.problem


@pytest.mark.parametrize("progress", ["²", "٣", "9" * 5000, "", "-1"])
def test_a_number_that_is_none_is_no_phase(progress: str) -> None:
    assert parse_bootstrap(f"NOTICE BOOTSTRAP PROGRESS={progress} TAG=conn") is None


def test_what_tor_says_to_ignore_is_ignored() -> None:
    phase = parse_bootstrap(
        'NOTICE BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="x" WARNING="no" REASON=DONE RECOMMENDATION=ignore'
    )
    assert phase == Bootstrap(percent=5, words="connecting to the Tor network")


def test_a_clock_that_stops_the_start() -> None:
    phase = parse_bootstrap(
        'WARN BOOTSTRAP PROGRESS=14 TAG=handshake SUMMARY="x" '
        'WARNING="Clock skew -7200 in NETINFO cell from OR" REASON=CLOCK_SKEW RECOMMENDATION=warn'
    )
    assert phase is not None
    assert phase.problem == f"this computer's clock is about 2 hours behind: {FIX}"


@pytest.mark.parametrize(
    ("skew", "amount"),
    [
        ("-30", "about 30 seconds behind"),
        ("60", "about 1 minute ahead"),
        ("5400", "about 2 hours ahead"),
        ("-3600", "about 1 hour behind"),
        ("-864000", "about 10 days behind"),
        ("", "off"),
        ("much", "off"),
    ],
)
def test_how_far_a_clock_is_off(skew: str, amount: str) -> None:
    assert clock_problem(skew) == f"this computer's clock is {amount}: {FIX}"


def test_clock_events() -> None:
    skew = parse_clock('STATUS_GENERAL WARN CLOCK_SKEW SKEW=-7200 SOURCE="OR:127.0.0.1:9001"')
    assert skew == clock_problem("-7200")
    assert parse_clock("STATUS_CLIENT NOTICE ENOUGH_DIR_INFO") is None


@pytest.mark.parametrize(
    "text", ["", "NOTICE ENOUGH_DIR_INFO", "NOTICE BOOTSTRAP TAG=x", "BOOTSTRAP PROGRESS=no"]
)
def test_anything_else_is_no_phase(text: str) -> None:
    assert parse_bootstrap(text) is None
