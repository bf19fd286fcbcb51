"""What the doctor says of machines that are made up, file by file as Linux would tell of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from onionchat.control.replies import StatusReport, TorState
from onionchat.engine import doctor, doctor_disk
from onionchat.engine.doctor import Machine
from onionchat.engine.process import core_limit, lock_limit

LIMITS = "Limit                     Soft Limit           Hard Limit           Units\n"
ENGINE = StatusReport(
    version="1",
    pid=7,
    vault="open",
    amnesic=False,
    tor=TorState(mode="managed", version="0.4.9.11"),
    tick=2.0,
)
SYSTEM = replace(ENGINE, tor=TorState(mode="system", version="0.4.8.9"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(proc=tmp_path / "proc", sys=tmp_path / "sys")


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def mounted(machine: Machine, kind: str, options: str = "rw", source: str = "/dev/sda1") -> None:
    put(
        machine.proc / "self" / "mountinfo",
        "20 1 8:9 / / rw,relatime shared:1 - xfs /dev/sdz rw\n"
        f"21 20 8:1 / {machine.proc.parent} rw,noatime - {kind} {source} {options}\n"
        "22 20 0:5 / /proc rw - proc proc rw\nnonsense\n",
    )


def disk(machine: Machine, *, rotational: bool) -> Path:
    """A partition on a disk, with the links that Linux makes."""
    whole = machine.sys / "devices" / "sda"
    put(whole / "queue" / "rotational", "1\n" if rotational else "0\n")
    put(whole / "sda1" / "partition", "1\n")
    link = machine.sys / "dev" / "block" / "8:1"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(whole / "sda1")
    return whole


def encrypted(machine: Machine, below: Path, name: str = "dm-0") -> Path:
    """A device whose blocks are encrypted, on another one."""
    device = machine.sys / "devices" / "virtual" / name
    put(device / "dm" / "uuid", "CRYPT-LUKS2-abc-root\n")
    put(device / "queue" / "rotational", "0\n")
    (device / "slaves").mkdir()
    (device / "slaves" / "sda1").symlink_to(below / "sda1")
    return device


@pytest.mark.parametrize(
    ("kind", "options", "verdict", "says"),
    [
        ("ext4", "rw", "ok", "overwrites in place"),
        ("ext4", "rw,data=ordered", "ok", "overwrites in place"),
        ("ext4", "rw,data=journal", "bad", "data=journal"),
        ("ext3", "rw,data=journal", "bad", "data=journal"),
        ("btrfs", "rw", "bad", "old copies"),
        ("zfs", "rw", "bad", "old copies"),
        ("f2fs", "rw", "bad", "old copies"),
        ("nfs4", "rw", "bad", "another machine"),
        ("fuse.sshfs", "rw", "bad", "another machine"),
        ("overlay", "rw", "warn", "container"),
        ("tmpfs", "rw", "ok", "memory"),
        ("xfs", "rw", "warn", "not tried"),
    ],
)
def test_the_file_system_of_the_vault(
    machine: Machine, tmp_path: Path, kind: str, options: str, verdict: str, says: str
) -> None:
    mounted(machine, kind, options)
    disk(machine, rotational=True)
    first, *rest = doctor_disk.disk_findings(machine, tmp_path / "not" / "there" / "yet")
    assert (first.name, first.verdict) == ("file system", verdict)
    assert says in first.text
    assert bool(first.hint) is (verdict != "ok")
    assert bool(rest) is (kind not in {"nfs4", "fuse.sshfs", "tmpfs"})


def test_a_journal_that_only_the_kernel_tells_of(machine: Machine, tmp_path: Path) -> None:
    mounted(machine, "ext4")
    put(machine.proc / "fs" / "ext4" / "sda1" / "options", "rw\ndelalloc\ndata=journal\n")
    assert doctor_disk.disk_findings(machine, tmp_path)[0].verdict == "bad"


def test_where_nothing_is_told_nothing_is_promised(machine: Machine, tmp_path: Path) -> None:
    (found,) = doctor_disk.disk_findings(machine, tmp_path)
    assert found.verdict == "warn"
    mounted(machine, "ext4")
    assert [one.verdict for one in doctor_disk.disk_findings(machine, tmp_path)] == ["ok", "warn"]


@pytest.mark.parametrize(
    ("rotational", "crypt", "verdict"), [(True, False, "ok"), (False, False, "warn"), (False, True, "ok")]
)
def test_the_disk_below(
    machine: Machine, tmp_path: Path, rotational: bool, crypt: bool, verdict: str
) -> None:
    mounted(machine, "ext4")
    whole = disk(machine, rotational=rotational)
    if crypt:
        link = machine.sys / "dev" / "block" / "8:1"
        link.unlink()
        link.symlink_to(encrypted(machine, whole))
    found = doctor_disk.disk_findings(machine, tmp_path)[1]
    assert (found.name, found.verdict) == ("disk", verdict)
    assert ("flash" in found.text) is not rotational


def swaps(machine: Machine, *places: str) -> None:
    lines = "".join(f"{place}\tpartition\t1\t0\t-2\n" for place in places)
    put(machine.proc / "swaps", f"Filename\tType\tSize\tUsed\tPriority\n{lines}")


def test_swap(machine: Machine, tmp_path: Path) -> None:
    def verdict(*, locked: bool = False) -> str:
        return doctor_disk.swap_finding(machine, locked=locked).verdict

    swaps(machine)
    assert verdict() == "ok"
    swaps(machine, "/dev/zram0")
    assert verdict() == "ok"
    put(machine.sys / "block" / "zram0" / "backing_dev", "none\n")
    assert verdict() == "ok"
    put(machine.sys / "block" / "zram0" / "backing_dev", "/dev/sda3\n")
    assert verdict() == "bad"
    swaps(machine, "/dev/sda2")
    assert verdict() == "bad"
    assert verdict(locked=True) == "warn"
    whole = disk(machine, rotational=False)
    (machine.sys / "block").mkdir(exist_ok=True)
    (machine.sys / "block" / "dm-0").symlink_to(encrypted(machine, whole))
    swaps(machine, "/dev/dm-0")
    assert verdict() == "ok"
    swaps(machine, "/dev/dm-0", "/swapfile")
    assert verdict() == "bad"
    assert "/swapfile" in doctor_disk.swap_finding(machine, locked=False).text


@pytest.mark.parametrize(
    ("state", "resume", "swap", "verdict"),
    [
        ("freeze mem", "0:0", "/dev/sda2", "ok"),
        ("freeze mem disk", "0:0", "", "ok"),
        ("freeze mem disk", "0:0", "/dev/sda2", "bad"),
        ("freeze mem disk", "8:2", "", "bad"),
        ("freeze mem disk", "8:2", "/dev/zram0", "warn"),
    ],
)
def test_hibernation(machine: Machine, state: str, resume: str, swap: str, verdict: str) -> None:
    put(machine.sys / "power" / "state", f"{state}\n")
    put(machine.sys / "power" / "resume", f"{resume}\n")
    swaps(machine, *([swap] if swap else []))
    assert doctor_disk.hibernation_finding(machine).verdict == verdict


def about_7(machine: Machine, core: str, memlock: str, status: str) -> None:
    put(
        machine.proc / "7" / "limits",
        f"{LIMITS}Max core file size        {core}            {core}            bytes\n"
        f"Max locked memory         {memlock}              {memlock}              bytes\n",
    )
    put(machine.proc / "7" / "status", f"Name:\tpython\n{status}")


def test_an_engine_that_runs(machine: Machine) -> None:
    about_7(machine, "0", "unlimited", "Umask:\t0077\nVmLck:\t   61852 kB\nVmRSS:\t   52000 kB\n")
    assert [one.verdict for one in doctor.process_findings(machine, ENGINE)] == ["ok", "ok", "ok", "ok"]
    about_7(machine, "unlimited", "0", "Umask:\t0022\nVmLck:\t       0 kB\nVmRSS:\t   52000 kB\n")
    assert [one.verdict for one in doctor.process_findings(machine, ENGINE)] == ["bad", "warn", "ok", "bad"]


@pytest.mark.parametrize(
    ("owner", "us", "verdict", "says"),
    [
        (0, 1000, "ok", "closed to others"),
        (1000, 1000, "bad", "other programs of yours"),
        (1000, 0, "ok", "off for the engine"),
    ],
)
def test_whether_memory_is_closed_to_others_is_looked_at(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, owner: int, us: int, verdict: str, says: str
) -> None:
    about_7(machine, "0", "unlimited", "Umask:\t0077\n")
    page = put(machine.proc / "7" / "environ", "")
    seen = os.stat_result((0, 0, 0, 0, owner, 0, 0, 0, 0, 0))
    look = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **how: seen if self == page else look(self, **how))
    monkeypatch.setattr(os, "geteuid", lambda: us)
    found = doctor.process_findings(machine, ENGINE)[0]
    assert (found.verdict, says in found.text) == (verdict, True)


def test_without_glibc_it_is_said_that_nothing_is_overwritten(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "confstr", lambda _name: None)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    found = doctor.process_findings(machine, None)[2]
    assert (found.name, found.verdict) == ("freed memory", "warn")


def test_all_of_the_memory_is_locked_or_only_keys_or_nothing(machine: Machine) -> None:
    def said(memlock: str, locked: str) -> tuple[str, str]:
        about_7(machine, "0", memlock, f"VmLck:\t{locked} kB\nVmRSS:\t   52000 kB\n")
        found = doctor.process_findings(machine, ENGINE)[1]
        return found.verdict, found.text

    assert said("unlimited", "61852") == ("ok", "the engine's memory is kept out of swap, all of it")
    keys = "of the engine's memory only the vault's own keys are kept out of swap, up to 8192 KiB"
    assert said("8388608", "40") == ("warn", keys)
    assert said("8388608", "0") == ("warn", keys)  # locked: there are none
    nothing = "the limit does not let the engine keep any of its memory out of swap"
    assert said("32768", "0") == ("warn", nothing)


def test_the_limit_of_locked_memory() -> None:
    line = "Max locked memory         65536                8388608              bytes\n"
    assert lock_limit(LIMITS + line) == 8388608
    assert lock_limit(LIMITS + line.replace("8388608", "unlimited")) is None
    assert lock_limit(LIMITS) is None


@pytest.mark.parametrize(("said", "limit"), [("0", 0), ("4096", 4096), ("unlimited", None)])
def test_the_limit_of_core_dumps(said: str, limit: int | None) -> None:
    assert core_limit(f"{LIMITS}Max core file size        {said}     unlimited     bytes\n") == limit
    assert core_limit(LIMITS) is None


def test_the_folder(tmp_path: Path) -> None:
    vault = tmp_path / "v"
    assert doctor.folder_finding(vault).verdict == "ok"
    vault.mkdir(mode=0o700)
    put(vault / "sealed", "").chmod(0o600)
    assert doctor.folder_finding(vault).verdict == "ok"
    (vault / "sealed").chmod(0o640)
    found = doctor.folder_finding(vault)
    assert (found.verdict, found.hint) == ("bad", f"chmod -R go= {vault}")
    (vault / "sealed").chmod(0o600)
    vault.chmod(0o755)
    assert doctor.folder_finding(vault).verdict == "bad"


def test_tor_and_its_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = put(tmp_path / "tor", "#!/bin/sh\necho Tor version 0.4.9.11.\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    now = time.time()
    found = doctor.tor_finding(None, now=now)
    assert found.verdict == "ok"
    assert found.text.startswith("0.4.9.11, a file from ")
    os.utime(program, (now - 400 * 86400,) * 2)
    assert doctor.tor_finding(ENGINE, now=now).verdict == "warn"
    program.write_text("#!/bin/sh\necho Tor version 0.4.7.16.\n")
    assert doctor.tor_finding(None, now=now).verdict == "bad"
    program.unlink()
    assert doctor.tor_finding(None, now=now).verdict == "bad"
    assert doctor.tor_finding(SYSTEM, now=now).verdict == "ok"
    assert doctor.tor_finding(replace(SYSTEM, tor=TorState(mode="system")), now=now).verdict == "warn"


def test_priority_and_clock() -> None:
    assert doctor.priority_finding(ENGINE).verdict == "warn"
    assert doctor.priority_finding(replace(ENGINE, metronome_realtime=True)).verdict == "warn"
    assert doctor.priority_finding(replace(SYSTEM, metronome_realtime=True)).verdict == "ok"
    both = replace(ENGINE, metronome_realtime=True, tor_realtime=True)
    assert doctor.priority_finding(both).verdict == "ok"
    assert doctor.clock_finding(replace(ENGINE, clock_behind=90.0)).verdict == "bad"
    assert doctor.clock_finding(ENGINE).verdict in {"ok", "warn"}


LOCKS = """
import resource, sys
from onionchat.engine.process import lock_memory, may_lock_memory
if len(sys.argv) > 1:  # as a user without privilege
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (int(sys.argv[1]),) * 2)
    import os
    os.setgid(65534)
    os.setuid(65534)
said = may_lock_memory()
assert lock_memory() is said
held = bytearray(50_000_000)  # nothing fails later
print(said, [line.split()[1] != "0" for line in open("/proc/self/status") if line.startswith("VmLck")])
"""


def test_memory_is_locked_where_the_limit_allows_all_of_it() -> None:
    def said(*words: str) -> str:
        command = [sys.executable, "-c", LOCKS, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    if os.geteuid() == 0:
        assert said("8388608") == "False [False]"
    assert said() in {"True [True]", "False [False]"}
