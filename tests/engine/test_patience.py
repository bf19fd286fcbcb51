from __future__ import annotations

from pathlib import Path

import pytest

from onionchat.engine.patience import FIRST_WAIT, FREE_TRIES, MAX_WAIT, TRIES_FILE, Patience
from onionchat.errors import DiskFull, StoreError, WrongPassphrase

BEGIN = 1_800_000_000.0


class Time:
    now = BEGIN

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def patience(tmp_path: Path, time: Time) -> Patience:
    return Patience(tmp_path, time)


def wrong(patience: Patience) -> WrongPassphrase:
    with pytest.raises(WrongPassphrase) as caught, patience.one_try():
        raise WrongPassphrase
    return caught.value


def test_waits_double_up_to_a_bound(patience: Patience, time: Time) -> None:
    waits = []
    for _ in range(FREE_TRIES + 12):
        wrong(patience)
        waits.append(patience.wait())
        time.now += waits[-1]
    free, further = waits[: FREE_TRIES - 1], waits[FREE_TRIES - 1 :]
    assert set(free) == {0.0}
    assert further[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert further[-1] == MAX_WAIT


def test_too_early_is_not_tried_and_not_counted(patience: Patience, time: Time) -> None:
    for _ in range(FREE_TRIES):
        last = wrong(patience)
    assert "possible in" in last.hint
    time.now += FIRST_WAIT / 2
    for _ in range(5):
        with pytest.raises(WrongPassphrase, match="was not tried"), patience.one_try():
            pytest.fail("it was tried")
    assert patience.wait() == FIRST_WAIT / 2
    time.now += FIRST_WAIT / 2
    with patience.one_try():
        pass
    assert patience.wait() == 0.0


def test_a_right_one_forgets_the_count(tmp_path: Path, patience: Patience) -> None:
    for _ in range(FREE_TRIES - 1):
        wrong(patience)
    with patience.one_try():
        pass
    assert not (tmp_path / TRIES_FILE).exists()
    assert wrong(patience).hint == WrongPassphrase().hint  # the first of the free ones again


def test_another_engine_goes_on_counting(tmp_path: Path, patience: Patience, time: Time) -> None:
    for _ in range(FREE_TRIES):
        wrong(patience)
    assert Patience(tmp_path, time).wait() == FIRST_WAIT


def test_a_try_that_is_cut_short_counts(tmp_path: Path, patience: Patience, time: Time) -> None:
    for _ in range(FREE_TRIES - 1):
        wrong(patience)
    with patience.one_try():
        # what a next engine would find, were this one killed now
        assert Patience(tmp_path, time).wait() == FIRST_WAIT
    assert patience.wait() == 0.0


def test_what_else_goes_wrong_does_not_count(patience: Patience) -> None:
    for _ in range(5 * FREE_TRIES):
        with pytest.raises(DiskFull), patience.one_try():
            raise DiskFull("full")
    assert patience.wait() == 0.0


def test_a_clock_that_was_set_back_only_begins_the_wait_anew(patience: Patience, time: Time) -> None:
    for _ in range(FREE_TRIES):
        wrong(patience)
    time.now -= 365 * 86_400
    assert patience.wait() == FIRST_WAIT
    time.now += FIRST_WAIT
    assert patience.wait() == 0.0


@pytest.mark.parametrize("content", [b"", b"x" * 11, b"\xff" * 12, b"x" * 13])
def test_a_damaged_count_locks_nobody_out(tmp_path: Path, time: Time, content: bytes) -> None:
    (tmp_path / TRIES_FILE).write_bytes(content)
    patience = Patience(tmp_path, time)
    time.now += MAX_WAIT
    assert patience.wait() == 0.0
    with patience.one_try():
        pass


def test_no_try_without_a_count(tmp_path: Path, time: Time) -> None:
    (tmp_path / TRIES_FILE).mkdir()
    with pytest.raises(StoreError, match="cannot be counted"), Patience(tmp_path, time).one_try():
        pytest.fail("it was tried")
