"""What becomes of the vault's old bytes on this machine: its file system, the disk below, swap, hibernation.

Laws: as in `doctor.py`. What the store erases it overwrites in place; here is told where that does not hold.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .doctor import Finding, Machine

ENOUGH: Final = "encrypt the whole disk, and keep what must not stay in memory: onionchat --amnesic"
IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
COPY_ON_WRITE: Final = frozenset({"btrfs", "zfs", "bcachefs", "f2fs", "nilfs2"})
NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "fuse.sshfs", "glusterfs"}
)
_PLAIN: Final = frozenset({"ext3", "ext4"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Where a folder lies."""

    kind: str
    options: str
    device: str
    """«major:minor»"""
    source: str


def mount_of(machine: Machine, folder: Path) -> Mount | None:
    """The mount that holds ``folder``, or the nearest folder above it that exists."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    wanted = place.resolve()
    best, longest = None, -1
    for line in machine.read(machine.proc / "self" / "mountinfo").splitlines():
        front, _, back = line.partition(" - ")
        words, rest = front.split(" "), back.split(" ")
        if len(words) < 6 or len(rest) < 3:
            continue
        point = Path(words[4].encode().decode("unicode_escape"))
        if wanted.is_relative_to(point) and len(point.parts) >= longest:
            longest = len(point.parts)
            best = Mount(kind=rest[0], source=rest[1], options=f"{words[5]},{rest[2]}", device=words[2])
    return best


def disk_findings(machine: Machine, folder: Path) -> list[Finding]:
    """The vault's file system, and what it lies on."""
    mount = mount_of(machine, folder)
    if mount is None:
        return [
            Finding(
                name="file system", verdict="warn", text="it is not known where the vault lies", hint=ENOUGH
            )
        ]
    found = [_file_system(machine, mount)]
    if mount.kind not in IN_MEMORY | NETWORK:
        found.append(_flash(machine, mount))
    return found


def _file_system(machine: Machine, mount: Mount) -> Finding:
    name, kind = "file system", mount.kind
    if kind in IN_MEMORY:
        return Finding(name=name, verdict="ok", text=f"{kind}: memory, gone when the machine is switched off")
    if kind in COPY_ON_WRITE:
        text = f"{kind} keeps old copies of what is overwritten: what was erased may be read from the disk"
        return Finding(name=name, verdict="bad", text=text, hint=f"move the vault to ext4, or {ENOUGH}")
    if kind in NETWORK:
        text = f"{kind}: another machine holds the bytes, and what it keeps nobody here knows"
        return Finding(name=name, verdict="bad", text=text, hint="move the vault to a disk of this machine")
    if kind == "overlay":
        text = "overlay (a container): the disk below decides, and images or layers may keep copies"
        return Finding(name=name, verdict="warn", text=text, hint="give the vault a volume of its own")
    if kind in _PLAIN:
        told = machine.read(machine.proc / "fs" / kind / Path(mount.source).name / "options")
        if "data=journal" in mount.options.split(",") or "data=journal" in told.split():
            text = f"{kind} with data=journal: the journal keeps what was overwritten"
            return Finding(name=name, verdict="bad", text=text, hint="mount it with data=ordered")
        return Finding(name=name, verdict="ok", text=f"{kind} overwrites in place, as erasing needs it")
    text = f"{kind}: erasing was not tried on it"
    return Finding(name=name, verdict="warn", text=text, hint=f"move the vault to ext4, or {ENOUGH}")


def _flash(machine: Machine, mount: Mount) -> Finding:
    name = "disk"
    disks = _disks(machine, (machine.sys / "dev" / "block" / mount.device).resolve())
    if not disks:
        return Finding(name=name, verdict="warn", text="it is not known what it is", hint=ENOUGH)
    encrypted = any(_encrypted(machine, disk) for disk in disks)
    turning = all(machine.read(disk / "queue" / "rotational").strip() == "1" for disk in disks[-1:])
    if turning:
        return Finding(
            name=name, verdict="ok", text="magnetic or virtual, as far as it tells: it overwrites in place"
        )
    text = "flash: the drive itself keeps old copies of what is overwritten, out of everybody's sight"
    if encrypted:
        return Finding(
            name=name, verdict="ok", text=f"{text}; but it is encrypted: they say nothing without its key"
        )
    return Finding(name=name, verdict="warn", text=text, hint=ENOUGH)


def _disks(machine: Machine, device: Path) -> list[Path]:
    """A block device and what it lies on, the lowest last."""
    if not device.exists():
        return []
    found = [device]
    below = sorted(path.resolve() for path in (device / "slaves").glob("*"))
    if below:
        found += _disks(machine, below[0])
    elif not (device / "queue").exists() and (device / "partition").exists():
        found.append(device.parent)
    return found


def _encrypted(machine: Machine, device: Path) -> bool:
    return machine.read(device / "dm" / "uuid").startswith("CRYPT-")


def swap_finding(machine: Machine, *, locked: bool) -> Finding:
    """Where memory is written to when there is too little of it; ``locked``: the engine's is not."""
    name = "swap"
    places = [
        line.split()[0] for line in machine.read(machine.proc / "swaps").splitlines()[1:] if line.strip()
    ]
    open_ones = [place for place in places if not _harmless(machine, Path(place))]
    if not places:
        return Finding(name=name, verdict="ok", text="there is none")
    if not open_ones:
        return Finding(name=name, verdict="ok", text="in memory or encrypted")
    text = f"{', '.join(open_ones)}: not encrypted"
    if locked:
        return Finding(
            name=name,
            verdict="warn",
            text=f"{text}; the engine's memory never gets there, but the window's may",
            hint="swapoff -a, or encrypt it",
        )
    return Finding(
        name=name, verdict="bad", text=f"{text}; keys may be written there", hint="swapoff -a, or encrypt it"
    )


def _harmless(machine: Machine, place: Path) -> bool:
    """zram without a disk behind it, or a device that is encrypted."""
    name = os.path.realpath(place).rpartition("/")[2]
    block = machine.sys / "block" / name
    if name.startswith("zram"):
        return machine.read(block / "backing_dev").strip() in {"", "none"}
    return any(_encrypted(machine, disk) for disk in _disks(machine, block))


def hibernation_finding(machine: Machine) -> Finding:
    """Whether all memory may be written to disk when the machine sleeps."""
    name = "hibernation"
    can = "disk" in machine.read(machine.sys / "power" / "state").split()
    places = machine.read(machine.proc / "swaps").splitlines()[1:]
    aimed = machine.read(machine.sys / "power" / "resume").strip() not in {"", "0:0"}
    if not can or not (places or aimed):
        return Finding(name=name, verdict="ok", text="not possible here")
    hint = "lock the vault before (onionchat lock), or: systemctl mask hibernate.target hybrid-sleep.target"
    if places and all(_harmless(machine, Path(line.split()[0])) for line in places):
        return Finding(
            name=name, verdict="warn", text="writes all memory, keys too, to an encrypted swap", hint=hint
        )
    return Finding(name=name, verdict="bad", text="writes all memory, keys too, to the disk", hint=hint)
