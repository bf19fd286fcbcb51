"""The metronome as the process that it is: real sockets, real time, and no assertion about how fast."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from onionchat.crypto.link import ReceivingCipher
from onionchat.metronome import (
    Begin,
    Ended,
    Finish,
    Lay,
    Left,
    Reason,
    ToEngine,
    ToMetronome,
    decode_to_engine,
    encode,
)
from onionchat.metronome.course import MAX_DELAY
from onionchat.protocol.cell import CellType, take_apart
from onionchat.protocol.pace import Pace

PATIENCE = 30.0
QUICK = Pace(tick_ms=50)


class Rig:
    """A metronome, the engine's end of its channel, and the far ends of its links."""

    def __init__(self) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(PATIENCE)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "onionchat.metronome", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stderr=subprocess.PIPE,
            )
        self._far: list[socket.socket] = []

    def begin(
        self, link: int, *, pace: Pace = QUICK, room: int | None = None
    ) -> tuple[socket.socket, ReceivingCipher]:
        """A link over loopback TCP, as to tor's SOCKS port; with ``room``, over a pair that holds little."""
        if room is None:
            with socket.create_server(("127.0.0.1", 0)) as server:
                near = socket.create_connection(server.getsockname())
                far, _ = server.accept()
        else:
            near, far = socket.socketpair()
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        far.settimeout(PATIENCE)
        self._far.append(far)
        key = os.urandom(32)
        with near:
            socket.send_fds(self.channel, [encode(Begin(link=link, key=key, pace=pace))], [near.fileno()])
        return far, ReceivingCipher(key)

    def tell(self, message: ToMetronome) -> None:
        self.channel.send(encode(message))

    def report(self) -> ToEngine:
        return decode_to_engine(self.channel.recv(4096))

    def until_ended(self, link: int) -> Ended:
        while True:
            report = self.report()
            if isinstance(report, Ended) and report.link == link:
                return report

    def close(self) -> None:
        for one in (self.channel, *self._far):
            one.close()
        with self.process:
            try:
                self.process.wait(PATIENCE)
            finally:
                self.process.kill()


@pytest.fixture
def rig() -> Iterator[Rig]:
    with contextlib.closing(Rig()) as rig:
        yield rig


def cell(far: socket.socket) -> bytes:
    return far.recv(1952, socket.MSG_WAITALL)


def read(far: socket.socket, cipher: ReceivingCipher, count: int) -> list[tuple[CellType, bytes]]:
    return [take_apart(cipher.open(cell(far))) for _ in range(count)]


def have(link: int, number: int) -> Lay:
    return Lay(link=link, cell_type=CellType.HAVE, body=number.to_bytes(16, "big"))


def test_covers_when_idle_and_laid_cells_in_order(rig: Rig) -> None:
    far, cipher = rig.begin(1)
    other, other_cipher = rig.begin(2)
    assert {kind for kind, _ in read(far, cipher, 3)} == {CellType.COVER}
    for number in range(4):
        rig.tell(have(1, number))
    laid = [body for kind, body in read(far, cipher, 8) if kind is CellType.HAVE]
    assert laid == [number.to_bytes(16, "big") for number in range(4)]
    assert {kind for kind, _ in read(other, other_cipher, 5)} == {CellType.COVER}


def test_deadlines_lie_on_the_grid_of_their_link(rig: Rig) -> None:
    tick = 0.1
    rig.begin(1, pace=Pace(tick_ms=100))
    reports = [report for report in (rig.report() for _ in range(25)) if isinstance(report, Left)]
    first = reports[0].scheduled
    slots = [round((report.scheduled - first) / tick) for report in reports]
    assert len(set(slots)) == len(reports) == 25
    for slot, report in zip(slots, reports, strict=True):
        assert abs(report.scheduled - first - slot * tick) <= MAX_DELAY
        assert report.sent >= report.scheduled


def test_a_peer_that_does_not_read_loses_its_own_link_only(rig: Rig) -> None:
    rig.begin(1, room=1)
    far, cipher = rig.begin(2)
    assert rig.until_ended(1).reason is Reason.BLOCKED
    read(far, cipher, 5)


def test_a_peer_that_is_gone_loses_its_own_link_only(rig: Rig) -> None:
    gone, _ = rig.begin(1)
    far, cipher = rig.begin(2)
    gone.close()
    assert rig.until_ended(1).reason is Reason.LOST
    read(far, cipher, 5)


def test_a_link_is_finished_with_a_close_cell(rig: Rig) -> None:
    far, cipher = rig.begin(1)
    rig.tell(Finish(link=1))
    assert read(far, cipher, 2) == [(CellType.COVER, b""), (CellType.CLOSE, b"")]
    assert far.recv(1) == b""
    assert rig.until_ended(1).reason is Reason.FINISHED


def test_a_flood_is_bounded(rig: Rig) -> None:
    rig.begin(1)
    far, cipher = rig.begin(2)
    read(far, cipher, 1)
    before = resident_kb(rig.process.pid)
    for number in range(20_000):
        rig.tell(have(1, number))
    assert rig.until_ended(1).reason is Reason.OVERFULL
    read(far, cipher, 5)
    assert resident_kb(rig.process.pid) - before < 1024


def resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


def test_it_ends_with_its_engine_and_so_do_the_links(rig: Rig) -> None:
    far, cipher = rig.begin(1)
    read(far, cipher, 1)
    rig.channel.close()
    assert rig.process.wait(PATIENCE) == 0
    while far.recv(4096):
        pass


def test_signals_do_not_end_it(rig: Rig) -> None:
    far, cipher = rig.begin(1)
    read(far, cipher, 1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        rig.process.send_signal(number)
    read(far, cipher, 3)
    assert rig.process.poll() is None


def test_a_malformed_message_ends_it_with_one_line(rig: Rig) -> None:
    rig.channel.send(b"nonsense")
    assert rig.process.wait(PATIENCE) == 1
    assert rig.process.stderr is not None
    lines = rig.process.stderr.read().decode().splitlines()
    assert lines == ["the metronome ended: the engine sent the metronome a malformed message"]


def test_it_settles_without_privilege() -> None:
    source = """
        import ctypes, gc, os, resource, signal
        from onionchat.metronome.process import settle
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        settle()
        libc = ctypes.CDLL(None)
        print(libc.prctl(3, 0, 0, 0, 0), libc.prctl(30, 0, 0, 0, 0))
        print(gc.isenabled(), gc.get_freeze_count() > 0)
        print(resource.getrlimit(resource.RLIMIT_CORE), signal.getsignal(signal.SIGTERM).name)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["0 1", "False True", "(0, 0) SIG_IGN"]


def test_it_knows_nothing_that_it_does_not_need() -> None:
    source = """
        import sys
        import onionchat.metronome.process
        heavy = {"asyncio", "trio", "sqlite3", "cryptography", "stem", "socks", "textual"}
        print(sorted(heavy & set(sys.modules)))
        print(sorted(name for name in sys.modules if name.startswith("onionchat.crypto.")))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, check=True
    )
    needed = ["onionchat.crypto.link", "onionchat.crypto.secret", "onionchat.crypto.stack"]
    assert done.stdout.splitlines() == ["[]", str(needed)]
