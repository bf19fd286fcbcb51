"""Ways to unlock a vault: each opens it, goes when it is taken back, and says nothing of the others."""

from __future__ import annotations

import os
import shutil
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from onionchat.crypto import passphrase as stretching
from onionchat.crypto.factor import NO_FACTORS, Factors
from onionchat.crypto.passphrase import PassphraseCost, unlocking_key
from onionchat.errors import DiskFull, LocalProtocolError, StoreError, VaultCorrupt, WrongPassphrase
from onionchat.store import (
    DiskVault,
    FileSlot,
    disk,
    open_vault,
    opening,
    recover_vault,
    unlocking,
    vault_needs,
)
from onionchat.store.header import Header
from onionchat.store.ways import Needs

from .kit import CHEAP, FLOOR, PASSPHRASE, State, create, everything, note, put_all, vault_keys
from .test_crash import Steps

STATE = {note(number): b"value %d" % number for number in range(80)}
KEY_FILE, SECURITY_KEY, CREDENTIAL = b"k" * 32, b"s" * 32, b"credential"
BOTH = Factors(key_file=KEY_FILE, security_key=SECURITY_KEY)
WORDS = "twelve words of recovery"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def vault(folder: Path) -> Iterator[DiskVault]:
    vault = create(folder)
    put_all(vault, STATE)
    yield vault
    vault.close()


def opened(folder: Path, passphrase: str = PASSPHRASE, factors: Factors = NO_FACTORS) -> DiskVault:
    return open_vault(folder, passphrase, random=os.urandom, factors=factors, floor=FLOOR)


def content(vault: DiskVault) -> State:
    try:
        return everything(vault)
    finally:
        vault.close()


def refused(folder: Path, passphrase: str = PASSPHRASE, factors: Factors = NO_FACTORS) -> WrongPassphrase:
    with pytest.raises(WrongPassphrase) as caught:
        opened(folder, passphrase, factors)
    return caught.value


def test_another_passphrase_takes_the_place_of_the_first(folder: Path, vault: DiskVault) -> None:
    pages = (folder / "sealed" / "keys").read_bytes()
    vault.unlocking.change_passphrase(PASSPHRASE, "another")
    assert (folder / "sealed" / "keys").read_bytes() == pages  # nothing was sealed anew but the table
    vault.commit([], [note(0)])  # it goes on as it was
    vault.close()
    refused(folder)
    assert content(opened(folder, "another")) == {n: v for n, v in STATE.items() if n != note(0)}


def test_an_earlier_copy_of_the_root_opens_nothing_of_today(folder: Path, vault: DiskVault) -> None:
    salt = Header.decode((folder / "sealed" / "header").read_bytes()).salt
    old = unlocking_key(PASSPHRASE, salt, CHEAP)
    (before,) = vault_keys(folder, old)
    vault.unlocking.change_passphrase(PASSPHRASE, "another")
    assert not vault_keys(folder, old)  # the old way is erased
    (after,) = vault_keys(folder, unlocking_key("another", salt, CHEAP))
    assert before != after


def test_an_earlier_root_in_todays_folder_opens_nothing(folder: Path, vault: DiskVault) -> None:
    root = folder / "sealed" / "root"
    before = root.read_bytes()
    vault.unlocking.change_passphrase(PASSPHRASE, "another")
    vault.close()
    root.write_bytes(before)
    with pytest.raises(VaultCorrupt):
        opened(folder)


def test_an_earlier_root_in_a_burned_folder_opens_nothing(folder: Path, vault: DiskVault) -> None:
    vault.unlocking.set_duress(PASSPHRASE, "duress")
    root = folder / "sealed" / "root"
    before = root.read_bytes()
    vault.close()
    opened(folder, "duress").close()
    root.write_bytes(before)
    with pytest.raises(VaultCorrupt):
        opened(folder)
    tables = [(folder / "sealed" / f"table.{side}").read_bytes() for side in (0, 1)]
    assert sum(any(table) for table in tables) == 1
    assert not any((folder / "sealed" / "keys").read_bytes())


def test_the_reader_would_find_a_way_that_was_left(
    folder: Path, vault: DiskVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileSlot, "_clear_other", lambda self: None)
    vault.unlocking.change_passphrase(PASSPHRASE, "another")
    salt = Header.decode((folder / "sealed" / "header").read_bytes()).salt
    assert vault_keys(folder, unlocking_key(PASSPHRASE, salt, CHEAP))


