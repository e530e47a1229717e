"""The contract of an optimizee: a family of functions to be minimised."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import tensorflow as tf

__all__ = ["Parameters", "Problem"]

Parameters = Sequence[tf.Tensor]
"""The parameters of B problems: tensors of any shapes behind a leading dimension of problems, ``[B, ...]``."""


class Problem(ABC):
    """A family of functions ``f(θ)``, from which B members are drawn and minimised at once.

    A seed names a batch of B members, and everything about them is a pure function of it, inside of a graph too:
    what they are, where their descent begins, and which minibatch they see at which step. So whoever knows the seed
    can go on with a descent that somebody else began.

    The B problems of a batch lie side by side in a leading dimension, and none touches another's loss: the gradient
    of the sum of the losses is every problem's own gradient.

    Example:
        >>> from tfmeta.optimizers import Quadratic
        >>> problem, seed = Quadratic(dimensions=10), [0, 7]
        >>> theta = problem.initial(seed, count=128)
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(theta)
        ...     losses = problem.loss(theta, seed, step=0)
        >>> losses.shape, tape.gradient(losses, theta)[0].shape
        (TensorShape([128]), TensorShape([128, 10]))
    """

    @abstractmethod
    def initial(self, seed: tf.Tensor | Sequence[int], count: int) -> list[tf.Tensor]:
        """Draws where the descent begins, ``θ_0``.

        Args:
            seed: two integers ``[2]`` that name the batch of problems.
            count: problems of the batch, B.

        Returns:
            The parameters, each ``[B, ...]``; number, order and shapes do not depend on the seed.
        """

    @abstractmethod
    def loss(
        self, parameters: Parameters, seed: tf.Tensor | Sequence[int], step: tf.Tensor | int
    ) -> tf.Tensor:
        """Evaluates the functions; differentiable to any order, and free of side effects.

        Args:
            parameters: ``θ``, each ``[B, ...]``, as `initial` shapes them for the same B.
            seed: two integers ``[2]`` that name the batch of problems.
            step: number of the step from 0, an integer scalar, on which a minibatch depends.

        Returns:
            The loss of each problem, ``[B]``.
        """
