"""What a metronome holds of a link's key, searched from outside, as root alone can do."""

from __future__ import annotations

import contextlib

import pytest

from onionchat.engine.process import overwriting
from onionchat.lab.memory import Sought
from onionchat.metronome import Drop, Finish, ToMetronome
from onionchat.protocol.cell import CellType
from tests.crypto.searching import searched

from .test_process import Rig, have, read


@pytest.mark.parametrize("ending", [Drop(link=1), Finish(link=1)])
def test_the_key_of_a_link_goes_with_it(ending: ToMetronome, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in overwriting().items():
        monkeypatch.setenv(name, value)
    with contextlib.closing(Rig()) as rig:
        far, cipher = rig.begin(1)
        sought = [Sought(kind="key", data=cipher._key)]
        rig.tell(have(1, 7))
        assert CellType.HAVE in {kind for kind, _ in read(far, cipher, 4)}
        assert searched(rig.process.pid, sought).by_kind() == {"key": 1}
        rig.tell(ending)
        rig.until_ended(1)
        assert searched(rig.process.pid, sought).by_place() == {}