@pytest.mark.parametrize(
    ("key_file", "security_key", "needs"),
    [
        (KEY_FILE, b"", Needs(key_file=True)),
        (b"", SECURITY_KEY, Needs(credential=CREDENTIAL)),
        (KEY_FILE, SECURITY_KEY, Needs(key_file=True, credential=CREDENTIAL)),
    ],
)
def test_factors_enter_the_key(
    folder: Path, vault: DiskVault, key_file: bytes, security_key: bytes, needs: Needs
) -> None:
    if key_file:
        vault.unlocking.set_key_file(PASSPHRASE, key_file)
    if security_key:
        vault.unlocking.set_security_key(PASSPHRASE, CREDENTIAL, security_key)
    assert vault.unlocking.needs == needs
    vault.close()
    assert vault_needs(folder) == (needs, CHEAP)
    given = Factors(key_file=key_file, security_key=security_key)
    assert content(opened(folder, factors=given)) == STATE
    assert content(opened(folder, factors=BOTH)) == STATE  # what is not asked for is passed over
    assert "does not open without" in refused(folder).message
    assert "presented beside it" in refused(folder, "wrong", given).message
    for wrong in (
        Factors(key_file=key_file and b"x" * 32, security_key=security_key),
        Factors(key_file=key_file, security_key=security_key and b"x" * 32),
    ):
        if wrong != given:
            refused(folder, factors=wrong)
    again = opened(folder, factors=given)
    again.unlocking.change_passphrase(PASSPHRASE, "another")  # the factors need not be presented again
    again.close()
    assert content(opened(folder, "another", given)) == STATE
    last = opened(folder, "another", given)
    last.unlocking.set_key_file("another", b"")
    last.unlocking.set_security_key("another", b"", b"")
    last.close()
    assert content(opened(folder, "another")) == STATE
    refused(folder, "wrong", given)


def test_a_refusal_says_nothing_of_the_passphrase_alone(folder: Path, vault: DiskVault) -> None:
    vault.unlocking.set_key_file(PASSPHRASE, KEY_FILE)
    vault.close()
    for factors in (NO_FACTORS, Factors(key_file=b"x" * 32)):
        right, wrong = refused(folder, PASSPHRASE, factors), refused(folder, "wrong", factors)
        assert (right.message, right.hint) == (wrong.message, wrong.hint)


def test_recovery_words_work_once(folder: Path, vault: DiskVault) -> None:
    vault.unlocking.set_key_file(PASSPHRASE, KEY_FILE)
    vault.unlocking.set_recovery(PASSPHRASE, WORDS)
    assert vault.unlocking.has_recovery
    vault.close()
    refused(folder, WORDS, Factors(key_file=KEY_FILE))  # they are not a passphrase
    with pytest.raises(WrongPassphrase, match="words"):
        recover_vault(folder, "other words", "new", random=os.urandom, floor=FLOOR)
    with pytest.raises(StoreError, match="empty"):
        recover_vault(folder, WORDS, "", random=os.urandom, floor=FLOOR)
    recovered = recover_vault(folder, WORDS, "new", random=os.urandom, floor=FLOOR)
    assert not recovered.unlocking.has_recovery
    assert recovered.unlocking.needs == Needs()
    assert content(recovered) == STATE
    with pytest.raises(WrongPassphrase):
        recover_vault(folder, WORDS, "newer", random=os.urandom, floor=FLOOR)
    refused(folder, PASSPHRASE, Factors(key_file=KEY_FILE))
    assert content(opened(folder, "new")) == STATE


def test_recovery_words_can_be_taken_back(folder: Path, vault: DiskVault) -> None:
    vault.unlocking.set_recovery(PASSPHRASE, WORDS)
    vault.unlocking.set_recovery(PASSPHRASE, "")
    assert not vault.unlocking.has_recovery
    vault.close()
    with pytest.raises(WrongPassphrase):
        recover_vault(folder, WORDS, "new", random=os.urandom, floor=FLOOR)


