"""The classifiers find what is there, find nothing where there is nothing, and never see what they judge."""

from __future__ import annotations

import numpy as np
import pytest

from onionchat.lab.classifier import held_out, stretches_of
from onionchat.lab.separation import judge

SEED = 7


@pytest.mark.parametrize(("blocks", "count"), [(14, 3), (26, 3), (80, 8), (800, 10)])
def test_stretches_of_time_are_of_about_the_same_length(blocks: int, count: int) -> None:
    stretches = stretches_of(blocks).tolist()
    assert stretches == sorted(stretches)
    lengths = [stretches.count(stretch) for stretch in set(stretches)]
    assert len(lengths) == count
    assert max(lengths) - min(lengths) <= 1


def test_a_shift_is_found() -> None:
    random = np.random.default_rng(1)
    first, second = random.normal(size=(2, 120, 10))
    second[:, 3] += 1.5
    verdict = judge(*held_out(first, second, seed=SEED), seed=SEED)
    assert verdict.auc > 0.7
    assert verdict.p < 0.001


def test_what_no_straight_line_can_tell_is_found() -> None:
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, 200, 4))
    second[:, 0] = np.sign(second[:, 0]) * (np.abs(second[:, 0]) + 1.5)
    verdict = judge(*held_out(first, second, seed=SEED), seed=SEED)
    assert verdict.auc > 0.75


def test_nothing_is_found_where_there_is_nothing() -> None:
    random = np.random.default_rng(3)
    first, second = random.normal(size=(2, 100, 30))
    verdict = judge(*held_out(first, second, seed=SEED), seed=SEED)
    assert 0.3 < verdict.auc < 0.66
    assert verdict.p > 0.01


def test_drift_is_no_feature() -> None:
    random = np.random.default_rng(4)
    first, second = random.normal(size=(2, 100, 5)) + np.linspace(0, 50, 100)[None, :, None]
    assert judge(*held_out(first, second, seed=SEED), seed=SEED).p > 0.01


def test_a_window_is_scored_by_what_was_before_it_and_nothing_else() -> None:
    random = np.random.default_rng(5)
    first, second = random.normal(size=(2, 50, 5))
    scores, stretches = held_out(first, second, seed=SEED)
    assert sorted(set(stretches.tolist())) == [1.0, 2.0, 3.0, 4.0]
    assert len(scores) == 40
    changed = first.copy()
    changed[30:40] += 3.0
    again, _ = held_out(changed, second, seed=SEED)
    assert (again[:20] == scores[:20]).all(), "what comes later changes nothing"
    assert (again[20:30, 1] == scores[20:30, 1]).all(), "nor what is judged with it"
    assert (again[20:30, 0] != scores[20:30, 0]).all()
    assert (again[30:] != scores[30:]).any(), "what was before it does"


def test_where_nothing_is_there_p_is_spread_evenly() -> None:
    random = np.random.default_rng(6)
    found = []
    for number in range(40):
        first, second = random.normal(size=(2, 30, 6))
        found.append(judge(*held_out(first, second, seed=number), seed=number).p)
    assert sum(p <= 0.1 for p in found) <= 10
    assert sum(p >= 0.9 for p in found) <= 10
