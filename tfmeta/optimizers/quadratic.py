"""Random quadratics: the smallest problems on which update rules differ."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import leading
from tfmeta.optimizers.problem import Parameters, Problem

__all__ = ["Quadratic"]


@dataclasses.dataclass(frozen=True)
class Quadratic(Problem):
    """Quadratic functions with coefficients drawn from a standard normal distribution,

        f(θ) = ‖W θ - y‖²,        W [D, D], y [D] ~ N(0, 1).

    Every step sees the whole function: there are no minibatches.

    Args:
        dimensions: parameters of a problem, D.
        spread: standard deviation of ``θ_0``.

    Raises:
        ValueError: for less than one dimension.

    Example:
        >>> theta = Quadratic(dimensions=10).initial([0, 7], count=3)
        >>> [parameter.shape for parameter in theta]
        [TensorShape([3, 10])]

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016, section 3.1.
    """

    dimensions: int = 10
    spread: float = 1.0

    def __post_init__(self) -> None:
        check(self.dimensions >= 1, f"dimensions={self.dimensions}; a problem needs at least 1.")

    def initial(self, seed: tf.Tensor | Sequence[int], count: int) -> list[tf.Tensor]:
        return [self.spread * tf.random.stateless_normal([count, self.dimensions], _parts(seed)[0])]

    def loss(
        self, parameters: Parameters, seed: tf.Tensor | Sequence[int], step: tf.Tensor | int
    ) -> tf.Tensor:
        (theta,) = parameters
        count, (_, matrix_seed, target_seed) = leading(theta, 1)[0], _parts(seed)
        matrix = tf.random.stateless_normal([count, self.dimensions, self.dimensions], matrix_seed)
        target = tf.random.stateless_normal([count, self.dimensions], target_seed)
        return tf.reduce_sum(tf.square(tf.linalg.matvec(matrix, theta) - target), axis=1)


def _parts(seed: tf.Tensor | Sequence[int]) -> list[tf.Tensor]:
    """Seeds of the initial parameters, the matrix and the target."""
    return tf.unstack(tf.random.experimental.stateless_split(tf.cast(seed, tf.int64), 3))
