"""Nothing that holds a secret can be printed, pickled, copied deeply or compared by content."""

from __future__ import annotations

import copy
import pickle
from inspect import getattr_static
from random import Random

import pytest
from rich.pretty import pretty_repr

from onionchat.crypto.epoch import Epoch
from onionchat.crypto.handshake import PATTERN
from onionchat.crypto.kem import KemPair
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.link import ReceivingCipher, SendingCipher
from onionchat.crypto.noise import HandshakeState
from onionchat.crypto.onion import OnionKey
from onionchat.crypto.secret import Secret
from onionchat.crypto.session import ChainState
from onionchat.crypto.skipped import SkippedChain
from onionchat.crypto.symmetric import CipherState, SymmetricState

from .pairs import Meeting, ratchets, session_seed, shaken, source

KEY = Random(3).randbytes(32)


def everything() -> list[Secret]:
    meeting = Meeting()
    random = source(4)
    ratchet = ratchets()[0]
    state = HandshakeState(
        PATTERN,
        initiator=True,
        prologue=b"",
        random=random,
        static=meeting.ours,
        remote_static=KEY,
        psk=KEY,
    )
    return [
        KeyPair.from_secret(KEY),
        OnionKey.from_seed(KEY),
        KemPair.from_seed(KEY * 2),
        SendingCipher(KEY),
        ReceivingCipher(KEY),
        CipherState(KEY),
        SymmetricState(KEY),
        state,
        shaken(meeting)[0],
        shaken(meeting)[0].secrets(),
        session_seed(random),
        ratchet,
        ratchet._state,
        ChainState(KEY, KEY),
        SkippedChain(KEY, KEY + KEY[:12]),
        Epoch(number=0, proposer=True, mixed=KEY * 2),
    ]


@pytest.mark.parametrize("secret", everything(), ids=lambda secret: type(secret).__name__)
class TestSecrets:
    def test_no_representation_shows_a_byte(self, secret: Secret) -> None:
        name = type(secret).__name__
        assert repr(secret) == str(secret) == f"{secret}" == f"<{name} (redacted)>"
        assert pretty_repr(secret) in {repr(secret), f"{name}()"}

    def test_none_is_pickled_or_copied_deeply(self, secret: Secret) -> None:
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(secret)
        with pytest.raises(TypeError, match="cannot be pickled"):
            copy.deepcopy(secret)

    def test_comparing_never_looks_at_the_content(self, secret: Secret) -> None:
        for method in ("__eq__", "__hash__"):
            assert getattr_static(type(secret), method) is getattr_static(object, method)

    def test_none_has_an_open_namespace(self, secret: Secret) -> None:
        assert not hasattr(secret, "__dict__")


def test_two_with_the_same_content_are_still_two() -> None:
    assert ChainState(KEY, KEY) != ChainState(KEY, KEY)
    assert len({KeyPair.from_secret(KEY), KeyPair.from_secret(KEY)}) == 2
