"""How well pairs are told apart: the ROC curve, the area under it, and the equal error rate.

In ``compile(metrics=...)``, `keras.metrics.AUC` gives the area while training and `EqualErrorRate` the rate; both
count at fixed thresholds. `measure_verification` keeps every score, and is exact.
"""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["EqualErrorRate", "Verification", "fit_log_odds", "measure_verification", "score_verification"]


@dataclasses.dataclass(frozen=True)
class Verification:
    """What a verifier does at every threshold.

    Attributes:
        false_alarms: rate at which pairs of two classes are accepted, ascending from 0 to 1, ``[T]``.
        hits: rate at which pairs of one class are accepted, at the same thresholds, ``[T]``.
        thresholds: a pair is accepted whose score is at least this, descending from infinity, ``[T]``.
        area: under the curve of hits over false alarms: how often a same pair scores above a different one.
        equal_error: the error rate where both kinds of error are as frequent.
        calibration: how far probabilities are from frequencies: the mean gap over ten bins, weighted by how
            many pairs lie in each (the expected calibration error). It is NaN for scores beyond 0 and 1.
    """

    false_alarms: np.ndarray
    hits: np.ndarray
    thresholds: np.ndarray
    area: float
    equal_error: float
    calibration: float


def score_verification(same: np.ndarray, scores: np.ndarray) -> Verification:
    """Scores a verifier by its answers.

    Args:
        same: 1 where a pair is of one class, 0 where not, ``[P]``.
        scores: probabilities, or any numbers that are higher for pairs that are rather of one class, ``[P]``.

    Returns:
        The curve, and what sums it up.

    Raises:
        ValueError: if all pairs are of one kind, or a score is NaN.

    Example:
        >>> score_verification(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1])).equal_error
        0.5
    """
    same, scores = np.asarray(same).ravel().astype(bool), np.asarray(scores, np.float64).ravel()
    check(
        len(same) == len(scores),
        f"there are {len(same)} pairs in `same` but {len(scores)} scores; expected one score for each pair.",
    )
    check(
        0 < same.sum() < len(same),
        f"{same.sum()} of {len(same)} pairs are of one class; expected pairs of one class and pairs of two.",
    )
    check(not np.isnan(scores).any(), f"{np.isnan(scores).sum()} scores are NaN; expected numbers.")
    order = np.argsort(-scores, kind="stable")
    # Pairs of equal score are accepted together: a corner of the curve is where the score changes.
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits, false_alarms = (np.append(0.0, np.cumsum(kind[order])[last] / kind.sum()) for kind in (same, ~same))
    return Verification(
        false_alarms,
        hits,
        np.append(np.inf, scores[order][last]),
        float(np.diff(false_alarms) @ (hits[1:] + hits[:-1]) / 2.0),
        _equal_error(false_alarms, 1.0 - hits),
        _calibration(same, scores),
    )


def measure_verification(verifier: Any, pairs: tf.data.Dataset, *, batches: int) -> Verification:
    """Lets a learner verify pairs, and scores it.

    Args:
        verifier: has ``verify(a, b) -> probability``, like `tfmeta.fewshot.siamese.SiameseNetwork`.
        pairs: batches ``({"a", "b"}, same)``, as `tfmeta.core.pairs.pairs` draws them.
        batches: how many of them to draw.

    Returns:
        The curve, and what sums it up.
    """
    verify = tf.function(verifier.verify, autograph=False)
    answers = [(same.numpy(), verify(x["a"], x["b"]).numpy()) for x, same in pairs.take(batches)]
    return score_verification(*map(np.concatenate, zip(*answers, strict=True)))


