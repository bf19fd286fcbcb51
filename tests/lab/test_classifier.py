"""The classifiers find what is there, find nothing where there is nothing, and never see what they judge."""

from __future__ import annotations

import numpy as np

from onionchat.lab.classifier import FOLDS, folds_of, held_out
from onionchat.lab.separation import judge

SEED = 7


def test_folds_are_stretches_of_time_of_about_the_same_length() -> None:
    folds = folds_of(23).tolist()
    assert folds == sorted(folds)
    lengths = [folds.count(fold) for fold in set(folds)]
    assert len(lengths) == FOLDS
    assert max(lengths) - min(lengths) <= 1


def test_a_shift_is_found() -> None:
    random = np.random.default_rng(1)
    first, second = random.normal(size=(2, 60, 10))
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


def test_a_window_that_is_judged_was_not_trained_on() -> None:
    random = np.random.default_rng(5)
    first, second = random.normal(size=(2, 50, 5))
    scores, folds = held_out(first, second, seed=SEED)
    changed = first.copy()
    changed[folds == 0] += 3.0
    # only the scores of the others may depend on these windows, and their own on nothing but themselves
    again, _ = held_out(changed, second, seed=SEED)
    assert (again[folds == 0, 1] == scores[folds == 0, 1]).all()
    assert (again[folds == 0, 0] != scores[folds == 0, 0]).all()
