"""One relay or directory authority of a private network: its folder, its keys, its settings, what it knows.

Laws: everything here concerns one node and its own folder; what nodes have to do with each other is in
``network``. The keys protect nothing and are thrown away with the network.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import TorUnavailable
from ..tor import TorProgram, tor_command

KEY_DEADLINE: Final = 120.0
"""Seconds that making one node's keys may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Where a node lives and listens; ``dir_port`` is 0 for a relay that is no authority."""

    name: str
    folder: Path
    or_port: int
    dir_port: int

    @property
    def torrc(self) -> Path:
        """Its settings file."""
        return self.folder / "torrc"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.folder / "log"


def settings(node: Node, authority_lines: str, weights: Path) -> str:
    """Write the settings of a node.

    Args:
        node: whose.
        authority_lines: the ``DirAuthority`` lines of the network.
        weights: the file with every relay's measured bandwidth, for authorities.
    """
    common = f"""\
TestingTorNetwork 1
UseDefaultFallbackDirs 0
DataDirectory "{node.folder}"
Nickname {node.name}
Address 127.0.0.1
ORPort 127.0.0.1:{node.or_port} IPv4Only
SocksPort 0
AssumeReachable 1
ExitPolicy reject *:*
ContactInfo none
ShutdownWaitLength 0
__OwningControllerProcess {os.getpid()}
Log notice stdout
{authority_lines}"""
    if not node.dir_port:
        return common
    return f"""{common}\
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
DirPort 127.0.0.1:{node.dir_port} IPv4Only
TestingV3AuthInitialVotingInterval 5
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 20
V3AuthVoteDelay 4
V3AuthDistDelay 4
TestingAuthDirTimeToLearnReachability 0
TestingDirAuthVoteExit *
TestingDirAuthVoteGuard *
TestingDirAuthVoteHSDir *
AuthDirMaxServersPerAddr 0
V3BandwidthsFile "{weights}"
"""


def make_certificate(gencert: Path, node: Node) -> None:
    """Make an authority's identity and signing key. They protect nothing, nor does the passphrase."""
    keys = node.folder / "keys"
    reading, writing = os.pipe()
    try:
        os.write(writing, b"private network\n")
        os.close(writing)
        command = [str(gencert), "--create-identity-key", "-m", "1", "--passphrase-fd", str(reading)]
        command += ["-a", f"127.0.0.1:{node.dir_port}", "-i", str(keys / "authority_identity_key")]
        command += ["-s", str(keys / "authority_signing_key"), "-c", str(keys / "authority_certificate")]
        _run(command, "tor-gencert", pass_fds=(reading,))
    finally:
        os.close(reading)


def make_identity(program: TorProgram, node: Node) -> str:
    """Make a relay's keys and give its fingerprint, 40 hexadecimal digits."""
    empty = node.folder / "empty"
    empty.touch()
    command = [*tor_command(program, empty), "--list-fingerprint", "--quiet", "--Nickname", node.name]
    command += ["--DataDirectory", str(node.folder), "--ORPort", str(node.or_port)]
    output = _run(command, "tor --list-fingerprint")
    match = re.search(rf"^{node.name} ((?:[0-9A-F]{{4}} ?){{10}})$", output, re.MULTILINE)
    if match is None:
        raise TorUnavailable("tor --list-fingerprint gave no fingerprint")
    return match[1].replace(" ", "")


def v3_identity(node: Node) -> str:
    """Read the fingerprint of an authority's identity key from its certificate."""
    text = (node.folder / "keys" / "authority_certificate").read_text()
    match = re.search(r"^fingerprint ([0-9A-F]{40})$", text, re.MULTILINE)
    if match is None:
        raise TorUnavailable("tor-gencert wrote a certificate without a fingerprint")
    return match[1]


def _run(command: list[str], name: str, *, pass_fds: tuple[int, ...] = ()) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own files, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=KEY_DEADLINE,
            check=True,
            pass_fds=pass_fds,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise TorUnavailable(f"{name} failed while the private Tor network was made") from error
    return done.stdout


def find_gencert() -> Path:
    """Find the program that makes authority keys.

    Raises:
        TorUnavailable: there is none.
    """
    found = shutil.which("tor-gencert")
    if found is None:
        raise TorUnavailable(
            "the program tor-gencert was not found", hint="it comes with tor (Debian: apt install tor)"
        )
    return Path(found).absolute()


def listed_by(authority: Node) -> int:
    """How many relays the consensus of this authority lists; 0 while there is none."""
    # not urllib: it would go through a proxy that the environment names
    connection = http.client.HTTPConnection("127.0.0.1", authority.dir_port, timeout=5)
    with suppress(http.client.HTTPException, OSError), closing(connection):
        connection.request("GET", "/tor/status-vote/current/consensus")
        return sum(line.startswith(b"r ") for line in connection.getresponse().read().splitlines())
    return 0


def known(node: Node) -> tuple[int, int]:
    """How many relays this node's consensus lists, and of how many it has the keys to hand to clients."""
    consensus = node.folder / "cached-microdesc-consensus"
    listed = len(re.findall(rb"^r ", consensus.read_bytes(), re.MULTILINE)) if consensus.exists() else 0
    keys = {
        key
        for file in node.folder.glob("cached-microdescs*")
        for key in re.findall(rb"^ntor-onion-key \S+", file.read_bytes(), re.MULTILINE)
    }
    return listed, len(keys)
