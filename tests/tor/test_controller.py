"""The controller against real, lone tors."""

from __future__ import annotations

import logging
import os
import queue
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from onionchat.crypto.onion import OnionKey
from onionchat.errors import ConfigError, TorTooOld, TorUnavailable
from onionchat.tor import Bootstrap, ControllerClosed, TorController, find_tor

from .conftest import PATIENCE, LoneTor, StartTor
from .listener import Behaviour, listening

pytestmark = pytest.mark.realtor

TORRC_EXAMPLE = Path(__file__).parents[2] / "torrc.example"
BY_COOKIE = "ControlPort auto\nSocksPort auto\nCookieAuthentication 1\n"


def connect(tor: LoneTor, *, password: str | None = None) -> TorController:
    return TorController.connect(tor.listener("Control"), password=password, timeout=PATIENCE)


@pytest.fixture
def lone(start_tor: StartTor) -> LoneTor:
    return start_tor(BY_COOKIE)


def hashed(password: str) -> str:
    done = subprocess.run(
        [str(find_tor().path), "--quiet", "--hash-password", password],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_connects_by_cookie_and_tells_where_tor_is(lone: LoneTor) -> None:
    controller = connect(lone)
    try:
        assert controller.version == find_tor().version
        assert controller.alive
        assert controller.socks_address() == ("127.0.0.1", int(lone.listener("Socks").rpartition(":")[2]))
        phase = controller.bootstrap()
        assert 0 <= phase.percent < 100
        assert phase.words
    finally:
        controller.close()
    with pytest.raises(TorUnavailable, match="was lost"):
        controller.take_ownership()
    controller.close()


def test_the_example_settings_work_by_port_and_by_socket(start_tor: StartTor, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    text = TORRC_EXAMPLE.read_text()
    for old, new in [
        ("/run/tor/", f"{run}/"),
        ("/var/lib/tor", f"{tmp_path}/data"),
        ("127.0.0.1:9050", "127.0.0.1:auto"),
        ("127.0.0.1:9051", "127.0.0.1:auto"),
    ]:
        assert old in text
        text = text.replace(old, new)
    tor = start_tor(text)
    for address in (tor.listener("Control"), str(run / "control")):
        controller = TorController.connect(address, timeout=PATIENCE)
        assert controller.socks_address()[0] == "127.0.0.1"
        controller.close()
    assert (run / "control.authcookie").stat().st_mode & 0o777 == 0o640
    assert tor.explanations() == []


def test_the_socks_port_given_for_the_control_port(lone: LoneTor) -> None:
    with pytest.raises(TorUnavailable, match="SOCKS port, not its control port") as caught:
        TorController.connect(lone.listener("Socks"), timeout=PATIENCE)
    assert "9051" in caught.value.hint


def test_a_wrong_cookie(lone: LoneTor) -> None:
    lone.listener("Control")
    cookie = lone.cookie.read_bytes()
    lone.cookie.write_bytes(bytes(32))
    with pytest.raises(TorUnavailable, match="does not accept the cookie") as caught:
        connect(lone)
    assert str(lone.cookie) in caught.value.message
    lone.cookie.write_bytes(cookie)
    connect(lone).close()


@pytest.mark.parametrize("spoil", ["remove", "truncate"])
def test_an_unusable_cookie(lone: LoneTor, spoil: str) -> None:
    lone.listener("Control")
    if spoil == "remove":
        lone.cookie.unlink()
    else:
        lone.cookie.write_bytes(b"short")
    with pytest.raises(TorUnavailable, match="cookie"):
        connect(lone)


def test_a_password(start_tor: StartTor) -> None:
    tor = start_tor(f"ControlPort auto\nSocksPort auto\nHashedControlPassword {hashed('open sesame')}\n")
    connect(tor, password="open sesame").close()
    with pytest.raises(TorUnavailable, match="does not accept the password") as wrong:
        connect(tor, password="barley")
    assert "barley" not in f"{wrong.value!r} {wrong.value.hint} {wrong.value.__context__!r}"
    with pytest.raises(TorUnavailable, match="wants a password"):
        connect(tor)


GREETING = b'250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250-VERSION Tor="0.4.8.9"\r\n250 OK\r\n'


def scripted(version: str, events: Sequence[str] = ()) -> Behaviour:
    """A controller that does whatever it is told and then sends events, for what no lone tor does in time."""
    answers = {
        b"PROTOCOLINFO 1": GREETING,
        b"GETINFO version": f"250-version={version}\r\n250 OK\r\n".encode(),
    }

    def behave(peer: socket.socket) -> None:
        with peer.makefile("rb") as reader:
            for line in reader:
                peer.sendall(answers.get(line.strip(), b"250 OK\r\n"))
                if line.startswith(b"TAKEOWNERSHIP"):
                    peer.sendall("".join(f"650 {event}\r\n" for event in events).encode())

    return behave


def test_an_old_tor_is_refused() -> None:
    with listening(scripted("0.4.7.16")) as (host, port), pytest.raises(TorTooOld, match=r"0\.4\.7\.16"):
        TorController.connect(f"{host}:{port}", timeout=PATIENCE)


def test_a_tor_that_falls_silent_after_its_greeting() -> None:
    def half_tor(peer: socket.socket) -> None:
        peer.sendall(GREETING)
        while peer.recv(4096):
            pass

    with listening(half_tor) as (host, port), pytest.raises(TorUnavailable, match="was lost"):
        TorController.connect(f"{host}:{port}", timeout=0.3)


def test_problems_on_the_way_are_told() -> None:
    events = [
        'STATUS_CLIENT WARN BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="x" WARNING="No route" REASON=NOROUTE',
        "STATUS_CLIENT NOTICE ENOUGH_DIR_INFO",
        "STATUS_GENERAL WARN CLOCK_SKEW SKEW=-7200 SOURCE=CONSENSUS",
        'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=14 TAG=handshake SUMMARY="x"',
        'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"',
    ]
    told: queue.SimpleQueue[Bootstrap | ControllerClosed] = queue.SimpleQueue()
    with listening(scripted("0.4.8.9", events)) as (host, port):
        controller = TorController.connect(f"{host}:{port}", timeout=PATIENCE)
        controller.watch(told.put)
        controller.take_ownership()
        phases = [told.get(timeout=PATIENCE) for _ in range(4)]
        controller.close()
    assert told.get(timeout=PATIENCE) == ControllerClosed()
    behind = "this computer's clock is about 2 hours behind: set the clock and the time zone right"
    assert isinstance(phases[0], Bootstrap)
    assert "use a bridge" in phases[0].problem
    assert phases[1:] == [
        Bootstrap(percent=5, words="connecting to the Tor network", problem=behind),
        Bootstrap(percent=14, words="connecting to the Tor network", problem=behind),
        Bootstrap(percent=100, words="connected to the Tor network", problem=behind),
    ]


def test_a_clock_that_tor_no_longer_complains_about_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onionchat.tor.controller.CLOCK_MEMORY", -1.0)
    events = ["STATUS_GENERAL WARN CLOCK_SKEW SKEW=-7200 SOURCE=CONSENSUS"]
    told: queue.SimpleQueue[Bootstrap | ControllerClosed] = queue.SimpleQueue()
    with listening(scripted("0.4.8.9", events)) as (host, port):
        controller = TorController.connect(f"{host}:{port}", timeout=PATIENCE)
        controller.watch(told.put)
        controller.take_ownership()
        assert told.get(timeout=PATIENCE) == Bootstrap(percent=0, words="starting tor")
        controller.close()


def test_without_a_socks_port(start_tor: StartTor) -> None:
    controller = connect(start_tor("ControlPort auto\nSocksPort 0\nCookieAuthentication 1\n"))
    with pytest.raises(TorUnavailable, match="no SOCKS port"):
        controller.socks_address()
    controller.close()


def test_the_end_of_tor_is_told(lone: LoneTor) -> None:
    controller = connect(lone)
    told: queue.SimpleQueue[Bootstrap | ControllerClosed] = queue.SimpleQueue()
    controller.watch(told.put)
    lone.process.send_signal(signal.SIGKILL)
    while not isinstance(told.get(timeout=PATIENCE), ControllerClosed):
        pass
    assert not controller.alive
    address = OnionKey.generate(os.urandom).address
    for question in (
        controller.bootstrap,
        controller.socks_address,
        lambda: controller.fetch_descriptor(address, timeout=PATIENCE),
        lambda: controller.wait_published(address, PATIENCE),
    ):
        with pytest.raises(TorUnavailable, match="was lost"):
            question()
    late: list[Bootstrap | ControllerClosed] = []
    controller.watch(late.append)
    assert late == [ControllerClosed()]


def test_onion_services_come_go_and_are_replaced(lone: LoneTor) -> None:
    controller = connect(lone)
    keys = [OnionKey.generate(os.urandom) for _ in range(3)]
    for key in keys:
        assert controller.add_onion(key.expanded(), target="unix:/nowhere", virtual_port=80) == key.address
    again = controller.add_onion(keys[0].expanded(), target="127.0.0.1:1", virtual_port=80)
    assert again == keys[0].address
    assert "collides" not in lone.log()
    for _ in range(2):
        controller.remove_onion(keys[1].address)
    assert not controller.wait_published(keys[1].address, 0)
    controller.close()


def test_a_stray_of_this_connection_is_removed(lone: LoneTor) -> None:
    controller = connect(lone)
    kept, lost = OnionKey.generate(os.urandom), OnionKey.generate(os.urandom)
    controller.add_onion(kept.expanded(), target="unix:/kept", virtual_port=80)
    controller.add_onion(lost.expanded(), target="unix:/lost", virtual_port=80)
    controller._services = {tag: name for tag, name in controller._services.items() if name in kept.address}
    assert controller.add_onion(lost.expanded(), target="unix:/lost", virtual_port=80) == lost.address
    assert controller._services.keys() != set()
    controller.close()


def test_a_service_of_another_controller_is_left_alone(lone: LoneTor) -> None:
    key = OnionKey.generate(os.urandom)
    first, second = connect(lone), connect(lone)
    first.add_onion(key.expanded(), target="unix:/nowhere", virtual_port=80)
    with pytest.raises(TorUnavailable, match="another program runs this onion service"):
        second.add_onion(key.expanded(), target="unix:/nowhere", virtual_port=80)
    first.close()
    second.close()


@pytest.mark.parametrize(
    "target", ["unix:/with space/sock", "unix:/a\r\nDEL_ONION x", "127.0.0.1:80 Flags=Detach"]
)
def test_a_target_cannot_carry_more_than_an_address(lone: LoneTor, target: str) -> None:
    controller = connect(lone)
    with pytest.raises(ConfigError):
        controller.add_onion(OnionKey.generate(os.urandom).expanded(), target=target, virtual_port=80)
    controller.close()


def test_no_secret_reaches_a_log(start_tor: StartTor, caplog: pytest.LogCaptureFixture) -> None:
    tor = start_tor(f"ControlPort auto\nSocksPort auto\nHashedControlPassword {hashed('open sesame')}\n")
    key = OnionKey.generate(os.urandom)
    with caplog.at_level(1), caplog.at_level(1, "stem"):
        logging.getLogger("probe").log(1, "the trap is set")
        controller = connect(tor, password="open sesame")
        controller.add_onion(key.expanded(), target="unix:/nowhere", virtual_port=80)
        controller.close()
    assert "the trap is set" in caplog.text
    assert "ADD_ONION" not in caplog.text
    assert "sesame" not in caplog.text
    assert re.search(r"ED25519-V3:\S{20}", caplog.text + tor.log()) is None


def test_tor_ends_with_its_owner(lone: LoneTor) -> None:
    """An engine that is killed cannot say goodbye: its tor ends because the connection does."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, lone.listener("Control")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"owned\n"
        owner.kill()
    lone.end()
    assert "Owning controller connection has closed" in lone.log()


OWNER = """
import sys
from onionchat.tor import TorController
controller = TorController.connect(sys.argv[1], timeout=60)
controller.take_ownership()
print("owned", flush=True)
sys.stdin.read()
"""


def test_stem_is_imported_only_when_it_is_needed() -> None:
    check = (
        "import sys, onionchat.tor as tor; assert not {'stem', 'socks'} & set(sys.modules); tor.TorController"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
