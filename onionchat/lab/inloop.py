"""``python -m onionchat.lab.inloop TAP FILE``: a sender as it must not be built, for a control.

It sends a cell at absolute deadlines, as careful programs do, and in the same loop it seals, stores and draws
what somebody types. `sample_inloop` lets it be watched over bare loopback in windows like those of the real
thing; an observer must tell its typing from its silence.

Laws: it ends with its standard input.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from ..protocol.constants import CELL_SIZE

if TYPE_CHECKING:
    from .legs import Leg
    from .trace import Keep, Settings

_WORK_SECONDS: Final = 0.004
"""For one keystroke or piece of a message: to seal, to store, to draw."""
_KEY_TICKS: Final = 0.8
_TYPING: Final = 0.7
_END_SECONDS: Final = 5.0


def sample_inloop(
    folder: Path, keep: Keep, settings: Settings, *, blocks: int, tell: Callable[[int], None]
) -> None:
    """Add blocks of windows ``idle`` and ``typing`` of the in-loop sender until there are ``blocks``.

    Args:
        folder: a fresh one, to work in.
    """
    from .legs import Wire
    from .stage import busiest
    from .trace import Window, cut_out

    folder.mkdir(mode=0o700)
    random = Random(f"{settings.seed} {len(keep.blocks)}")  # noqa: S311 - an experiment's order, not a secret
    life = int(time.monotonic())
    with Wire(folder) as wire:
        leg = wire.open(proxy=True)
        with _sender(leg, folder, settings.tick) as type_one:
            wire.news()
            while len(keep.blocks) < blocks:
                tell(len(keep.blocks))
                order = list(settings.scenarios)
                random.shuffle(order)
                begins = []
                for scenario in order:
                    begins.append(time.monotonic())
                    _act(scenario, settings, type_one)
                    time.sleep(settings.gap * settings.tick)
                packets = busiest(wire.news(), leg)
                keep.add(
                    [
                        Window(
                            scenario=scenario,
                            begin=begin,
                            life=life,
                            legs={"socks": cut_out(packets, begin, settings.span)},
                        )
                        for scenario, begin in zip(order, begins, strict=True)
                    ]
                )


def _act(scenario: str, settings: Settings, type_one: Callable[[], None]) -> None:
    begin = time.monotonic()
    while scenario != "idle" and time.monotonic() < begin + _TYPING * settings.span:
        type_one()
        time.sleep(_KEY_TICKS * settings.tick)
    time.sleep(max(0.0, begin + settings.span - time.monotonic()))


@contextmanager
def _sender(leg: Leg, folder: Path, tick: float) -> Iterator[Callable[[], None]]:
    """The sender, as a process; gives what has it see to one keystroke."""
    words = [
        sys.executable,
        "-P",
        "-m",
        "onionchat.lab.inloop",
        str(leg.port),
        str(folder / "kept"),
        str(tick),
    ]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, cwd="/", start_new_session=True)  # noqa: S603 - our own
    stdin = process.stdin
    if stdin is None:
        raise BrokenPipeError

    def type_one() -> None:
        stdin.write(b".")
        stdin.flush()

    try:
        time.sleep(1.0)
        yield type_one
    finally:
        stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(argv: list[str]) -> int:
    """Send through the tap at this port to ourselves, and work, until standard input ends."""
    port, kept, tick = int(argv[0]), argv[1], float(argv[2])
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as sender:
        sender.connect(("127.0.0.1", port))
        _ask_for(sender, listener.getsockname()[1])
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        receiver, _ = listener.accept()
        file = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with receiver:
            _loop(sender, receiver, file, tick)
        os.close(file)
    return 0


def _ask_for(sender: socket.socket, port: int) -> None:
    """The SOCKS dialogue with the proxy that the leg is."""
    sender.sendall(b"\x05\x01\x00")
    sender.recv(2, socket.MSG_WAITALL)
    sender.sendall(b"\x05\x01\x00\x01" + socket.inet_aton("127.0.0.1") + port.to_bytes(2, "big"))
    sender.recv(10, socket.MSG_WAITALL)


def _loop(sender: socket.socket, receiver: socket.socket, file: int, tick: float) -> None:
    due = time.monotonic() + tick
    while True:
        ready = select.select([0, receiver.fileno()], [], [], max(0.0, due - time.monotonic()))[0]
        if receiver.fileno() in ready:
            receiver.recv(1 << 16)
        if 0 in ready:
            if not (typed := os.read(0, 64)):
                return
            for _ in typed:
                _work(file)
        if time.monotonic() >= due:
            sender.sendall(os.urandom(CELL_SIZE))
            due += tick


def _work(file: int) -> None:
    """What a message costs where nothing is kept out of the loop."""
    end = time.perf_counter() + _WORK_SECONDS
    os.pwrite(file, os.urandom(4096), 0)
    os.fsync(file)
    while time.perf_counter() < end:
        sum(range(200))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
