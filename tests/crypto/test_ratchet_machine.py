"""Two ratchets over a link that does everything to them, as hypothesis wants it; and thieves of states.

What must open is said by `Expected`, a model of the receiver's bounds that knows no key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as seal

from onionchat.crypto import chain, ratchet, skipped, turn
from onionchat.crypto.header import NONCE_SIZE
from onionchat.crypto.keys import KeyPair
from onionchat.crypto.ratchet import BODY_SIZE, ENVELOPE_SIZE, Ratchet
from onionchat.crypto.root import root_step
from onionchat.errors import DecryptionError

from ..profiles import lives
from .pairs import Side, sides
from .thief import Letter, Thief, within_reach

LIVES, STEPS = 30, 50
THIEVES = 3
UNDER_WAY = 16
"""Envelopes that are under way at once."""

places = st.integers(0, UNDER_WAY)
who = st.sampled_from((0, 1))


class Aead:
    """Sees every key and nonce that seals, and refuses a pair that comes again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.used: set[tuple[bytes, bytes]] = set()
        self.key_of: dict[bytes, bytes] = {}
        """The message key of a body, by the nonce in front of its envelope."""
        monkeypatch.setattr("onionchat.crypto.ratchet._seal", self._seal)

    def _seal(self, message: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> bytes:
        assert (key, nonce) not in self.used, "a key has met a nonce again"
        self.used.add((key, nonce))
        if len(message) == BODY_SIZE:
            self.key_of[nonce] = key
        return seal(message, aad, nonce, key)

    def key(self, letter: Letter) -> bytes:
        return self.key_of[letter.envelope[:NONCE_SIZE]]


class Expected:
    """Which letters one side opens: the next ones, and those of which a key was stored and not dropped."""

    def __init__(self) -> None:
        self.chain = 0
        self.next = 0
        self.missing: list[tuple[int, int, int]] = []
        """Chain, number and when it was passed over, oldest first."""

    def expire(self, now: int) -> None:
        self.missing = [m for m in self.missing if m[2] >= now - skipped.MAX_SKIPPED_AGE]

    def take(self, letter: Letter, now: int) -> bool:
        """Whether it opens; if so, it is opened."""
        known = [entry for entry in self.missing if entry[:2] == (letter.chain, letter.number)]
        if letter.chain < self.chain or (letter.chain == self.chain and letter.number < self.next):
            for entry in known:
                self.missing.remove(entry)
            return bool(known)
        if letter.chain > self.chain:
            self._pass(letter.previous, now)
            kept = sorted({chain for chain, _, _ in self.missing})[-skipped.MAX_OLD_CHAINS :]
            self.missing = [entry for entry in self.missing if entry[0] in kept]
            self.chain, self.next = letter.chain, 0
        self._pass(letter.number, now)
        self.next += 1
        return True

    def _pass(self, number: int, now: int) -> None:
        self.missing += [(self.chain, missed, now) for missed in range(self.next, number)]
        self.missing = self.missing[-skipped.MAX_SKIPPED :]
        self.next = number


class Correspondence(RuleBasedStateMachine):
    """Initiator and responder, each with what is stored of it."""

    aead: Aead
    tally: Counter[str]

    @initialize(seed=st.integers(0, 2**16))
    def meet(self, seed: int) -> None:
        self.aead.used.clear()
        self.aead.key_of.clear()
        self.sides = sides(seed)
        self.stored = [side.ratchet.to_bytes() for side in self.sides]
        self.older = list(self.stored)
        self.begun = [1, 0]
        self.expected = (Expected(), Expected())
        self.flying: tuple[list[Letter], list[Letter]] = ([], [])
        self.delivered: list[Letter] = []
        self.lost: list[Letter] = []
        self.thieves: list[Thief] = []

    # --- what the two do -------------------------------------------------------------------------

    @rule(index=who, count=st.integers(1, 3))
    def send(self, index: int, count: int) -> None:
        for _ in range(count):
            if self.may_send(index):
                letter = self.write(index)
                self.keep(index)
                self.flying[index].append(letter)
                self.on_the_wire(letter)

    @rule(turns=st.integers(1, 12), first=who, each=st.integers(1, 2), newest=st.booleans())
    def converse(self, turns: int, first: int, each: int, newest: bool) -> None:
        """Everything arrives and in order, or only the newest letter of each turn."""
        for step in range(turns):
            index = (first + step) % 2
            self.send(index, each)
            self.deliver(index, [-1] if newest else [0] * UNDER_WAY)

    @rule(index=who)
    def crash_before_the_step_is_stored(self, index: int) -> None:
        """The envelope never leaves; its key seals the next one, under another nonce."""
        if self.may_send(index):
            self.write(index)
            self.crash(index)

    @rule(index=who)
    def send_from_an_older_state(self, index: int) -> None:
        """A vault that somebody has put back: not allowed, and still no nonce is repeated."""
        past = Side(Ratchet.from_bytes(self.older[index]), seed=self.sides[index].now)
        past.random = self.sides[index].random
        if past.ratchet.can_send:
            past.send()
            self.tally["sent from an older state"] += 1

    @rule(index=who, order=st.lists(places, min_size=1, max_size=6))
    def deliver(self, index: int, order: list[int]) -> None:
        """In any order: what opens and what does not is the model's word."""
        for place in order:
            if self.flying[index]:
                self.arrive(1 - index, self.flying[index].pop(place % len(self.flying[index])))

    @rule(index=who, place=places)
    def crash_before_what_came_is_stored(self, index: int, place: int) -> None:
        """As if it had never come: it comes again."""
        if not self.flying[index]:
            return
        letter = self.flying[index][place % len(self.flying[index])]
        reader = self.sides[1 - index]
        before = self.begun[1 - index]
        if self.expects(1 - index, letter):
            self.open(1 - index, letter, begins=letter.chain > self.expected[1 - index].chain)
            self.begun[1 - index] = before
            self.crash(1 - index)
            assert reader.ratchet.to_bytes() == self.stored[1 - index]

    @rule(index=who)
    def restart(self, index: int) -> None:
        self.crash(index)

    @rule(index=who, seconds=st.sampled_from((1, 60, 3600, 86_400 * 20)))
    def wait(self, index: int, seconds: int) -> None:
        self.sides[index].now += seconds

    # --- what is done to them ----------------------------------------------------------------------

    @rule(index=who, place=places)
    def lose(self, index: int, place: int) -> None:
        if self.flying[index]:
            self.lost.append(self.flying[index].pop(place % len(self.flying[index])))

    @rule(index=who, place=places, bit=st.integers(0, 8 * ENVELOPE_SIZE - 1), noise=st.binary(max_size=40))
    def attack(self, index: int, place: int, bit: int, noise: bytes) -> None:
        """A repeated letter, a flipped bit, a true header with another body, bytes of no meaning."""
        if self.delivered:
            self.refuse(index, self.delivered[-1 - place % len(self.delivered)].envelope)
        under_way = [letter.envelope for letter in self.flying[1 - index]]
        for envelope in under_way[:2]:
            damaged = bytearray(envelope)
            damaged[bit // 8] ^= 1 << bit % 8
            self.refuse(index, bytes(damaged))
        for one, other in pairwise(under_way[:3]):
            self.refuse(index, one[:84] + other[84:])
        self.refuse(index, noise.ljust(ENVELOPE_SIZE, b"\x5a"))
        self.refuse(index, noise)

    @precondition(lambda self: len(self.thieves) < THIEVES)
    @rule(index=who, curves=st.booleans())
    def steal(self, index: int, curves: bool) -> None:
        self.thieves.append(
            Thief(
                self.stored[index],
                victim=index,
                chain=self.begun[index],
                now=self.sides[index].now,
                curves=curves,
            )
        )

    @rule()
    def steal_everything_for_what_is_past(self) -> None:
        """From both states together nothing opens that was delivered; what is still to come does."""
        reach = within_reach(*self.stored)
        assert not any(self.aead.key(letter) in reach for letter in self.delivered)
        assert not any(letter.body[:32] in reach for letter in self.delivered)
        for index in (0, 1):
            ghost = Side(Ratchet.from_bytes(self.stored[index]), seed=3)
            ghost.now = self.sides[index].now
            for letter in self.delivered[-8:]:
                with pytest.raises(DecryptionError):
                    ghost.receive(letter.envelope)
            missing = {entry[:2] for entry in self.expected[index].missing}
            for letter in (*self.flying[1 - index], *self.lost):
                if letter.sender != index and (letter.chain, letter.number) in missing:
                    assert self.aead.key(letter) in reach
                    self.tally["missing and within reach"] += 1
        self.tally["looked back"] += len(self.delivered)

    # --- what always holds -------------------------------------------------------------------------

    @invariant()
    def the_two_are_never_more_than_an_epoch_apart(self) -> None:
        epochs = [side.ratchet._state.epoch.number for side in self.sides]
        assert max(epochs) - min(epochs) <= 1
        self.tally["epochs"] = max(self.tally["epochs"], *epochs)

    @invariant()
    def what_left_has_a_key_of_its_own(self) -> None:
        left = [*self.delivered, *self.lost, *self.flying[0], *self.flying[1]]
        assert len({self.aead.key(letter) for letter in left}) == len(left)

    def teardown(self) -> None:
        self.tally["lives"] += 1

    # --- hands -------------------------------------------------------------------------------------

    def arrive(self, index: int, letter: Letter) -> None:
        reader, expected = self.sides[index], self.expected[index]
        expected.expire(reader.now)
        begins = letter.chain > expected.chain
        if not expected.take(letter, reader.now):
            self.refuse(index, letter.envelope)
            self.lost.append(letter)
            self.tally["came too late"] += 1
            return
        self.open(index, letter, begins=begins)
        self.keep(index)
        self.delivered.append(letter)
        self.tally["delivered"] += 1
        for thief in self.thieves:
            if thief.victim == index:
                self.judge(thief, letter, opened=thief.overhear(letter, reader.ratchet))

    def may_send(self, index: int) -> bool:
        ratchet = self.sides[index].ratchet
        return (
            ratchet.can_send
            and ratchet.sent_in_chain < skipped.MAX_SKIPPED_PER_STEP
            and len(self.flying[index]) < UNDER_WAY
        )

    def write(self, index: int) -> Letter:
        side = self.sides[index]
        part = side.ratchet.rekey_part(side.now)
        body = side.random(BODY_SIZE)
        number = side.ratchet.sent_in_chain
        self.expected[index].expire(side.now)  # each step forgets what is too old
        return Letter(
            envelope=side.send(body),
            body=body,
            part=part,
            sender=index,
            chain=self.begun[index],
            answers=self.expected[index].chain,
            number=number,
            previous=side.ratchet._state.previous,
            epoch=side.ratchet._state.epoch.number,
        )

    def expects(self, index: int, letter: Letter) -> bool:
        trial = Expected()
        known = self.expected[index]
        trial.chain, trial.next, trial.missing = known.chain, known.next, list(known.missing)
        trial.expire(self.sides[index].now)
        return trial.take(letter, self.sides[index].now)

    def open(self, index: int, letter: Letter, *, begins: bool) -> None:
        side = self.sides[index]
        assert side.receive(letter.envelope) == letter.body
        if letter.part is not None:
            side.ratchet.accept_rekey(letter.part, now=side.now)
        self.begun[index] += begins

    def keep(self, index: int) -> None:
        if len(self.stored[index]) % 3 == 0:
            self.older[index] = self.stored[index]
        self.stored[index] = self.sides[index].ratchet.to_bytes()

    def crash(self, index: int) -> None:
        self.sides[index].ratchet = Ratchet.from_bytes(self.stored[index])
        assert self.sides[index].ratchet.to_bytes() == self.stored[index]

    def refuse(self, index: int, envelope: bytes) -> None:
        side = self.sides[index]
        before = side.ratchet.to_bytes()
        with pytest.raises(DecryptionError):
            side.receive(envelope)
        assert side.ratchet.to_bytes() == before
        self.tally["refused"] += 1

    def on_the_wire(self, letter: Letter) -> None:
        for thief in self.thieves:
            if thief.victim == letter.sender:
                self.judge(thief, letter, opened=thief.tap(letter))

    def judge(self, thief: Thief, letter: Letter, *, opened: bool) -> None:
        """Nothing beyond what he took opens, and, so that this says something, everything before does."""
        healed = thief.healed(letter)
        assert opened is not healed
        kind = "with every curve" if thief.curves else "alone"
        self.tally[f"{kind}: {'healed' if healed else 'open'}"] += 1


def correspond(monkeypatch: pytest.MonkeyPatch, *, control: bool = False) -> Counter[str]:
    """The lives, and what happened in all of them together."""
    tally: Counter[str] = Counter()
    Correspondence.aead, Correspondence.tally = Aead(monkeypatch), tally
    run_state_machine_as_test(Correspondence, settings=lives(LIVES, steps=STEPS, control=control))
    return tally


def test_whatever_the_link_does_each_letter_opens_once_and_thieves_are_shut_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally = correspond(monkeypatch)
    assert tally["delivered"] > 500
    assert tally["refused"] > 100
    assert tally["looked back"] > 50
    assert tally["sent from an older state"] > 10
    assert tally["missing and within reach"] > 5
    for kind in ("alone: open", "alone: healed", "with every curve: open", "with every curve: healed"):
        assert tally[kind] > 5, kind
    assert tally["epochs"] > 1


def test_the_same_where_the_bounds_are_so_narrow_that_they_are_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skipped, "MAX_SKIPPED_PER_STEP", 6)
    monkeypatch.setattr(skipped, "MAX_SKIPPED", 7)
    monkeypatch.setattr(skipped, "MAX_OLD_CHAINS", 1)
    monkeypatch.setattr(skipped, "MAX_SKIPPED_AGE", 86_400)
    tally = correspond(monkeypatch)
    assert tally["came too late"] > 10
    assert tally["delivered"] > 500


def keys_are_not_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    take = skipped.take

    def reading(
        chains: skipped.Chains, header_key: bytes, number: int
    ) -> tuple[bytes, skipped.Chains] | None:
        taken = take(chains, header_key, number)
        return taken and (taken[0], chains)

    monkeypatch.setattr(skipped, "take", reading)


def nothing_is_done_on_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ratchet, "_next", lambda ratchet, now: ratchet._state)


def no_kem_secret_is_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "root_step", lambda root, shared, kem: root_step(root, shared, None))


def ratchet_keys_are_not_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    once = KeyPair.from_secret(b"\x77" * 32)
    monkeypatch.setattr(KeyPair, "generate", lambda random: once)


def chains_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (turn, ratchet):
        monkeypatch.setattr(module, "chain_step", lambda key: (key, chain.chain_step(key)[1]))


@pytest.mark.parametrize(
    "bend",
    [
        keys_are_not_erased,
        nothing_is_done_on_a_copy,
        no_kem_secret_is_mixed,
        ratchet_keys_are_not_fresh,
        chains_stand_still,
    ],
)
def test_a_ratchet_that_is_bent_is_found_out(
    bend: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bend(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        correspond(monkeypatch, control=True)
