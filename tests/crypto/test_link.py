from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from onionchat.crypto.link import (
    CELL_PLAINTEXT_SIZE,
    CELL_SIZE,
    COUNTER_LIMIT,
    REKEY_INTERVAL,
    ReceivingCipher,
    SendingCipher,
)
from onionchat.errors import CryptoError, DecryptionError, LocalProtocolError

from .pairs import source

KEY = source(1)(32)
PLAINTEXT = source(2)(CELL_PLAINTEXT_SIZE)


def test_cells_are_what_another_implementation_makes_of_them() -> None:
    sending, receiving = SendingCipher(KEY), ReceivingCipher(KEY)
    key = KEY
    for number in range(2 * REKEY_INTERVAL + 3):
        if number in {REKEY_INTERVAL, 2 * REKEY_INTERVAL}:
            key = ChaCha20Poly1305(key).encrypt(bytes(4) + b"\xff" * 8, bytes(32), b"")[:32]
        cell = sending.seal(PLAINTEXT)
        nonce = bytes(4) + number.to_bytes(8, "little")
        assert cell == ChaCha20Poly1305(key).encrypt(nonce, PLAINTEXT, b"")
        assert receiving.open(cell) == PLAINTEXT


@pytest.mark.parametrize("number", [0, 1, REKEY_INTERVAL, REKEY_INTERVAL + 1])
def test_a_cell_that_does_not_open_changes_nothing(number: int) -> None:
    sending, receiving = SendingCipher(KEY), ReceivingCipher(KEY)
    for _ in range(number):
        receiving.open(sending.seal(PLAINTEXT))
    cell = sending.seal(PLAINTEXT)
    flipped = bytes([cell[0] ^ 1]) + cell[1:]
    for bad in (flipped, cell[:-1], cell + b"\0", b"", sending.seal(PLAINTEXT)):
        with pytest.raises(DecryptionError):
            receiving.open(bad)
    assert receiving.open(cell) == PLAINTEXT
    with pytest.raises(DecryptionError):
        receiving.open(cell)


def test_every_region_of_a_cell_is_authenticated() -> None:
    cell = SendingCipher(KEY).seal(PLAINTEXT)
    receiving = ReceivingCipher(KEY)
    for place in range(0, CELL_SIZE, 61):
        with pytest.raises(DecryptionError):
            receiving.open(cell[:place] + bytes([cell[place] ^ 0x80]) + cell[place + 1 :])
    assert receiving.open(cell) == PLAINTEXT


def test_a_counter_goes_on_where_it_is_told() -> None:
    sending = SendingCipher(KEY)
    cells = [sending.seal(PLAINTEXT) for _ in range(4)]
    assert SendingCipher(KEY, 3).seal(PLAINTEXT) == cells[3]


def test_the_last_counter_belongs_to_no_cell() -> None:
    sending, receiving = SendingCipher(KEY, COUNTER_LIMIT - 1), ReceivingCipher(KEY, COUNTER_LIMIT - 1)
    assert receiving.open(sending.seal(PLAINTEXT)) == PLAINTEXT
    with pytest.raises(LocalProtocolError, match="used up"):
        sending.seal(PLAINTEXT)
    nonce = bytes(4) + b"\xff" * 8
    with pytest.raises(DecryptionError):
        receiving.open(ChaCha20Poly1305(KEY).encrypt(nonce, PLAINTEXT, b""))


def test_wrong_lengths_are_refused() -> None:
    with pytest.raises(CryptoError, match="32 bytes"):
        SendingCipher(KEY[1:])
    for size in (0, CELL_PLAINTEXT_SIZE - 1, CELL_PLAINTEXT_SIZE + 1):
        with pytest.raises(LocalProtocolError, match="1,936"):
            SendingCipher(KEY).seal(bytes(size))


def test_a_link_needs_neither_handshake_nor_ratchet() -> None:
    code = (
        "import sys, onionchat.crypto.link; "
        "print(*sorted(m for m in sys.modules if m.startswith(('onionchat.', 'cryptography'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "onionchat.crypto",
        "onionchat.crypto.link",
        "onionchat.crypto.secret",
        "onionchat.errors",
    ]
