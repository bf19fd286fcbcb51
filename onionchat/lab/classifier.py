"""The adversary's classifiers: a straight line and a forest of corrections, each where it does better.

The blocks are split in stretches of time. Each but the first is scored by classifiers that were trained on
all before it, and which of the two kinds does it is decided on those alone: an adversary who learns from the
past and judges what comes. In a cross-validation in which each stretch also helps to train for the others,
chance agreement of two stretches counts twice, and a test that takes scores as given finds too much.

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
from sklearn.preprocessing import FunctionTransformer, RobustScaler
from threadpoolctl import threadpool_limits  # comes with scikit-learn

from .features import Numbers

_MOST_STRETCHES: Final = 10
_LEAST_STRETCHES: Final = 3
_BLOCKS: Final = 10
"""Of a stretch, where there are enough."""
_INNER: Final = 3

Maker = Callable[[], Any]
"""Gives something with scikit-learn's ``fit`` and ``decision_function``, which has no types."""


def stretches_of(blocks: int) -> Numbers:
    """The stretch of time that each block is in, counted from 0."""
    count = min(_MOST_STRETCHES, max(_LEAST_STRETCHES, blocks // _BLOCKS))
    stretches: Numbers = np.floor(np.arange(blocks) * (count / blocks))
    return stretches


def held_out(first: Numbers, second: Numbers, *, seed: int) -> tuple[Numbers, Numbers]:
    """Score each window of all stretches but the first by classifiers that know only what was before it.

    Args:
        first: shape (blocks, features), one window of the first class for each block.
        second: the same of the second class.
        seed: of whatever is drawn.

    Returns:
        Scores of shape (scored blocks, 2), and the stretch of each scored block.
    """
    makers = _makers(seed)
    both = np.stack([first, second], axis=1)
    stretches = stretches_of(len(both))
    scores = np.zeros((len(both), 2))
    with threadpool_limits(limits=1):  # threads that wait for each other by spinning take longer than one
        for stretch in np.unique(stretches)[1:]:
            past, present = both[stretches < stretch], both[stretches == stretch]
            best = max(makers, key=partial(_inner, past))
            scores[stretches == stretch] = _scores(_trained(best, past), present)
    return scores[stretches > 0], stretches[stretches > 0]


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
        return make_pipeline(
            RobustScaler(quantile_range=(10, 90)),
            FunctionTransformer(np.clip, kw_args={"a_min": -2, "a_max": 2}),  # one odd window is no scale
            LogisticRegression(C=0.3, max_iter=500),
        )

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
