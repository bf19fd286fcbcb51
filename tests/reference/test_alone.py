"""The reference by itself: the text's own example, and both roles of it back to back."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from .contact import Contact
from .invite import Invite, onion_address, read_invite
from .link import Link
from .primitives import Refused, blake2b, public_key
from .side import Side

NOW = 1_764_000_000.0
EXAMPLE = (
    "onionchat:aeaaab32catstdjr4hpfst6uw5sirz4tshi3g2qktjcl4vked5oppchsp56ybua7"
    "ityrn3bw4n4gfxgvx37utiqw53oajv5yzcp7sa2b2ub4gxr7tvno76icy3woabrfg7g6pwwuretr2oe2"
)


def test_the_example_is_written_as_the_text_says() -> None:
    invite = Invite(
        expiry=490_000,
        onion=bytes(SigningKey(blake2b(b"example onion seed", 32)).verify_key),
        static=public_key(blake2b(b"example static secret", 32)),
        secret=blake2b(b"example invite secret", 16),
    )
    assert invite.text() == EXAMPLE
    assert read_invite(EXAMPLE) == invite
    assert onion_address(invite.onion) == "e4uy2mpb3zmu7vfxmseope4r2gzwucu2is7fkra7lt3yr4t7pwacwcyd.onion"
    assert invite.psk.hex() == "e5e95ed06791ac15464f449ea1c638c15d9142d17ffda64feeab69259d75eb24"
    assert not invite.is_past(490_000 * 3600 - 1)
    assert invite.is_past(490_000 * 3600)


def test_a_typing_error_is_found() -> None:
    with pytest.raises(Refused, match="damaged"):
        read_invite(EXAMPLE[:-1] + "3")


def test_both_roles_of_the_reference_talk() -> None:
    inviter = Side(Contact.inviting())
    assert inviter.contact.invite is not None
    joiner = Side(Contact.joining(read_invite(inviter.contact.invite.text())))
    dialled = joiner.dial(NOW)
    accepted = inviter.accept(dialled.onion, NOW)
    inviter.read(accepted, dialled.out.pop(), NOW)
    joiner.read(dialled, accepted.out.pop(), NOW)
    inviter.read(accepted, dialled.out.pop(), NOW)
    said = inviter.delivery.write("good morning, " * 2_000, NOW), joiner.delivery.write("hü", NOW)
    for _ in range(40):
        _exchange(joiner, dialled, inviter, accepted)
    assert joiner.delivery.messages[said[0]].content == b"good morning, " * 2_000
    assert inviter.delivery.messages[said[1]].content == "hü".encode()
    assert not inviter.delivery.outbox
    assert not joiner.delivery.outbox
    assert joiner.contact.their_onion == inviter.contact.pair_onion
    assert inviter.contact.invite is None


def _exchange(one: Side, of_one: Link, other: Side, of_other: Link) -> None:
    other.read(of_other, one.next_cell(of_one, NOW), NOW)
    one.read(of_one, other.next_cell(of_other, NOW), NOW)
