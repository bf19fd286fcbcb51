"""Suite ``protocol``: what cryptography and state cost, beside what the primitives alone cost.

``one_way_over_floor``: sealing and opening a body of 1.8 kB in a running chain, beside one step of the chain
and two XChaCha20-Poly1305 calls on each side, which nobody can do without.

``ping_pong_over_floor``: the same where every envelope begins a new chain, beside the same floor with the
exchanges, derivations and key generation of a turn.

``doubleratchet_over_ours``: the package ``DoubleRatchet`` as shipped, with the parts that it recommends, in
place of ours; it has no header encryption.

``handshake_ms``: all three messages, both sides together, until both have the link's keys. ``cell_us``: an
envelope laid out in a cell and sealed. ``skip_1000_ms``: opening an envelope after 1,000 that did not come.
``state_bytes``: the largest state with no skipped keys during twelve KEM epochs; ``state_full_bytes``: with
2,000 of them. ``reject_over_accept``: see `rejection`.

Laws: ratios are of times that were taken in turns, within one run. The floor is made of the very calls that
the ratchet makes.
"""

from __future__ import annotations

from os import urandom
from pathlib import Path
from typing import Final

from ..crypto.chain import chain_step
from ..crypto.handshake import PAYLOAD_SIZES, Handshake, prologue
from ..crypto.header import HEADER_SIZE, NONCE_SIZE
from ..crypto.keys import KEY_SIZE, KeyPair, exchange
from ..crypto.link import SendingCipher
from ..crypto.ratchet import (  # type: ignore[attr-defined]  # the floor is made of the ratchet's own calls
    BODY_SIZE,
    ENVELOPE_SIZE,
    Ratchet,
    _open,
    _seal,
)
from ..crypto.root import root_step
from ..crypto.session import AD_SIZE
from ..crypto.skipped import MAX_SKIPPED_PER_STEP
from ..protocol.cell import CellType, lay_out
from .doubleratchet import doubleratchet
from .evidence import Control, Evidence, Figure, at_least, at_most, between, evidence, fact
from .network import Progress
from .rejection import measure_rejections
from .session import NOW, carry, full_ratchet, ratchets
from .stopwatch import QUICK_TURNS, TURNS, Contestant, Work, fastest, repeated

_EPOCH_TURNS: Final = 160
"""Envelopes each way, in which about twelve epochs begin."""


