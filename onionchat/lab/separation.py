"""How well two classes were told apart, how sure that is, and how easily chance does as well.

Everything rests on the design of a measurement: in each block every class has one window, in random order. So
where a class makes no difference the windows of a block may be exchanged, and that is what the permutation
test does. AUC is the probability that a window of the second class scores above one of the first; it is taken
within each fold, because scores of two classifiers cannot be compared, and averaged.

Laws: pure; no classifier is known here.

Sources: E. R. DeLong et al., Biometrics 44 (1988), for the variance of an AUC by placements, here summed by
block; S. Holm, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from .features import Numbers

PERMUTATIONS: Final = 50_000
_CHUNK: Final = 2_000
_NORMAL_975: Final = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came out: the AUC, its 95 % interval, and the chance that nothing gives as much."""

    auc: float
    low: float
    high: float
    p: float


def judge(scores: Numbers, folds: Numbers, *, seed: int) -> Verdict:
    """Judge held-out scores.

    Args:
        scores: shape (blocks, 2): of the window of the first class and of the second in each block.
        folds: shape (blocks,): the fold in which each was held out.
        seed: of the permutations.
    """
    placed = _placements(scores, folds)
    auc = float(placed[:, 1].mean())
    # of each block: what its two windows add, beyond the mean
    parts = placed[:, 1] - placed[:, 0]
    count = len(parts)
    spread = float(parts.std(ddof=1) / np.sqrt(count)) if count > 1 else 1.0
    if not spread:  # told apart without exception: the rule of three
        spread = 3 / (count * _NORMAL_975) if auc in (0.0, 1.0) else 0.0
    low, high = auc - _NORMAL_975 * spread, auc + _NORMAL_975 * spread
    return Verdict(auc=auc, low=max(0.0, low), high=min(1.0, high), p=_permuted(scores, folds, seed))


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """p-values corrected for how many of them there are."""
    corrected: dict[str, float] = {}
    before = 0.0
    for rank, (name, value) in enumerate(sorted(values.items(), key=lambda item: item[1])):
        before = max(before, min(1.0, (len(values) - rank) * value))
        corrected[name] = before
    return corrected


def distance(first: Numbers, second: Numbers) -> float:
    """The Kolmogorov-Smirnov distance: the most by which two distributions differ anywhere."""
    if not len(first) or not len(second):
        return 0.0 if len(first) == len(second) else 1.0
    everywhere = np.concatenate([first, second])
    shares = [np.searchsorted(np.sort(one), everywhere, "right") / len(one) for one in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def _placements(scores: Numbers, folds: Numbers) -> Numbers:
    """For each window the part of the other class in its fold that scores below it; ties count half."""
    placed = np.zeros_like(scores)
    for fold in np.unique(folds):
        mine = folds == fold
        first, second = np.sort(scores[mine, 0]), np.sort(scores[mine, 1])
        for column, others in ((0, second), (1, first)):
            own = scores[mine, column]
            below = np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")
            placed[mine, column] = below / (2 * len(others))
    return placed


def _permuted(scores: Numbers, folds: Numbers, seed: int) -> float:
    """The chance that exchanging windows within blocks gives an AUC as high as it was.

    Within a fold the AUC is a rank sum, and exchanging the two windows of a block changes it by the
    difference of their ranks; so a permutation is one sum of signed differences.
    """
    differences = np.zeros(len(scores))
    for fold in np.unique(folds):
        mine = folds == fold
        ranks = _ranks(scores[mine].ravel()).reshape(-1, 2)
        # an AUC of n by n windows is (rank sum - least) / n²; folds weigh as many blocks as they have
        differences[mine] = (ranks[:, 1] - ranks[:, 0]) / mine.sum()
    observed = differences.sum() - 1e-9
    random = np.random.default_rng(seed)
    reached = 0
    for _ in range(0, PERMUTATIONS, _CHUNK):
        signs = random.integers(0, 2, size=(_CHUNK, len(differences)), dtype=np.int8) * 2.0 - 1.0
        reached += int((signs @ differences >= observed).sum())
    return (reached + 1) / (PERMUTATIONS + 1)


def _ranks(values: Numbers) -> Numbers:
    """Ranks from 1; equal values share theirs."""
    ordered = np.sort(values)
    left = np.searchsorted(ordered, values, "left")
    right = np.searchsorted(ordered, values, "right")
    ranks: Numbers = (left + right + 1) / 2
    return ranks
