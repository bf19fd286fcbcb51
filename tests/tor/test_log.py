from __future__ import annotations

import pytest

from onionchat.tor import explain_log

from .conftest import StartTor

FIX = "set the clock and the time zone right, Tor needs both"
HEAD = "Nov 22 20:58:50.701 "


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "[warn] Could not bind to 127.0.0.1:9050: Address already in use. Is Tor already running?",
            "another program already uses 127.0.0.1:9050, which tor was told to listen on",
        ),
        (
            "[warn] Could not bind to 127.0.0.1:80: Permission denied",
            "tor may not listen on 127.0.0.1:80 (permission denied)",
        ),
        (
            "[warn] It looks like another Tor process is running with the same data directory.",
            "another tor is already running on this data directory",
        ),
        (
            "[warn] Failed to parse/validate config: Unknown option 'Foo'.  Failing.",
            "tor does not know the setting Foo in its settings file",
        ),
        (
            "[warn] Failed to parse/validate config: Bridge line did not parse. See logs for details.",
            "tor does not accept its settings: Bridge line did not parse. See logs for details",
        ),
        (
            "[warn] Error writing to /x/state.tmp: No space left on device",
            "the disk is full, tor cannot keep its state",
        ),
        (
            "[warn] Permissions on directory /x/data are too permissive.",
            "the folder /x/data must belong to this user and be closed to all others",
        ),
        (
            "[warn] /x/data is not owned by this user (me, 1000) but by root (0).",
            "the folder /x/data must belong to this user and be closed to all others",
        ),
        (
            "[warn] Our clock is 2 hours, 3 minutes behind the time published in the consensus.",
            f"this computer's clock is 2 hours, 3 minutes behind: {FIX}",
        ),
        (
            "[warn] It seems that our clock is ahead by 1 days, 2 hours, or that theirs is not.",
            f"this computer's clock is 1 days, 2 hours ahead: {FIX}",
        ),
        (
            "[err] Couldn't create private data directory.",
            "tor stopped: Couldn't create private data directory",
        ),
        ("[err] Reading config failed--see warnings above.", ""),
        ("[warn] Failed to parse/validate config: Failed to bind one of the listener ports.", ""),
        ("[warn] You are running Tor as root. You don't need to, and you probably shouldn't.", ""),
        ("[notice] Bootstrapped 100% (done): Done", ""),
        ("", ""),
    ],
)
def test_says_it_plainly(line: str, words: str) -> None:
    assert explain_log(f"{HEAD}{line}\n" if line else "") == words


@pytest.mark.realtor
def test_a_second_tor_on_the_same_port(start_tor: StartTor) -> None:
    port = start_tor("ControlPort auto\nSocksPort auto\n").listener("Socks")
    second = start_tor(f"SocksPort {port}\n")
    second.end()
    assert second.explanations() == [f"another program already uses {port}, which tor was told to listen on"]


@pytest.mark.realtor
def test_a_second_tor_on_the_same_data_directory(start_tor: StartTor) -> None:
    first = start_tor("SocksPort auto\n")
    first.listener("Socks")
    second = start_tor(f"SocksPort auto\nDataDirectory {first.folder}/data\n")
    second.end()
    assert second.explanations()[0] == "another tor is already running on this data directory"


@pytest.mark.realtor
def test_a_misspelt_setting(start_tor: StartTor) -> None:
    tor = start_tor("SocksPrt auto\n")
    tor.end()
    assert tor.explanations() == ["tor does not know the setting SocksPrt in its settings file"]