CHANGES: list[Callable[[unlocking.Unlocking, str], None]] = [
    lambda ways, phrase: ways.change_passphrase(phrase, "x"),
    lambda ways, phrase: ways.set_key_file(phrase, KEY_FILE),
    lambda ways, phrase: ways.set_security_key(phrase, CREDENTIAL, SECURITY_KEY),
    lambda ways, phrase: ways.set_recovery(phrase, WORDS),
    lambda ways, phrase: ways.set_duress(phrase, "duress"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_who_changes_a_way_gives_the_passphrase(
    folder: Path, vault: DiskVault, change: Callable[[unlocking.Unlocking, str], None]
) -> None:
    before = (folder / "sealed" / "root").read_bytes()
    with pytest.raises(WrongPassphrase, match="nothing was changed"):
        change(vault.unlocking, "wrong")
    assert (folder / "sealed" / "root").read_bytes() == before
    change(vault.unlocking, PASSPHRASE)
    assert (folder / "sealed" / "root").read_bytes() != before


@pytest.mark.parametrize("change", CHANGES)
def test_no_change_of_ways_encrypts_anything_anew_but_the_table(
    folder: Path, vault: DiskVault, change: Callable[[unlocking.Unlocking, str], None]
) -> None:
    def held() -> list[bytes]:
        return [(folder / "sealed" / name).read_bytes() for name in ("keys", "rows", "rows-wal")]

    before = held()
    change(vault.unlocking, PASSPHRASE)
    assert held() == before


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("step", range(4))
def test_a_disk_that_is_full_or_fails_changes_no_way_by_half(
    folder: Path,
    vault: DiskVault,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[unlocking.Unlocking, str], None],
    step: int,
) -> None:
    needs, steps = vault.unlocking.needs, 0
    real = disk.write_at

    def failing(descriptor: int, data: bytes, offset: int) -> None:
        nonlocal steps
        steps += 1
        if steps > step:
            raise DiskFull("full")
        real(descriptor, data, offset)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_at", failing)
        with pytest.raises(StoreError):
            change(vault.unlocking, PASSPHRASE)
    assert vault.unlocking.needs == needs
    if step < 2:  # before the commit point: as if nothing had been asked
        vault.commit([], [note(0)])
        vault.close()
        assert content(opened(folder)) == {n: v for n, v in STATE.items() if n != note(0)}
    else:  # after it: only the next opening can tell
        with pytest.raises(StoreError, match="stopped"):
            vault.get(note(0))
        vault.close()
        outcomes = []
        for phrase, factors in ((PASSPHRASE, NO_FACTORS), (PASSPHRASE, BOTH), ("x", NO_FACTORS)):
            try:
                outcomes.append(content(opened(folder, phrase, factors)) == STATE)
            except WrongPassphrase:
                outcomes.append(False)
        assert any(outcomes)


@pytest.mark.parametrize("change", CHANGES[:3])
def test_a_kill_or_a_power_cut_leaves_the_ways_before_or_after(
    folder: Path,
    vault: DiskVault,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[unlocking.Unlocking, str], None],
) -> None:
    before = (folder / "sealed" / "root").read_bytes()
    copy = folder.parent / "copy"
    seen: Counter[str] = Counter()
    with monkeypatch.context() as patch:
        steps = Steps(patch, folder)
        steps.synced_log = steps._log_size()

        def look() -> None:
            steps.hook = lambda: None
            for place in steps.copies(copy):
                seen[_ways_of(place, before)] += 1
            steps.hook = look

        steps.hook = look
        change(vault.unlocking, PASSPHRASE)
        assert min(seen["before"], seen["after"]) >= 6
        seen.clear()
        look()  # once the change has returned, nothing can undo it
        assert seen == {"after": 4}
        steps.hook = lambda: None


