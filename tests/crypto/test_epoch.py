from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import pytest

from onionchat.crypto.epoch import ON_PART, ON_PROPOSAL, ON_TURN, Epoch, EpochState, KemCiphertext, KemKey
from onionchat.crypto.header import MAX_NUMBER
from onionchat.errors import LocalProtocolError, RemoteProtocolError


def opened() -> tuple[Epoch, Epoch, KemKey, KemCiphertext]:
    """A proposer who has offered a key, a peer who has answered it, and both parts."""
    proposer = Epoch(number=0, proposer=True).propose()
    key = proposer.part()
    assert isinstance(key, KemKey)
    peer = Epoch(number=0, proposer=False).accept(key)
    ciphertext = peer.part()
    assert isinstance(ciphertext, KemCiphertext)
    return proposer, peer, key, ciphertext


def test_both_come_to_the_same_secret_and_change_roles() -> None:
    proposer, peer, key, ciphertext = opened()
    assert (key.epoch, ciphertext.epoch) == (1, 1)
    assert proposer.mixed is None
    proposer = proposer.accept(ciphertext)
    assert proposer.mixed == peer.mixed
    assert proposer.mixed is not None
    assert (
        proposer.mixed[32:]
        == blake2b(
            b"\0\0\0\1" + key.key + ciphertext.ciphertext, digest_size=32, person=b"onionchat/1 kem"
        ).digest()
    )
    assert (proposer.part(), proposer.seed) == (None, None)
    after = proposer.begin_next(), peer.begin_next()
    assert [(epoch.number, epoch.proposer) for epoch in after] == [(1, False), (1, True)]
    assert all((epoch.offer, epoch.seed, epoch.mixed) == (None, None, None) for epoch in after)


def test_a_part_is_repeated_unchanged() -> None:
    proposer, peer, key, ciphertext = opened()
    assert proposer.part() == key
    assert peer.part() == ciphertext


def test_repeated_and_stale_parts_change_nothing() -> None:
    proposer, peer, key, ciphertext = opened()
    assert peer.accept(key) is peer
    proposer = proposer.accept(ciphertext)
    assert proposer.accept(ciphertext) is proposer
    for epoch in (proposer.begin_next(), peer.begin_next()):
        assert epoch.accept(key) is epoch
        assert epoch.accept(ciphertext) is epoch


def test_a_part_for_the_first_epoch_of_all_is_stale() -> None:
    proposer, peer, key, ciphertext = opened()
    for epoch in (proposer, peer):
        assert epoch.accept(replace(key, epoch=0)) is epoch
        assert epoch.accept(replace(ciphertext, epoch=0)) is epoch


def test_a_second_key_for_an_answered_epoch_is_ignored() -> None:
    _, peer, _, _ = opened()
    other = Epoch(number=0, proposer=True).propose().part()
    assert isinstance(other, KemKey)
    assert peer.accept(other) is peer


@pytest.mark.parametrize("number", [2, -1, 2**40])
def test_an_epoch_that_cannot_be_next_is_refused(number: int) -> None:
    proposer, _, key, ciphertext = opened()
    with pytest.raises(RemoteProtocolError, match="nobody asked"):
        proposer.accept(replace(ciphertext, epoch=number))
    with pytest.raises(RemoteProtocolError, match="nobody asked"):
        Epoch(number=0, proposer=False).accept(replace(key, epoch=number))


def test_a_part_from_the_wrong_side_is_refused() -> None:
    proposer, peer, key, ciphertext = opened()
    with pytest.raises(RemoteProtocolError, match="nobody asked"):
        proposer.accept(key)
    with pytest.raises(RemoteProtocolError, match="nobody asked"):
        peer.accept(ciphertext)
    with pytest.raises(RemoteProtocolError, match="nobody asked"):
        Epoch(number=0, proposer=True).accept(ciphertext)


def test_a_malformed_part_is_refused() -> None:
    proposer, _, key, ciphertext = opened()
    peer = Epoch(number=0, proposer=False)
    for bad in (key.key[1:], key.key + b"\0", b"\xff" * 1184, b""):
        with pytest.raises(RemoteProtocolError, match="malformed"):
            peer.accept(replace(key, key=bad))
    for bad in (ciphertext.ciphertext[1:], ciphertext.ciphertext + b"\0", b""):
        with pytest.raises(RemoteProtocolError, match="malformed"):
            proposer.accept(replace(ciphertext, ciphertext=bad))


def test_nothing_follows_the_last_epoch() -> None:
    assert Epoch(number=MAX_NUMBER - 1, proposer=True).awaits_proposal
    assert not Epoch(number=MAX_NUMBER, proposer=True).awaits_proposal
    _, _, key, _ = opened()
    with pytest.raises(RemoteProtocolError, match="nobody asked"):
        Epoch(number=MAX_NUMBER, proposer=False).accept(replace(key, epoch=MAX_NUMBER + 1))


def test_only_an_idle_proposer_awaits_a_proposal() -> None:
    proposer, peer, _, ciphertext = opened()
    assert Epoch(number=0, proposer=True).awaits_proposal
    assert not Epoch(number=0, proposer=False).awaits_proposal
    assert not any(epoch.awaits_proposal for epoch in (proposer, peer, proposer.accept(ciphertext)))


def in_every_state() -> tuple[dict[EpochState, Epoch], KemKey, KemCiphertext]:
    proposer, peer, key, ciphertext = opened()
    idle, waiting = Epoch(number=0, proposer=True), Epoch(number=0, proposer=False)
    ready = proposer.accept(ciphertext)
    return {epoch.state: epoch for epoch in (idle, waiting, proposer, peer, ready)}, key, ciphertext


def test_each_state_takes_the_parts_of_the_table_and_no_other() -> None:
    epochs, key, ciphertext = in_every_state()
    assert set(epochs) == set(EpochState)
    for state, epoch in epochs.items():
        for part in (key, ciphertext):
            if (state, type(part)) in ON_PART:
                assert epoch.accept(part).state is ON_PART[state, type(part)]
            else:
                with pytest.raises(RemoteProtocolError, match="nobody asked"):
                    epoch.accept(part)


def test_each_state_is_proposed_and_begun_by_the_table_and_never_otherwise() -> None:
    for state, epoch in in_every_state()[0].items():
        if state in ON_PROPOSAL:
            assert epoch.propose().state is ON_PROPOSAL[state]
        else:
            with pytest.raises(LocalProtocolError, match=state.value):
                epoch.propose()
        if state in ON_TURN:
            assert epoch.begin_next().state is ON_TURN[state]
        else:
            with pytest.raises(LocalProtocolError, match=state.value):
                epoch.begin_next()
    with pytest.raises(LocalProtocolError, match="idle"):
        Epoch(number=MAX_NUMBER, proposer=True).propose()


SEED, MIXED, KEY, CIPHERTEXT = bytes(64), bytes(64), bytes(1184), bytes(1088)


@pytest.mark.parametrize(
    ("proposer", "offer", "seed", "mixed"),
    [
        (True, KEY, None, None),
        (True, None, SEED, None),
        (True, KEY, SEED, MIXED),
        (True, CIPHERTEXT, SEED, None),
        (False, None, None, MIXED),
        (False, CIPHERTEXT, None, None),
        (False, CIPHERTEXT, SEED, MIXED),
        (False, KEY, None, MIXED),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    proposer: bool, offer: bytes | None, seed: bytes | None, mixed: bytes | None
) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Epoch(number=0, proposer=proposer, offer=offer, seed=seed, mixed=mixed)
