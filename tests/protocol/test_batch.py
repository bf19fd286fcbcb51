"""One commit for everything that an event changes, before anything else happens."""

from __future__ import annotations

from onionchat.protocol.batch import Batch
from onionchat.protocol.commands import CloseLink, Key, Persist

A, B = Key(kind="a"), Key(kind="b")


def test_the_commit_stands_first_and_the_later_change_of_a_name_wins() -> None:
    batch = Batch()
    batch.do(CloseLink(link=1))
    batch.put(A, b"1")
    batch.drop(B)
    batch.put(A, b"2")
    batch.put(B, b"3")
    batch.do(CloseLink(link=2))
    assert batch.commands() == (
        Persist(puts=((A, b"2"), (B, b"3"))),
        CloseLink(link=1),
        CloseLink(link=2),
    )
    batch.drop(A)
    assert batch.commands()[0] == Persist(puts=((B, b"3"),), drops=(A,))


def test_without_a_change_there_is_no_commit() -> None:
    batch = Batch()
    assert batch.commands() == ()
    batch.do(CloseLink(link=1))
    assert batch.commands() == (CloseLink(link=1),)


def test_what_is_stored_is_not_printed() -> None:
    assert b"secret".decode() not in repr(Persist(puts=((A, b"secret"),)))
