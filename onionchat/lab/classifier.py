"""The adversary's classifiers: a straight line and a forest of corrections, each where it does better.

Blocks are split in five stretches of time. Each is scored by classifiers that were trained on the other four,
and which of the two kinds does it is decided on those four alone. Nothing of a window that is judged, nor of
its neighbours in its stretch, has touched the classifier that judges it.

Laws: nothing random but by the given seed; scikit-learn is known here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # comes with scikit-learn

from .features import Numbers

FOLDS: Final = 5
_INNER: Final = 3

Maker = Callable[[], Any]
"""Gives something with scikit-learn's ``fit`` and ``decision_function``, which has no types."""


def folds_of(blocks: int) -> Numbers:
    """The stretch of time that each block is in."""
    folds: Numbers = np.floor(np.arange(blocks) * (FOLDS / blocks))
    return folds


def held_out(first: Numbers, second: Numbers, *, seed: int) -> tuple[Numbers, Numbers]:
    """Score each window by classifiers that know nothing of it.

    Args:
        first: shape (blocks, features), one window of the first class for each block.
        second: the same of the second class.
        seed: of whatever is drawn.

    Returns:
        Scores of shape (blocks, 2), and each block's fold.
    """
    makers = _makers(seed)
    both = np.stack([first, second], axis=1)
    folds = folds_of(len(both))
    with threadpool_limits(limits=1):  # threads that wait for each other by spinning take longer than one
        return _all_scores(makers, both, folds), folds


def _all_scores(makers: list[Maker], both: Numbers, folds: Numbers) -> Numbers:
    scores = np.zeros((len(both), 2))
    for fold in np.unique(folds):
        training = both[folds != fold]
        best = max(makers, key=partial(_inner, training))
        model = _trained(best, training)
        scores[folds == fold] = _scores(model, both[folds == fold])
    return scores


def _inner(both: Numbers, maker: Maker) -> float:
    """How well a kind of classifier does within what may be trained on."""
    stretches = np.arange(len(both)) * _INNER // len(both)
    found = []
    for stretch in range(_INNER):
        held = _scores(_trained(maker, both[stretches != stretch]), both[stretches == stretch])
        found.append(float((held[:, 1][:, None] > held[:, 0][None, :]).mean()))
    return float(np.mean(found))


def _trained(maker: Maker, both: Numbers) -> Any:
    model = maker()
    model.fit(both.reshape(-1, both.shape[-1]), np.tile([0, 1], len(both)))
    return model


def _scores(model: Any, both: Numbers) -> Numbers:
    flat: Numbers = model.decision_function(both.reshape(-1, both.shape[-1]))
    return flat.reshape(-1, 2)


def _makers(seed: int) -> list[Maker]:
    """The two kinds."""

    def straight() -> Any:
        return make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=500))

    def boosted() -> Any:
        return HistGradientBoostingClassifier(
            max_iter=40,
            learning_rate=0.1,
            max_leaf_nodes=8,
            min_samples_leaf=8,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=seed,
        )

    return [straight, boosted]