def test_a_kill_or_a_power_cut_leaves_recovery_words_or_another_passphrase(
    folder: Path, vault: DiskVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.unlocking.set_recovery(PASSPHRASE, WORDS)
    vault.close()
    copy = folder.parent / "copy"
    seen: Counter[str] = Counter()
    with monkeypatch.context() as patch:
        steps = Steps(patch, folder)

        def look() -> None:
            steps.hook = lambda: None
            for place in steps.copies(copy):
                seen[_recovered(place)] += 1
            steps.hook = look

        steps.hook = look
        recovered = recover_vault(folder, WORDS, "new", random=os.urandom, floor=FLOOR)
        assert min(seen["before"], seen["after"]) >= 6
        seen.clear()
        look()
        assert seen == {"after": 4}
        steps.hook = lambda: None
        recovered.close()


def _recovered(folder: Path) -> str:
    """Whether the passphrase and the words open the vault, or the new passphrase and neither of them."""
    try:
        assert content(opened(folder)) == STATE
    except WrongPassphrase:
        with pytest.raises(WrongPassphrase):
            recover_vault(folder, WORDS, "newer", random=os.urandom, floor=FLOOR)
        assert content(opened(folder, "new")) == STATE
        return "after"
    refused(folder, "new")
    assert content(recover_vault(folder, WORDS, "newer", random=os.urandom, floor=FLOOR)) == STATE
    return "before"


def _ways_of(folder: Path, earlier_root: bytes) -> str:
    """Which ways open the vault, all of it: those before, or those after, and then no earlier root does."""
    new = ("x", NO_FACTORS), (PASSPHRASE, BOTH)
    try:
        assert content(opened(folder)) == STATE
    except WrongPassphrase:
        found = []
        for passphrase, factors in new:
            with suppress(WrongPassphrase):
                found.append(content(opened(folder, passphrase, factors)))
        assert found == [STATE]
        (folder / "sealed" / "root").write_bytes(earlier_root)
        with pytest.raises(VaultCorrupt):
            opened(folder)
        return "after"
    refused(folder, "x")
    return "before"


def test_duress_burns_and_leaves_what_looks_like_a_new_vault(folder: Path, tmp_path: Path) -> None:
    vault = create(folder)
    put_all(vault, {note(number): bytes(3000) for number in range(5000)})
    salt = Header.decode((folder / "sealed" / "header").read_bytes()).salt
    vault.unlocking.set_recovery(PASSPHRASE, WORDS)
    vault.unlocking.set_duress(PASSPHRASE, "duress")
    vault.close()
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    burned = opened(folder, "duress")
    assert not vault_keys(folder, unlocking_key(PASSPHRASE, salt, CHEAP))
    assert everything(burned) == {}
    assert not burned.unlocking.has_recovery
    burned.close()
    refused(folder)
    with pytest.raises(WrongPassphrase):
        recover_vault(folder, WORDS, "new", random=os.urandom, floor=FLOOR)
    new = tmp_path / "new"
    create(new).close()
    again = opened(folder, "duress")
    put_all(again, STATE)
    assert content(again) == STATE

    def sizes(place: Path) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in (place / "sealed").iterdir()}

    opened(copy, "duress").close()
    assert sizes(copy) == sizes(new)  # whatever it held before


def test_a_vault_with_duress_looks_like_one_without(folder: Path, vault: DiskVault) -> None:
    before = {path.name: path.stat().st_size for path in (folder / "sealed").iterdir()}
    vault.unlocking.set_duress(PASSPHRASE, "duress")
    vault.unlocking.set_recovery(PASSPHRASE, WORDS)
    assert {path.name: path.stat().st_size for path in (folder / "sealed").iterdir()} == before
    assert content(vault) == STATE
    assert content(opened(folder)) == STATE
    shown = vault_needs(folder)
    assert shown == (Needs(), CHEAP)


@pytest.mark.parametrize("passphrase", [PASSPHRASE, "duress", "wrong"])
def test_whatever_is_typed_costs_the_same(
    folder: Path, vault: DiskVault, monkeypatch: pytest.MonkeyPatch, passphrase: str
) -> None:
    vault.unlocking.set_duress(PASSPHRASE, "duress")
    vault.close()
    costs: list[PassphraseCost] = []

    def counted(passphrase: str, salt: bytes, cost: PassphraseCost) -> bytes:
        costs.append(cost)
        return stretching.unlocking_key(passphrase, salt, cost)

    monkeypatch.setattr(opening, "unlocking_key", counted)
    monkeypatch.setattr(unlocking, "unlocking_key", counted)
    try:
        opened(folder, passphrase).close()
    except WrongPassphrase:
        assert passphrase == "wrong"
    assert costs == [CHEAP]


