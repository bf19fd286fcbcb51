from __future__ import annotations

from copy import copy

import pytest

from onionchat.crypto.ratchet import ENVELOPE_SIZE
from onionchat.crypto.turn import message_key
from onionchat.errors import DecryptionError

from .pairs import NOW, exchange_turns, sides, source


def test_what_no_header_key_opens_has_no_key() -> None:
    initiator, responder = sides()
    exchange_turns(initiator, responder, 2)
    noise = source(1)(ENVELOPE_SIZE)
    for side in (initiator, responder):
        with pytest.raises(DecryptionError):
            message_key(copy(side.ratchet._state), noise[:24], noise[24:84], side.random, NOW)