def measure(_folder: Path, *, lifeline: int, tell: Progress, quick: bool) -> Evidence:
    """Measure all of it.

    Raises:
        ConfigError: the package to compare with is not installed.
    """
    tell(0.0, "timing ratchet, handshake and cells")
    turns = QUICK_TURNS if quick else TURNS
    seconds = fastest(_contestants(), turns)
    tell(0.6, "timing what is refused")
    figures, controls = _judge(seconds)
    refused, more_controls = measure_rejections(turns // 2)
    figures += [
        at_most("state_bytes", _largest_state(), "B", 2_000),
        at_most("state_full_bytes", len(full_ratchet().to_bytes()), "B", 160_000),
        *refused,
    ]
    tell(1.0, "done")
    return evidence("protocol", figures, controls + more_controls)


def _judge(seconds: dict[str, float]) -> tuple[list[Figure], list[Control]]:
    one_way, floor = seconds["one way"], seconds["floor"]
    figures = [
        at_most("one_way_over_floor", one_way / floor, "", 1.5),
        at_most("ping_pong_over_floor", seconds["ping pong"] / seconds["ping pong floor"], "", 1.3),
        at_least("doubleratchet_over_ours", seconds["doubleratchet"] / one_way, "", 4),
        at_most("handshake_ms", 1e3 * seconds["handshake"], "ms", 1),
        at_most("cell_us", 1e6 * seconds["cell"], "us", 25),
        at_most("skip_1000_ms", 1e3 * seconds["skip"], "ms", 2),
        fact("one_way_us", 1e6 * one_way, "us"),
        fact("ping_pong_us", 1e6 * seconds["ping pong"], "us"),
        fact("doubleratchet_us", 1e6 * seconds["doubleratchet"], "us"),
    ]
    controls = [
        between("floor_measured_twice", seconds["floor again"] / floor, 0.9, 1.1),
        between("one_way_with_a_seal_too_many", seconds["a seal too many"] / one_way, 1.1, 1.5),
    ]
    return figures, controls


def _contestants() -> dict[str, Contestant]:
    body = urandom(BODY_SIZE)
    sender, receiver = ratchets()
    first, second = ratchets()
    cipher = SendingCipher(urandom(KEY_SIZE))
    envelope = bytes(ENVELOPE_SIZE)

    def one_way() -> None:
        sealed = sender.encrypt(body, random=urandom, now=NOW)
        receiver.decrypt(sealed, random=urandom, now=NOW)

    key, nonce = urandom(KEY_SIZE), urandom(NONCE_SIZE)

    def a_seal_too_many() -> None:
        one_way()
        _seal(body, None, nonce, key)

    def ping_pong() -> None:
        carry(first, second, body)
        carry(second, first, body)

    floor = _floor(body)
    return {
        "floor": repeated(floor),
        "one way": repeated(one_way),
        "floor again": repeated(floor),
        "a seal too many": repeated(a_seal_too_many),
        "doubleratchet": repeated(doubleratchet(body), 5),
        "ping pong": repeated(ping_pong, 3),
        "ping pong floor": repeated(_ping_pong_floor(floor), 3),
        "handshake": repeated(_handshake(), 1),
        "cell": repeated(lambda: cipher.seal(lay_out(CellType.ENVELOPE, envelope))),
        "skip": _skipping(),
    }


def _floor(body: bytes) -> Work:
    """One step of the chain and two XChaCha20-Poly1305 calls, on each side."""
    key, nonce = urandom(KEY_SIZE), urandom(NONCE_SIZE)
    header, ad = bytes(HEADER_SIZE), bytes(AD_SIZE + len(_seal(bytes(HEADER_SIZE), None, nonce, key)))

    def work() -> None:
        chain_step(key)
        sealed_header = _seal(header, None, nonce, key)
        sealed_body = _seal(body, ad, nonce, key)
        chain_step(key)
        _open(sealed_header, None, nonce, key)
        _open(sealed_body, ad, nonce, key)

    return work


def _ping_pong_floor(floor: Work) -> Work:
    """Twice the floor of an envelope, each with a turn: two exchanges, two root steps and a new key."""
    own = KeyPair.generate(urandom)
    secret, peer, root = own.secret(), own.public, urandom(KEY_SIZE)

    def work() -> None:
        for _ in range(2):
            floor()
            root_step(root, exchange(secret, peer), None)
            KeyPair.generate(urandom)
            root_step(root, exchange(secret, peer), None)

    return work


def _handshake() -> Work:
    onion = prologue(urandom(KEY_SIZE))
    ours, theirs, psk = KeyPair.generate(urandom), KeyPair.generate(urandom), urandom(KEY_SIZE)
    first, second, third = (bytes(size) for size in PAYLOAD_SIZES)

    def work() -> None:
        initiator = Handshake.initiator(
            prologue=onion, static=ours, remote_static=theirs.public, psk=psk, random=urandom
        )
        responder = Handshake.responder(prologue=onion, static=theirs, psks=[psk], random=urandom)
        responder.read(initiator.write(first))
        initiator.read(responder.write(second))
        responder.read(initiator.write(third))
        initiator.secrets()
        responder.secrets()

    return work


def _skipping() -> Contestant:
    sender, receiver = ratchets()
    for _ in range(MAX_SKIPPED_PER_STEP):
        sender.encrypt(bytes(BODY_SIZE), random=urandom, now=NOW)
    late = sender.encrypt(bytes(BODY_SIZE), random=urandom, now=NOW)
    state = receiver.to_bytes()

    def prepare() -> Work:
        ratchet = Ratchet.from_bytes(state)
        return lambda: ratchet.decrypt(late, random=urandom, now=NOW)

    return Contestant(prepare=prepare)


def _largest_state() -> int:
    """Bytes, at every point of a conversation in which nothing is lost."""
    largest = 0
    first, second = ratchets()
    for _ in range(_EPOCH_TURNS):
        for sender, receiver in ((first, second), (second, first)):
            part = sender.rekey_part(NOW)
            carry(sender, receiver, bytes(BODY_SIZE))
            if part is not None:
                receiver.accept_rekey(part, now=NOW)
            largest = max(largest, len(sender.to_bytes()), len(receiver.to_bytes()))
    return largest
