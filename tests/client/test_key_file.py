from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from onionchat.client.key_file import LEAST, MOST, NEW_SIZE, key_file_secret, make_key_file
from onionchat.errors import ConfigError


def test_a_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_key_file(path, os.urandom)
    content = path.read_bytes()
    assert len(content) == NEW_SIZE
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="cannot be made"):
        make_key_file(path, os.urandom)
    assert path.read_bytes() == content


def test_its_secret_is_that_of_the_whole_content(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    content = os.urandom(3_000_000)
    path.write_bytes(content)
    expected = hashlib.blake2b(content, digest_size=32, person=b"onionchat/1 file").digest()
    assert key_file_secret(path) == expected
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert key_file_secret(path) != expected
    assert path.stat().st_size == len(content)


@pytest.mark.parametrize("size", [0, LEAST - 1, MOST + 1])
def test_too_short_or_too_long(tmp_path: Path, size: int) -> None:
    path = tmp_path / "key"
    path.touch()
    os.truncate(path, size)
    with pytest.raises(ConfigError, match="32 bytes to 64 MiB"):
        key_file_secret(path)
    os.truncate(path, LEAST)
    assert len(key_file_secret(path)) == 32


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            key_file_secret(path)
