"""Requests about unlocking, on vaults on the disk whose passphrase is cheap; the clock stands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from msgspec import structs

from onionchat.control import replies, requests
from onionchat.crypto.passphrase import MIB, PassphraseCost
from onionchat.engine import opening_time, unlock_answer
from onionchat.engine.engine import Engine
from onionchat.engine.opening_time import OpeningTime
from onionchat.engine.patience import FIRST_WAIT, FREE_TRIES
from onionchat.engine.plan import Plan
from onionchat.engine.unlock_answer import Unlocker, UnlockRequest
from onionchat.errors import ControlError, StoreError, WrongPassphrase
from onionchat.store import MemoryVault, Vault, create_vault, open_vault, recover_vault

PASSPHRASE = "a passphrase"
CHEAP = PassphraseCost(memory=MIB, passes=1)
KEY_FILE, SECURITY_KEY, CREDENTIAL = b"k" * 32, b"s" * 32, b"credential"


class Clock:
    time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


class Opened:
    """As much of an engine as unlocking touches."""

    def __init__(self, folder: Path) -> None:
        self.plan = Plan(vault=str(folder))
        self.clock = Clock()
        self.vault: Vault | None = None

    def open(self, vault: Vault) -> None:
        self.vault = vault

    def lock(self) -> None:
        if self.vault is not None:
            self.vault.close()
        self.vault = None


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    monkeypatch.setattr(unlock_answer, "create_vault", partial(create_vault, cost=CHEAP, floor=0))
    monkeypatch.setattr(unlock_answer, "open_vault", partial(open_vault, floor=0))
    monkeypatch.setattr(unlock_answer, "recover_vault", partial(recover_vault, floor=0))
    monkeypatch.setattr(opening_time, "EVEN_PART", 0.0)
    engine = Opened(tmp_path / "vault")
    ask(engine, requests.Unlock(passphrase=PASSPHRASE, create=True))
    yield engine
    engine.lock()


def ask(engine: Opened, request: UnlockRequest) -> replies.AnyResult:
    return Unlocker(cast(Engine, engine)).answer(request)


def shown(engine: Opened) -> replies.VaultWays:
    answer = ask(engine, requests.VaultShow())
    assert isinstance(answer, replies.VaultWays)
    return answer


def unlock(
    engine: Opened, passphrase: str = PASSPHRASE, key_file: bytes = b"", security_key: bytes = b""
) -> None:
    engine.lock()
    ask(
        engine,
        requests.Unlock(passphrase=passphrase, key_file=key_file or None, security_key=security_key or None),
    )


def test_what_unlocks_is_shown_and_more_of_it_while_open(engine: Opened) -> None:
    plain = replies.VaultWays(key_file=False, credential=b"", memory=1, passes=1, wait=0.0)
    assert shown(engine) == structs.replace(plain, recovery=False)
    ask(engine, requests.VaultRecovery(passphrase=PASSPHRASE, words="words"))
    assert shown(engine).recovery is True
    engine.lock()
    assert shown(engine) == plain


def test_nobody_is_shown_whether_a_second_passphrase_burns(engine: Opened) -> None:
    before = shown(engine)
    ask(engine, requests.VaultDuress(passphrase=PASSPHRASE, duress="duress"))
    assert shown(engine) == before


def test_factors_come_and_go(engine: Opened) -> None:
    ask(engine, requests.VaultKeyFile(passphrase=PASSPHRASE, key_file=KEY_FILE))
    ask(
        engine,
        requests.VaultSecurityKey(passphrase=PASSPHRASE, credential=CREDENTIAL, security_key=SECURITY_KEY),
    )
    engine.lock()
    assert (shown(engine).key_file, shown(engine).credential) == (True, CREDENTIAL)
    with pytest.raises(WrongPassphrase):
        unlock(engine)
    unlock(engine, key_file=KEY_FILE, security_key=SECURITY_KEY)
    ask(engine, requests.VaultKeyFile(passphrase=PASSPHRASE))
    ask(engine, requests.VaultSecurityKey(passphrase=PASSPHRASE))
    unlock(engine)


def test_a_credential_comes_with_its_secret(engine: Opened) -> None:
    for half in (
        requests.VaultSecurityKey(passphrase=PASSPHRASE, credential=CREDENTIAL),
        requests.VaultSecurityKey(passphrase=PASSPHRASE, security_key=SECURITY_KEY),
    ):
        with pytest.raises(ControlError, match="or not at all"):
            ask(engine, half)
    unlock(engine)


def test_the_passphrase_changes(engine: Opened) -> None:
    ask(engine, requests.VaultPassphrase(passphrase=PASSPHRASE, new="another"))
    with pytest.raises(WrongPassphrase):
        unlock(engine)
    unlock(engine, "another")


def test_recovery_words_give_another_passphrase(engine: Opened) -> None:
    ask(engine, requests.VaultRecovery(passphrase=PASSPHRASE, words="twelve words"))
    with pytest.raises(ControlError, match="open already"):
        ask(engine, requests.VaultRecover(words="twelve words", new="new"))
    engine.lock()
    with pytest.raises(WrongPassphrase):
        ask(engine, requests.VaultRecover(words="other words", new="new"))
    ask(engine, requests.VaultRecover(words="twelve words", new="new"))
    assert shown(engine).recovery is False
    unlock(engine, "new")


def test_duress_opens_an_empty_vault(engine: Opened) -> None:
    ask(engine, requests.VaultDuress(passphrase=PASSPHRASE, duress="duress"))
    unlock(engine, "duress")
    with pytest.raises(WrongPassphrase):
        unlock(engine)


def test_wrong_passphrases_make_all_wait_whatever_they_were_for(engine: Opened) -> None:
    for _ in range(FREE_TRIES - 1):
        with pytest.raises(WrongPassphrase):
            ask(engine, requests.VaultDuress(passphrase="wrong", duress="x"))
    with pytest.raises(WrongPassphrase, match="does not open"):
        unlock(engine, "wrong")
    assert shown(engine).wait == FIRST_WAIT
    for request in (
        requests.Unlock(passphrase=PASSPHRASE),
        requests.VaultRecover(words="words", new="new"),
    ):
        with pytest.raises(WrongPassphrase, match="was not tried"):
            ask(engine, request)
    engine.clock.time += FIRST_WAIT
    unlock(engine)
    assert shown(engine).wait == 0.0


def test_a_locked_vault_is_changed_by_nobody(engine: Opened) -> None:
    engine.lock()
    with pytest.raises(ControlError, match="locked"):
        ask(engine, requests.VaultPassphrase(passphrase=PASSPHRASE, new="another"))


def test_there_must_be_a_vault_on_the_disk(engine: Opened, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir(mode=0o700)
    nothing = Opened(tmp_path / "nothing")
    with pytest.raises(ControlError, match="no vault"):
        ask(nothing, requests.VaultShow())
    with pytest.raises(StoreError, match="no vault"):
        ask(nothing, requests.Unlock(passphrase=PASSPHRASE))
    nothing.vault = MemoryVault()
    for request in (requests.VaultShow(), requests.VaultRecovery(passphrase=PASSPHRASE)):
        with pytest.raises(ControlError, match="amnesic"):
            ask(nothing, request)


@pytest.mark.parametrize("word", [PASSPHRASE, "duress"])
def test_who_unlocks_waits_as_long_whatever_was_typed(
    engine: Opened, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    steps: list[str] = []

    class Told(OpeningTime):
        def begin(self) -> None:
            steps.append(f"paid, and {'' if any(root.read_bytes()) else 'not '}there")

        def wait(self) -> None:
            steps.append("open" if engine.vault is not None else "locked")

    root = Path(engine.plan.vault) / "sealed" / "root"
    ask(engine, requests.VaultDuress(passphrase=PASSPHRASE, duress="duress"))
    monkeypatch.setattr(unlock_answer, "OpeningTime", Told)
    unlock(engine, word)
    assert steps == ["paid, and there", "open"]
