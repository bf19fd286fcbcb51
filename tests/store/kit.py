"""What the store's tests share: a cheap passphrase, and vaults as plain dictionaries."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from onionchat.crypto.passphrase import PassphraseCost
from onionchat.crypto.sealing import unseal
from onionchat.errors import DecryptionError
from onionchat.store import DiskVault, Name, Record, Vault, create_vault, open_vault

PASSPHRASE: Final = "a passphrase"
FLOOR: Final = 8 * 1024
CHEAP: Final = PassphraseCost(memory=FLOOR, passes=1)

WAYS_SIZE: Final = 515 + 3 * 72 + 40 + 5 * 32
"""What stands before the sealed root in its slot: what is asked for, three ways, the keyring."""

State = dict[Name, bytes]


def create(folder: Path) -> DiskVault:
    return create_vault(folder, PASSPHRASE, random=os.urandom, cost=CHEAP, floor=FLOOR)


def reopen(folder: Path) -> DiskVault:
    return open_vault(folder, PASSPHRASE, random=os.urandom, floor=FLOOR)


def note(number: int, scope: bytes = b"scope") -> Name:
    return Name("note", scope, number.to_bytes(4))


def records(state: Mapping[Name, bytes]) -> list[Record]:
    return [Record(name, value) for name, value in state.items()]


def everything(vault: Vault, *, kind: str = "note", scope: bytes = b"scope") -> State:
    """All of one scope, found by listing and again by name."""
    listed = {record.name: record.value for record in vault.scan(kind, scope)}
    for name, value in listed.items():
        assert vault.get(name) == value
    return listed


def put_all(vault: Vault, state: Mapping[Name, bytes]) -> None:
    vault.commit(records(state))


def vault_keys(folder: Path, stretched: bytes) -> set[bytes]:
    """Every key that the stretched passphrase opens a way to, from any copy of one in the root slot.

    An independent reader: it knows the layout from its description and believes no checksum.
    """
    header = (folder / "sealed" / "header").read_bytes()
    root = (folder / "sealed" / "root").read_bytes()
    found = set()
    for label in (b"passphrase", b"recovery words"):
        role = b"onionchat/1 way by " + label
        extracted = hmac.digest(bytes(64), stretched, "sha512")
        key = hmac.digest(extracted, role + b"\0\0\1", "sha512")[:32]  # no factors; HKDF's first block
        for at in range(0, len(root), 4096):
            needs = root[at + 10 : at + 10 + 515]
            for way in range(at + 10 + 515, at + 10 + WAYS_SIZE - 72):
                with suppress(DecryptionError):
                    found.add(unseal(key, root[way : way + 72], ad=role + header + needs))
    return found