def fit_log_odds(same: np.ndarray, log_odds: np.ndarray) -> tuple[float, float]:
    """Fits the line that makes log-odds honest: ``p(same) = σ(a l + b)`` with the least cross-entropy.

    Both kinds of pair count one half in all, however many there are. Newton's method; a slight pull of ``a`` towards
    0 keeps it finite where no threshold errs.

    Args:
        same: 1 where a pair is of one class, 0 where not, ``[P]``.
        log_odds: what a verifier gives for each, ``[P]``.

    Returns:
        ``a`` and ``b``.

    Raises:
        ValueError: if all pairs are of one kind.

    Example:
        >>> a, b = fit_log_odds(np.array([1, 1, 0, 0]), np.array([30.0, -10.0, 10.0, -30.0]))
        >>> round(20 * a, 2), abs(b) < 1e-6
        (0.91, True)

    Reference:
        Platt. "Probabilistic Outputs for Support Vector Machines." Advances in Large Margin Classifiers, 1999.
    """
    same, log_odds = np.asarray(same, np.float64).ravel(), np.asarray(log_odds, np.float64).ravel()
    check(
        0 < same.sum() < len(same),
        f"{same.sum():.0f} of {len(same)} pairs are of one class; expected pairs of one class and pairs of two.",
    )
    center, spread = log_odds.mean(), max(log_odds.std(), 1e-12)
    x = np.stack([(log_odds - center) / spread, np.ones_like(log_odds)], axis=1)  # [P, 2]
    weights = np.where(same > 0, 0.5 / same.mean(), 0.5 / (1.0 - same.mean())) / len(same)
    pull = np.diag([1e-4, 0.0])
    line = np.zeros(2)
    for _ in range(100):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ line, -500, 500)))
        gradient = x.T @ (weights * (p - same)) + pull @ line
        curvature = (x * (weights * p * (1.0 - p))[:, None]).T @ x + pull + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        line -= step * min(
            1.0, 2.0 / np.abs(step).max(initial=1e-12)
        )  # far from the minimum Newton overshoots
        if np.abs(step).max() < 1e-9:
            break
    slope = line[0] / spread
    return float(slope), float(line[1] - slope * center)


@keras.saving.register_keras_serializable("tfmeta")
class EqualErrorRate(keras.metrics.AUC):
    """The error rate of a verifier at the threshold where both kinds of error are as frequent.

    Args:
        num_thresholds: how finely probabilities are told apart.
        from_logits: whether answers are log-odds, as those of `tfmeta.fewshot.siamese.SiameseNetwork` for pairs.
        name: name of the metric.
        **kwargs: those of `keras.metrics.AUC`.

    Example:
        >>> metric = EqualErrorRate(from_logits=False)
        >>> metric.update_state([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1])
        >>> round(float(metric.result()), 3)
        0.5
    """

    def __init__(
        self,
        num_thresholds: int = 1000,
        from_logits: bool = True,
        name: str = "equal_error_rate",
        **kwargs: Any,
    ):
        super().__init__(num_thresholds=num_thresholds, from_logits=from_logits, name=name, **kwargs)
        self._direction = "down"  # a rate of errors is better the lower it is

    def result(self) -> tf.Tensor:
        tp, fp, tn, fn = (
            tf.convert_to_tensor(count)
            for count in (
                self.true_positives,
                self.false_positives,
                self.true_negatives,
                self.false_negatives,
            )
        )
        # By descending threshold, as in `_equal_error`.
        false_alarms = tf.math.divide_no_nan(fp, fp + tn)[::-1]
        misses = tf.math.divide_no_nan(fn, fn + tp)[::-1]
        gaps = misses - false_alarms
        after = tf.minimum(tf.reduce_sum(tf.cast(gaps > 0, tf.int32)), tf.size(gaps) - 1)
        before = tf.maximum(after - 1, 0)
        share = tf.math.divide_no_nan(gaps[before], gaps[before] - gaps[after])
        return false_alarms[before] + share * (false_alarms[after] - false_alarms[before])


def _equal_error(false_alarms: np.ndarray, misses: np.ndarray) -> float:
    """Where the two rates cross, between the corners before and after."""
    gaps = misses - false_alarms  # falls from 1 to -1
    after = int(np.argmax(gaps <= 0))
    before = after - 1
    share = gaps[before] / (gaps[before] - gaps[after])
    return float(false_alarms[before] + share * (false_alarms[after] - false_alarms[before]))


def _calibration(same: np.ndarray, scores: np.ndarray) -> float:
    if scores.min() < 0.0 or scores.max() > 1.0:
        return float("nan")
    bins = np.minimum((scores * 10).astype(int), 9)
    gaps = np.bincount(bins, weights=same - scores, minlength=10)
    return float(np.abs(gaps).sum() / len(same))
