"""What the engine says where nobody asks it: on stderr, as it starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from onionchat.crypto.passphrase import DEFAULT_COST, LOW_MEMORY_COST, PassphraseCost
from onionchat.engine import main
from onionchat.engine.answer import Answers
from onionchat.engine.engine import Engine
from onionchat.engine.plan import Plan
from onionchat.store import Vault, create_vault, open_vault


class Started:
    """As much of an engine, and of its answers, as the first unlocking touches."""

    def __init__(self, folder: Path, cost: PassphraseCost) -> None:
        self.plan = Plan(vault=str(folder), create=True)
        self.vault: Vault | None = None
        self._folder = folder
        self._cost = cost

    def unlock(self, passphrase: str, *, create: bool) -> None:
        if create:
            self.vault = create_vault(self._folder, passphrase, random=os.urandom, cost=self._cost)
        else:
            self.vault = open_vault(self._folder, passphrase, random=os.urandom)


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (DEFAULT_COST, "takes 512 MiB of memory.\n"),
        (LOW_MEMORY_COST, "takes 256 MiB of memory, less than the usual 512 MiB: this machine has no more"),
    ],
)
def test_what_a_guess_costs_is_said_once_when_a_vault_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cost: PassphraseCost, said: str
) -> None:
    kept = tmp_path / "passphrase"
    kept.write_text("hunter2\n")
    for first in (True, False):
        engine = Started(tmp_path / "vault", cost)
        main._unlock(cast(Engine, engine), cast(Answers, engine), str(kept))
        assert engine.vault is not None
        engine.vault.close()
        told = capsys.readouterr().err
        assert (said in told) if first else not told
        assert "hunter2" not in told
