"""Ridge regression from sums over batches, so that the data need not fit in memory."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, check

__all__ = ["NormalEquations", "RidgeFit"]


class RidgeFit(NamedTuple):
    """A linear map that was fitted.

    Attributes:
        weights: ``R``, float64 ``[D, P]``.
        bias: ``b``, float64 ``[P]``.
        strength: the regularisation that was used, relative to the mean variance of the features.
        error: the mean squared residual per output that cross-validation expects; NaN without cross-validation.
        of_rest: for each fold what the other folds alone give: weights ``[F, D, P]`` and bias ``[F, P]``; None without
            cross-validation.
    """

    weights: np.ndarray
    bias: np.ndarray
    strength: float
    error: float
    of_rest: tuple[np.ndarray, np.ndarray] | None = None


class NormalEquations:
    r"""Sums from which a ridge regression, and its cross-validation, are computed without the data.

    For rows :math:`\phi_i` and targets :math:`y_i` it keeps, for each fold, the matrix of all products of
    :math:`(1, \phi_i, y_i)`. From it follow the solution of

    .. math:: \min_{R, b} \sum_i \lVert y_i - \phi_i R - b \rVert^2 + \alpha \lVert R \rVert^2

    for any :math:`\alpha`, and its squared error on any fold. The products of a batch are computed in the type of the
    features, and summed in float64.

    Args:
        inputs: features of a row, D.
        outputs: targets of a row, P.
        folds: parts of the data that cross-validation leaves out in turn. Each keeps ``(1 + D + P)²`` numbers.

    Raises:
        ValueError: for a size below 1.

    Example:
        >>> sums = NormalEquations(inputs=1, outputs=1, folds=2)
        >>> for fold in (0, 1):
        ...     x = tf.constant([[0.0], [1.0], [2.0]])
        ...     sums.add(x, 3 * x + 1, tf.constant(fold))
        >>> fit = sums.solve(0.0)
        >>> fit.weights.round(6).item(), fit.bias.round(6).item()
        (3.0, 1.0)
        >>> sums.choose([1e-6, 1.0]).strength
        1e-06

    Reference:
        Hoerl & Kennard. "Ridge regression: biased estimation for nonorthogonal problems." Technometrics 1970.
    """

    def __init__(self, inputs: int, outputs: int, folds: int = 1):
        for name, size in (("inputs", inputs), ("outputs", outputs), ("folds", folds)):
            check(size >= 1, f"{name}={size}; expected at least 1.")
        self.inputs, self.outputs, self.folds = inputs, outputs, folds
        size = 1 + inputs + outputs
        self._sums = tf.Variable(
            tf.zeros([folds, size, size], tf.float64), trainable=False, name="normal_equations"
        )

    def add(self, features: tf.Tensor, targets: tf.Tensor, fold: tf.Tensor | int = 0) -> None:
        """Adds rows to a fold.

        Args:
            features: ``[N, D]``.
            targets: ``[N, P]``.
            fold: the number of the fold, a scalar from 0 to ``folds - 1``.
        """
        rows = tf.concat([tf.ones_like(features[:, :1]), features, tf.cast(targets, features.dtype)], axis=1)
        products = tf.cast(tf.matmul(rows, rows, transpose_a=True), tf.float64)
        self._sums.scatter_add(tf.IndexedSlices(products[None], tf.reshape(fold, [1])))

    @property
    def rows(self) -> int:
        """How many rows were added."""
        return round(float(tf.reduce_sum(self._sums[:, 0, 0])))

    def solve(self, strength: float) -> RidgeFit:
        """Fits all rows.

        Args:
            strength: the regularisation :math:`\\alpha`, divided by the trace of the features' scatter matrix over D,
                so that it means the same for any number of rows and any scale of the features.

        Raises:
            TfmetaError: where the sums are not finite, or there are fewer rows than features and no regularisation.
        """
        sums = self._total()
        weights, bias = _fit(sums, self.inputs, strength)
        return RidgeFit(weights, bias, strength, float("nan"))

    def choose(self, strengths: Sequence[float]) -> RidgeFit:
        """Fits all rows with the strength that cross-validation prefers.

        Args:
            strengths: values to try, each as in `solve`.

        Raises:
            TfmetaError: as `solve`; or where a fold has no rows.
        """
        check(len(strengths) > 0, "There is no strength to choose from; give at least one.")
        check(self.folds > 1, "Cross-validation needs at least two folds; make NormalEquations with folds=3.")
        total, parts = self._total(), self._sums.numpy()
        empty = [fold for fold, part in enumerate(parts) if part[0, 0] < 1]
        if empty:
            raise TfmetaError(
                f"Fold {empty[0]} of {self.folds} has no rows; give at least {self.folds} batches, or fewer folds."
            )
        rests = [_centred(total - part, self.inputs) for part in parts]
        fits = [[_solved(rest, strength) for rest in rests] for strength in strengths]
        errors = [
            sum(_squared_error(part, *fit) for part, fit in zip(parts, each, strict=True)) for each in fits
        ]
        best = int(np.argmin(errors))
        weights, bias = _fit(total, self.inputs, strengths[best])
        of_rest = np.stack([fit[0] for fit in fits[best]]), np.stack([fit[1] for fit in fits[best]])
        return RidgeFit(weights, bias, strengths[best], errors[best] / (total[0, 0] * self.outputs), of_rest)

    def _total(self) -> np.ndarray:
        total = self._sums.numpy().sum(axis=0)
        if not np.isfinite(total).all():
            raise TfmetaError(
                "Features or targets hold NaN or infinite numbers; see that all data are finite."
            )
        if total[0, 0] < 2:
            raise TfmetaError(f"{total[0, 0]:.0f} rows were given; a regression needs at least 2.")
        return total


class _Centred(NamedTuple):
    """Means, and products of the deviations from them."""

    features: np.ndarray  # [D, D]
    both: np.ndarray  # [D, P]
    mean_features: np.ndarray  # [D]
    mean_targets: np.ndarray  # [P]
    rows: float


def _centred(sums: np.ndarray, inputs: int) -> _Centred:
    rows = sums[0, 0]
    means = sums[0, 1:] / rows
    products = sums[1:, 1:] - rows * np.outer(means, means)
    return _Centred(
        products[:inputs, :inputs], products[:inputs, inputs:], means[:inputs], means[inputs:], rows
    )


def _solved(data: _Centred, strength: float) -> tuple[np.ndarray, np.ndarray]:
    size = len(data.features)
    scale = np.trace(data.features) / size
    if scale <= 0:  # features that never change explain nothing
        return np.zeros_like(data.both), data.mean_targets
    if strength <= 0 and data.rows <= size:
        raise TfmetaError(
            f"{data.rows:.0f} rows are fewer than {size} features need without regularisation; give more rows, or a"
            " strength above 0."
        )
    matrix = data.features + strength * scale * np.eye(size)
    try:
        weights = np.linalg.solve(matrix, data.both)
    except np.linalg.LinAlgError as error:
        raise TfmetaError(
            "Some features depend on others, so that the regression has no single solution; give a strength above 0."
        ) from error
    return weights, data.mean_targets - data.mean_features @ weights


def _fit(sums: np.ndarray, inputs: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    return _solved(_centred(sums, inputs), strength)


def _squared_error(sums: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> float:
    """The sum of squared residuals of the rows that `sums` was made of."""
    outputs = weights.shape[1]
    residual = np.concatenate([-bias[None], -weights, np.eye(outputs)])  # [1 + D + P, P]
    return float(np.sum(residual * (sums @ residual)))