@pytest.mark.parametrize(
    ("given", "asked"),
    [(Factors(key_file=KEY_FILE), Needs(key_file=True)), (NO_FACTORS, Needs())],
)
def test_under_duress_the_vault_goes_on_asking_for_what_was_given(
    folder: Path, vault: DiskVault, given: Factors, asked: Needs
) -> None:
    vault.unlocking.set_key_file(PASSPHRASE, KEY_FILE)
    vault.unlocking.set_duress(PASSPHRASE, "duress")
    vault.close()
    assert content(opened(folder, "duress", given)) == {}
    assert vault_needs(folder) == (asked, CHEAP)
    assert content(opened(folder, "duress", given)) == {}
    if asked.key_file:
        refused(folder, "duress")


def test_the_passphrase_and_that_for_duress_differ(folder: Path, vault: DiskVault) -> None:
    with pytest.raises(StoreError, match="must differ"):
        vault.unlocking.set_duress(PASSPHRASE, PASSPHRASE)
    vault.unlocking.change_passphrase(PASSPHRASE, "p\u00e4ss")
    with pytest.raises(StoreError, match="must differ"):
        vault.unlocking.set_duress("p\u00e4ss", "pa\u0308ss")  # the same, written with other characters
    vault.unlocking.change_passphrase("p\u00e4ss", PASSPHRASE)
    vault.unlocking.set_duress(PASSPHRASE, "duress")
    with pytest.raises(StoreError, match="must differ"):
        vault.unlocking.change_passphrase(PASSPHRASE, "duress")
    vault.unlocking.set_duress(PASSPHRASE, "")
    vault.unlocking.change_passphrase(PASSPHRASE, "duress")
    assert content(vault) == STATE
    assert content(opened(folder, "duress")) == STATE


def test_burning_that_was_cut_short_is_ended_by_the_next_try(
    folder: Path, vault: DiskVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.unlocking.set_duress(PASSPHRASE, "duress")
    vault.close()
    real = {name: getattr(disk, name) for name in ("write_at", "sync", "truncate")}
    steps, fail_at, burned = 0, 0, False

    def counted(name: str) -> Callable[..., None]:
        def step(*arguments: object) -> None:
            nonlocal steps
            steps += 1
            if steps == fail_at:
                raise StoreError("cut short")
            real[name](*arguments)

        return step

    pristine = folder.parent / "pristine"
    shutil.copytree(folder, pristine)
    while not burned:
        steps, fail_at = 0, fail_at + 1
        shutil.rmtree(folder)
        shutil.copytree(pristine, folder)
        with monkeypatch.context() as patch:
            for name in real:
                patch.setattr(disk, name, counted(name))
            try:
                opened(folder, "duress").close()
                burned = True
            except StoreError:
                pass
        with suppress(WrongPassphrase, VaultCorrupt):
            assert content(opened(folder)) == STATE  # nothing had happened yet
        assert content(opened(folder, "duress")) == {}
        refused(folder)
    assert fail_at > 5


def test_keys_of_ways_are_forgotten_at_closing(folder: Path, vault: DiskVault) -> None:
    vault.unlocking.set_recovery(PASSPHRASE, WORDS)
    keys = [vault.unlocking._keyring.passphrase, vault.unlocking._keyring.recovery]
    counts = [sys.getrefcount(key) for key in keys]
    vault.close()
    assert [sys.getrefcount(key) for key in keys] == [count - 1 for count in counts]
    with pytest.raises((WrongPassphrase, LocalProtocolError)):
        vault.unlocking.change_passphrase(PASSPHRASE, "another")
    other = create(folder.parent / "other")
    kept = weakref.ref(other.unlocking)
    other.close()
    del other
    assert kept() is None  # at once, not when rubbish is collected


def test_clearing_rows_that_was_cut_short_is_done_at_the_next_opening(
    folder: Path, vault: DiskVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.unlocking.set_duress(PASSPHRASE, "duress")
    log = folder / "sealed" / "rows-wal"
    kept = log.read_bytes()
    vault.close()
    truncate = disk.truncate

    def cut_short(descriptor: int, size: int) -> None:
        truncate(descriptor, size)
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "rows":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(disk, "truncate", cut_short)
        with pytest.raises(KeyboardInterrupt):
            opened(folder, "duress")
    assert (folder / "sealed" / "rows").stat().st_size == 0
    assert kept
    log.write_bytes(kept)  # as it is left where the disk had no room to fold it in
    again = opened(folder, "duress")
    assert everything(again) == {}
    put_all(again, STATE)
    again.close()
    assert content(opened(folder, "duress")) == STATE
