"""Problems that somebody has begun to solve already, so that a rule meets the end of a descent at its beginning."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.optimizers.problem import Parameters, Problem
from tfmeta.optimizers.zoo import MOMENTUM

__all__ = ["WarmStarted"]

_OWN_STEPS = 1_000_000  # minibatches from here on are met by no descent


@dataclasses.dataclass(frozen=True)
class WarmStarted(Problem):
    r"""Another problem, of which every second batch begins after some updates of Nesterov's momentum:

    .. math:: \nu \leftarrow \gamma \nu + \eta\, \nabla f(\theta - \gamma \nu), \qquad \theta \leftarrow \theta - \nu,
        \qquad k \sim U\{1, \dots, K\} \text{ times}.

    A rule that has only ever descended for a hundred updates knows neither the small gradients nor the noise of what
    comes after them, and goes on with steps that are too large. Here its descents are no longer, and show it both.

    Args:
        problem: the problem that is begun.
        steps: updates before the beginning, at most, K.
        learning_rate: η, which is to suit the problem.
        momentum: γ.

    Raises:
        ValueError: for less than one step.

    Example:
        >>> from tfmeta.optimizers import Quadratic
        >>> problem = WarmStarted(Quadratic(), steps=50, learning_rate=0.005)
        >>> def begins_at(number):
        ...     theta = problem.initial([7, number], count=100)
        ...     return float(tf.reduce_mean(problem.loss(theta, [7, number], 0)))
        >>> [begins_at(number) > 50 for number in range(6)]  # a quadratic begins at 110
        [False, False, True, False, True, True]
    """

    problem: Problem
    steps: int = 100
    learning_rate: float = 1.0
    momentum: float = MOMENTUM

    def __post_init__(self) -> None:
        check(self.steps >= 1, f"steps={self.steps}; expected at least 1.")

    def initial(self, seed: tf.Tensor | Sequence[int], count: int) -> list[tf.Tensor]:
        own = tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int64), tf.constant(2, tf.int64))
        drawn = tf.random.stateless_uniform([], own, 1 - self.steps, self.steps + 1, tf.int32)

        def step(number: tf.Tensor, theta: list[tf.Tensor], velocity: list[tf.Tensor]) -> tuple:
            ahead = [x - self.momentum * v for x, v in zip(theta, velocity, strict=True)]
            with tf.GradientTape() as tape:
                tape.watch(ahead)
                losses = self.problem.loss(ahead, seed, _OWN_STEPS + number)
            gradients = tape.gradient(losses, ahead, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            velocity = [
                self.momentum * v + self.learning_rate * g for v, g in zip(velocity, gradients, strict=True)
            ]
            return number + 1, [x - v for x, v in zip(theta, velocity, strict=True)], velocity

        theta = list(self.problem.initial(seed, count))
        begin = (tf.constant(0), theta, [tf.zeros_like(x) for x in theta])
        _, theta, _ = tf.while_loop(lambda number, *_: number < drawn, step, begin)
        return theta

    def loss(
        self, parameters: Parameters, seed: tf.Tensor | Sequence[int], step: tf.Tensor | int
    ) -> tf.Tensor:
        return self.problem.loss(parameters, seed, step)
