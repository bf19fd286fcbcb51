"""A whole Tor network on loopback: directory authorities, relays, and the settings for clients of it.

Laws: nothing leaves the machine, and nothing outlives this process (every tor watches it; ``close`` ends them
by their ids and removes the folder). The tors watch by tor's own owner setting and not by the kernel's
parent-death signal: that one fires when the *thread* that started them ends, and networks are started in
threads.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..errors import TorUnavailable
from ..tor import TorProgram, explain_log, find_tor, tor_command
from .relay import (
    Node,
    find_gencert,
    known,
    listed_by,
    make_certificate,
    make_identity,
    settings,
    v3_identity,
)

DEADLINE: Final = 120.0
"""Seconds that a network may take to agree on a consensus."""
_POLL: Final = 0.2
_ENDING: Final = 5.0
_USUAL_WAIT: Final = 6.0
_KEY_PHASE: Final = 0.2
"""The part of the progress that making keys is."""
_PORTS: Final = range(12000, 32000)
"""Below the range from which the system gives ports to outgoing connections."""

Progress = Callable[[float, str], None]


class PrivateNetwork:
    """A Tor network of its own. A context manager; ``start`` and ``close`` block.

    Args:
        folder: where it lives; made by ``start``, removed by ``close``.
        authorities: directory authorities (which are relays, too).
        relays: further relays. Eight in all carry a handful of onion services, fifteen carry thirty.
    """

    def __init__(self, folder: Path, *, authorities: int = 3, relays: int = 5) -> None:
        self._folder = folder.absolute()
        self._size = (authorities, relays)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._nodes: list[Node] = []
        self._authority_lines = ""

    @property
    def client_torrc(self) -> str:
        """The lines that a client's tor needs to live in this network, once it has started."""
        return f"TestingTorNetwork 1\nUseDefaultFallbackDirs 0\n{self._authority_lines}"

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the tors that were started."""
        return tuple(process.pid for process in self._processes.values())

    def start(self, progress: Progress | None = None) -> None:
        """Start every tor and wait until the consensus lists all of them.

        Args:
            progress: told of the part that is done (0 to 1) and what is going on, in words.

        Raises:
            TorUnavailable: no tor or no tor-gencert, a tor that ended, or no consensus in time.
        """
        tell = progress or (lambda _part, _words: None)
        try:
            self._start(tell)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End every tor, wait for it, and remove the folder. Idempotent."""
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + _ENDING
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, tell: Progress) -> None:
        program, gencert = find_tor(), find_gencert()
        self._folder.mkdir(parents=True, mode=0o700)
        with _free_ports(2 * self._size[0] + self._size[1]) as ports:
            self._nodes = _plan(self._folder, self._size, ports)
            tell(0.0, "making the keys of a private Tor network")
            fingerprints = self._make_keys(program, gencert, tell)
            self._write_settings(fingerprints)
        for node in self._nodes:
            self._launch(program, node)
        self._wait_for_consensus(program, tell)

    def _launch(self, program: TorProgram, node: Node) -> None:
        with node.log.open("ab") as log:
            self._processes[node.name] = subprocess.Popen(  # noqa: S603 - our own files, no shell
                tor_command(program, node.torrc), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _make_keys(self, program: TorProgram, gencert: Path, tell: Progress) -> dict[str, str]:
        """Make every node's keys, as many at once as there are processors; give the fingerprints by name."""
        fingerprints = {}
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            # the slow ones first
            certificates = [
                pool.submit(make_certificate, gencert, node) for node in self._nodes if node.dir_port
            ]
            identities = [(node, pool.submit(make_identity, program, node)) for node in self._nodes]
            steps = len(certificates) + len(identities)
            for done, certificate in enumerate(certificates, 1):
                certificate.result()
                tell(_KEY_PHASE * done / steps, "making the keys of a private Tor network")
            for done, (node, identity) in enumerate(identities, len(certificates) + 1):
                fingerprints[node.name] = identity.result()
                tell(_KEY_PHASE * done / steps, "making the keys of a private Tor network")
        return fingerprints

    def _write_settings(self, fingerprints: dict[str, str]) -> None:
        self._authority_lines = "".join(
            f"DirAuthority {node.name} orport={node.or_port} v3ident={v3_identity(node)}"
            f" 127.0.0.1:{node.dir_port} {fingerprints[node.name]}\n"
            for node in self._nodes
            if node.dir_port
        )
        weights = self._folder / "bandwidths"
        # without measured weights every path ends at the same relay and clients stay at 95 %
        weights.write_text(
            f"{int(time.time())}\n"
            + "".join(f"node_id=${hexed} bw=1000\n" for hexed in fingerprints.values())
        )
        for node in self._nodes:
            node.torrc.write_text(settings(node, self._authority_lines, weights))

    def _wait_for_consensus(self, program: TorProgram, tell: Progress) -> None:
        authority = next(node for node in self._nodes if node.dir_port)
        self._wait(lambda: listed_by(authority), tell, f"waiting for {len(self._nodes)} relays to agree")
        # relays that asked before there was a consensus would wait 5 s or more; this makes them ask at once
        for node in self._nodes:
            self._processes[node.name].send_signal(signal.SIGHUP)
        # a client that asks a relay for what it does not have yet waits 10 s before it asks again
        self._wait(lambda: self._hand_out(program), tell, "handing out the directory")
        tell(1.0, "the private Tor network is up")

    def _hand_out(self, program: TorProgram) -> int:
        """Count the nodes that know all others; start those again that are stuck with an older consensus."""
        knowledge = [known(node) for node in self._nodes]
        for node, (listed, _) in zip(self._nodes, knowledge, strict=True):
            if not node.dir_port and 0 < listed < len(self._nodes):
                # somebody came too late for the first vote; this relay would keep its result for 20 s
                process = self._processes[node.name]
                process.kill()
                process.wait()
                for file in node.folder.glob("cached-*"):
                    file.unlink()
                self._launch(program, node)
        return sum(min(listed, keys) >= len(self._nodes) for listed, keys in knowledge)

    def _wait(self, ready: Callable[[], int], tell: Progress, words: str) -> None:
        """Wait until ``ready`` counts every node."""
        start, total = time.monotonic(), len(self._nodes)
        while (listed := ready()) < total:
            self._refuse_the_dead()
            waited = time.monotonic() - start
            if waited > DEADLINE:
                raise TorUnavailable(
                    f"the private Tor network has {listed} of {total} relays after {DEADLINE:.0f} seconds",
                    hint="see whether the machine is busy and its clock is right, and try again",
                )
            part = max(listed / total, waited / (waited + _USUAL_WAIT))
            tell(_KEY_PHASE + (0.95 - _KEY_PHASE) * part, words)
            time.sleep(_POLL)

    def _refuse_the_dead(self) -> None:
        for node in self._nodes:
            if self._processes[node.name].poll() is not None:
                lines = node.log.read_text(errors="replace").splitlines()
                reason = next(
                    (words for line in lines if (words := explain_log(line))), "its log gives no reason"
                )
                raise TorUnavailable(f"a relay of the private Tor network ended: {reason}")


def _plan(folder: Path, size: tuple[int, int], ports: list[int]) -> list[Node]:
    authorities, relays = size
    free = iter(ports)
    nodes = [
        Node(name=f"authority{i}", folder=folder / f"authority{i}", or_port=next(free), dir_port=next(free))
        for i in range(authorities)
    ]
    nodes += [
        Node(name=f"relay{i}", folder=folder / f"relay{i}", or_port=next(free), dir_port=0)
        for i in range(relays)
    ]
    for node in nodes:
        (node.folder / "keys").mkdir(parents=True, mode=0o700)
        node.folder.chmod(0o700)
    return nodes


@contextmanager
def _free_ports(count: int) -> Iterator[list[int]]:
    """Find ports that nobody listens on, and keep them from others until the block ends."""
    kept: list[socket.socket] = []
    ports: list[int] = []
    try:
        for port in random.sample(_PORTS, len(_PORTS)):
            if len(ports) == count:
                break
            sock = socket.socket()
            kept.append(sock)
            with suppress(OSError):
                sock.bind(("127.0.0.1", port))
                ports.append(port)
        yield ports
    finally:
        for sock in kept:
            sock.close()
