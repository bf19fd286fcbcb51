"""How a ratchet's state moves: its turns, and the way to an envelope's key. docs/protocol.md, «Ratchet».

Laws: every function here changes the state that it is given, which is the caller's copy; where one raises,
that copy is thrown away. Turns alternate: nobody begins a second chain before the peer's answer to the
first.
"""

from __future__ import annotations

from ..errors import DecryptionError
from . import RandomSource, skipped
from .chain import chain_step
from .epoch import Epoch
from .header import MAX_NUMBER, Header, open_header
from .keys import KeyPair, exchange
from .root import root_step
from .session import EPOCH_MESSAGES, EPOCH_SECONDS, ChainState, SessionState


def count(state: SessionState, now: int) -> None:
    """One more envelope since the last KEM epoch began."""
    if state.messages < EPOCH_MESSAGES:
        state.messages += 1
        if state.messages == EPOCH_MESSAGES:
            state.due_at = min(state.due_at, now)


def turn_to_sending(state: SessionState, peer: bytes, now: int) -> None:
    """Begin our next chain; a proposer who has the KEM secret mixes it in.

    Raises:
        CryptoError: ``peer`` is unusable.
    """
    mixed = state.epoch.mixed if state.epoch.proposer else None
    step = root_step(state.root, exchange(state.own_secret, peer), mixed)
    state.previous, state.sent = state.sent, 0
    state.sending = ChainState(step.chain, state.next_sending_header)
    state.root, state.next_sending_header = step.root, step.next_header
    if mixed is not None:
        _begin(state, state.epoch.begin_next(), now)


def turn_to_receiving(state: SessionState, header: Header, random: RandomSource, now: int) -> ChainState:
    """Begin the peer's next chain, which is returned, and answer it with one of ours under a new key.

    Where the header is marked with the next epoch, the KEM secret is mixed in.

    Raises:
        DecryptionError: the header's epoch is none that can begin now.
        CryptoError: the header's ratchet key is unusable.
    """
    epoch = state.epoch
    mixed = None
    if header.epoch != epoch.number:
        mixed = epoch.mixed
        if epoch.proposer or mixed is None or header.epoch != epoch.number + 1:
            raise DecryptionError
    step = root_step(state.root, exchange(state.own_secret, header.dh), mixed)
    state.received = 0
    chain = ChainState(step.chain, state.next_receiving_header)
    state.root, state.next_receiving_header = step.root, step.next_header
    if mixed is not None:
        _begin(state, epoch.begin_next(), now)
    own = KeyPair.generate(random)
    state.own_secret, state.own_public = own.secret(), own.public
    turn_to_sending(state, header.dh, now)
    return chain


def message_key(state: SessionState, nonce: bytes, sealed: bytes, random: RandomSource, now: int) -> bytes:
    """The 32-byte key of the envelope with this nonce and sealed header; the state is then past it.

    Raises:
        DecryptionError: no header key opens it, it was opened before, or it lies further ahead than allowed.
        CryptoError: it brings an unusable ratchet key.
    """
    chain = state.receiving
    if chain is not None:
        header = open_header(chain.header_key, nonce, sealed)
        if header is not None:
            if header.number < state.received:
                return _take_skipped(state, chain.header_key, header.number)
            return _advance(state, chain, header.number, now)
    header = open_header(state.next_receiving_header, nonce, sealed)
    if header is not None:
        if chain is not None:
            _skip(state, chain, header.previous, now)
            state.skipped = skipped.retire(state.skipped)
        chain = turn_to_receiving(state, header, random, now)
        return _advance(state, chain, header.number, now)
    for old in state.skipped:
        header = open_header(old.header_key, nonce, sealed)
        if header is not None:
            return _take_skipped(state, old.header_key, header.number)
    raise DecryptionError


def _begin(state: SessionState, epoch: Epoch, now: int) -> None:
    state.epoch = epoch
    state.messages = 0
    state.due_at = now + EPOCH_SECONDS


def _advance(state: SessionState, chain: ChainState, number: int, now: int) -> bytes:
    """The key of envelope ``number``, with those before it stored."""
    if number == MAX_NUMBER:  # no chain has so many envelopes
        raise DecryptionError
    chain_key = chain.key if number == state.received else _skip(state, chain, number, now)
    next_key, key = chain_step(chain_key)
    state.receiving = ChainState(next_key, chain.header_key)
    state.received = number + 1
    return key


def _skip(state: SessionState, chain: ChainState, number: int, now: int) -> bytes:
    """Store the keys before ``number`` that are still to come; the chain key of ``number``."""
    ahead = number - state.received
    if not 0 <= ahead <= skipped.MAX_SKIPPED_PER_STEP:
        raise DecryptionError
    chain_key = chain.key
    records = []
    for skip in range(state.received, number):
        chain_key, key = chain_step(chain_key)
        records.append(skipped.pack_key(skip, now, key))
    if records:
        state.skipped = skipped.add(state.skipped, chain.header_key, b"".join(records))
    return chain_key


def _take_skipped(state: SessionState, header_key: bytes, number: int) -> bytes:
    taken = skipped.take(state.skipped, header_key, number)
    if taken is None:
        raise DecryptionError
    key, state.skipped = taken
    return key
