"""Problems whose coordinates are stretched at random, so that a rule cannot learn one scale by heart."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.optimizers.problem import Parameters, Problem

__all__ = ["RandomlyScaled"]


@dataclasses.dataclass(frozen=True)
class RandomlyScaled(Problem):
    """Another problem in other units: each coordinate has a random one of its own.

        f_c(θ) = f(c θ),    θ_0 := θ_0 / c,    log c ~ U(-a, a).

    The values along a descent begin where they did, but each coordinate's gradients and distances are another size.

    Args:
        problem: the problem that is stretched.
        log_range: ``a``.

    Raises:
        ValueError: for a negative range.

    Example:
        >>> from tfmeta.optimizers import Quadratic
        >>> problem, stretched, seed = Quadratic(), RandomlyScaled(Quadratic()), [0, 7]
        >>> losses = [float(p.loss(p.initial(seed, 1), seed, 0)[0]) for p in (problem, stretched)]
        >>> abs(losses[0] - losses[1]) < 1e-3
        True

    Reference:
        Lv, Jiang, Li. "Learning Gradient Descent: Better Generalization and Longer Horizons." ICML 2017, section 4.1.
    """

    problem: Problem
    log_range: float = 3.0

    def __post_init__(self) -> None:
        check(self.log_range >= 0.0, f"log_range={self.log_range}; expected 0 or more.")

    def initial(self, seed: tf.Tensor | Sequence[int], count: int) -> list[tf.Tensor]:
        theta = self.problem.initial(seed, count)
        return [start / scale for start, scale in zip(theta, self._scales(seed, theta), strict=True)]

    def loss(
        self, parameters: Parameters, seed: tf.Tensor | Sequence[int], step: tf.Tensor | int
    ) -> tf.Tensor:
        scales = self._scales(seed, parameters)
        theta = [scale * parameter for parameter, scale in zip(parameters, scales, strict=True)]
        return self.problem.loss(theta, seed, step)

    def _scales(self, seed: tf.Tensor | Sequence[int], parameters: Parameters) -> list[tf.Tensor]:
        own = tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int64), tf.constant(1, tf.int64))
        seeds = tf.unstack(tf.random.experimental.stateless_split(own, len(parameters)))
        return [
            tf.exp(tf.random.stateless_uniform(tf.shape(parameter), seed, -self.log_range, self.log_range))
            for parameter, seed in zip(parameters, seeds, strict=True)
        ]
