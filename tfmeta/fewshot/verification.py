"""How well pairs are told apart: the ROC curve, the area under it, and the equal error rate.

In ``compile(metrics=...)``, `keras.metrics.AUC` gives the area while training and `EqualErrorRate` the rate; both
count at fixed thresholds. `measure_verification` keeps every score, and is exact.

The curve, its area and the fit of log-odds are scikit-learn's. Two numbers are computed here, because scikit-learn
has neither. One is the rate where the two errors cross. The other is the calibration error: scikit-learn's
``calibration_curve`` does not say how many pairs each bin holds.
"""

import dataclasses
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, check

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
        ValueError: if all pairs are of one kind, or a score is NaN or infinite.
        TfmetaError: if scikit-learn is not installed.

    Example:
        >>> score_verification(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1])).equal_error
        0.5
    """
    same, scores = np.asarray(same).ravel().astype(bool), np.asarray(scores, np.float64).ravel()
    check(
        len(same) == len(scores),
        f"there are {len(same)} pairs in `same` but {len(scores)} scores; expected one score for each pair.",
    )
    _check_both_kinds(same)
    odd = ~np.isfinite(scores)
    check(not odd.any(), f"{odd.sum()} scores are NaN or infinite; expected finite numbers.")
    metrics = _scikit_learn("metrics")
    false_alarms, hits, thresholds = metrics.roc_curve(same, scores, drop_intermediate=False)
    return Verification(
        false_alarms,
        hits,
        thresholds,
        float(metrics.auc(false_alarms, hits)),
        _equal_error(false_alarms, 1.0 - hits),
        _calibration(same, scores),
    )


class Verifier(Protocol):
    """Whatever gives probabilities that two items are of one class."""

    def verify(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        """Returns the probabilities for pairs: ``[P, ...], [P, ...] -> [P]``."""


def measure_verification(verifier: Verifier, pairs: tf.data.Dataset, *, batches: int) -> Verification:
    """Lets a learner verify pairs, and scores it.

    Args:
        verifier: a `tfmeta.fewshot.siamese.SiameseNetwork`, or anything else with its `verify`.
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

    It is a logistic regression in which both kinds of pair count one half in all, however many there are. A slight
    pull of ``a`` towards 0 keeps it finite where no threshold errs.

    Args:
        same: 1 where a pair is of one class, 0 where not, ``[P]``.
        log_odds: what a verifier gives for each, ``[P]``.

    Returns:
        ``a`` and ``b``.

    Raises:
        ValueError: if all pairs are of one kind.
        TfmetaError: if scikit-learn is not installed.

    Example:
        >>> a, b = fit_log_odds(np.array([1, 1, 0, 0]), np.array([30.0, -10.0, 10.0, -30.0]))
        >>> round(20 * a, 2), abs(b) < 1e-6
        (0.91, True)

    Reference:
        Platt. "Probabilistic Outputs for Support Vector Machines." Advances in Large Margin Classifiers, 1999.
    """
    same, log_odds = np.asarray(same).ravel().astype(bool), np.asarray(log_odds, np.float64).ravel()
    _check_both_kinds(same)
    center, spread = float(log_odds.mean()), max(float(log_odds.std()), 1e-12)
    # Newton's method: two numbers are fitted, and the default solver stops at four digits.
    fit = _scikit_learn("linear_model").LogisticRegression(
        C=1.0 / (_PULL * len(same)), class_weight="balanced", solver="newton-cholesky", tol=1e-9
    )
    fit.fit(((log_odds - center) / spread)[:, None], same)
    slope = float(fit.coef_[0, 0]) / spread
    return slope, float(fit.intercept_[0]) - slope * center


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


_PULL = (
    1e-4  # of `fit_log_odds`, towards a slope of 0: weight of half its square beside the mean cross-entropy
)


def _check_both_kinds(same: np.ndarray) -> None:
    check(
        0 < same.sum() < len(same),
        f"{same.sum()} of {len(same)} pairs are of one class; expected pairs of one class and pairs of two.",
    )


def _scikit_learn(name: str) -> ModuleType:
    """Imports a module of scikit-learn when it is first needed, since only verification needs it."""
    try:
        return import_module(f"sklearn.{name}")
    except ImportError as error:
        raise TfmetaError(
            "The curves of a verifier are drawn by scikit-learn, which is not installed:"
            " pip install 'tfmeta[data]'."
        ) from error


def _equal_error(false_alarms: np.ndarray, misses: np.ndarray) -> float:
    """Where the two rates cross, on the straight line between the corner before and the one after."""
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
