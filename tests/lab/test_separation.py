"""AUC, interval, permutation test, Holm and KS against what is known by other ways."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from onionchat.lab.features import Numbers
from onionchat.lab.separation import PERMUTATIONS, distance, holm, judge

SEED = 5


def one_fold(scores: Numbers) -> Numbers:
    return np.zeros(len(scores))


def test_the_auc_is_the_part_of_pairs_in_which_the_second_class_scores_higher() -> None:
    scores = np.array([[0.1, 0.4], [0.3, 0.2], [0.35, 0.35], [0.8, 0.9]])
    pairs = itertools.product(scores[:, 1], scores[:, 0])
    by_hand = np.mean([(one > other) + (one == other) / 2 for one, other in pairs])
    assert judge(scores, one_fold(scores), seed=SEED).auc == pytest.approx(by_hand)


def test_scores_of_different_folds_are_not_compared() -> None:
    scores = np.array([[0.0, 1.0], [0.0, 1.0], [10.0, 11.0], [10.0, 11.0]])
    assert judge(scores, np.array([0.0, 0.0, 1.0, 1.0]), seed=SEED).auc == 1.0


def test_classes_that_are_the_same_are_seldom_told_apart() -> None:
    random = np.random.default_rng(1)
    verdicts = [
        judge(random.normal(size=(60, 2)), np.arange(60.0) * 5 // 60, seed=number) for number in range(200)
    ]
    assert sum(one.p <= 0.05 for one in verdicts) <= 25
    inside = sum(one.low <= 0.5 <= one.high for one in verdicts)
    assert inside >= 175


def test_classes_that_differ_are_told_apart() -> None:
    random = np.random.default_rng(2)
    scores = random.normal(size=(200, 2)) + np.array([0.0, 1.0])
    verdict = judge(scores, one_fold(scores), seed=SEED)
    # two normal distributions one standard deviation apart: Phi(1 / sqrt 2)
    assert verdict.low <= 0.760 <= verdict.high
    assert verdict.low > 0.6
    assert verdict.p == pytest.approx(1 / (PERMUTATIONS + 1))


def test_the_permutation_test_is_exact_on_a_few_blocks() -> None:
    scores = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    assert judge(scores, one_fold(scores), seed=SEED).p == pytest.approx(1 / 16, abs=0.01)


def test_differences_between_blocks_tell_nothing() -> None:
    random = np.random.default_rng(3)
    drift = np.linspace(0, 100, 100)[:, None]
    scores = drift + random.normal(size=(100, 2))
    assert judge(scores, one_fold(scores), seed=SEED).p > 0.001


def test_perfect_separation_has_an_interval_all_the_same() -> None:
    scores = np.tile([0.0, 1.0], (20, 1))
    verdict = judge(scores, one_fold(scores), seed=SEED)
    assert (verdict.auc, verdict.high) == (1.0, 1.0)
    assert 0.8 < verdict.low < 1.0


def test_holm_multiplies_step_by_step() -> None:
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert corrected == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.9}) == {"a": 0.9}
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_the_distance_is_the_largest_between_the_distributions() -> None:
    assert distance(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])) == 0.0
    assert distance(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1.0
    assert distance(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0])) == 0.5
    assert distance(np.zeros(0), np.zeros(0)) == 0.0
    assert distance(np.zeros(0), np.array([1.0])) == 1.0
