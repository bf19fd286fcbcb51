from __future__ import annotations

from onionchat.crypto import labels


def test_every_label_is_its_own_and_fits_its_place() -> None:
    every = [value for value in vars(labels).values() if isinstance(value, bytes)]
    assert len(every) == len(set(every)) == 10
    assert all(label.startswith(b"onionchat/1 ") for label in every if label != labels.PROLOGUE)
    assert labels.PROLOGUE == b"onionchat/1"
    assert max(len(labels.INVITE_CHECKSUM), len(labels.CHAIN), len(labels.KEM_BINDING)) <= 16
