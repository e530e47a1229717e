"""Any Keras model with a loss and data, as a problem."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.fast_weights import FastNetwork
from tfmeta.core.shapes import leading
from tfmeta.optimizers.problem import Parameters, Problem

__all__ = ["KerasProblem"]

_LARGEST_BYTE = 255.0


class KerasProblem(Problem):
    """The training of a network: its weights are the parameters, and every step sees another minibatch.

    Members of this family differ in their initial weights and in their minibatches. A weight begins at a draw from a
    normal distribution with the mean and the spread of the values that the network came with: so its initialisers
    count, and what they made constant, as biases mostly are, begins at that constant. The network's own variables
    are never assigned to. Batch normalisation takes the statistics of the minibatch.

    Args:
        network: a built Keras model ``[M, ...] -> [M, ...]`` without dropout.
        loss: maps targets and outputs to the loss of each item: a name or object that Keras knows, or a function
            ``(y_true [B, M, ...], y_pred [B, M, ...]) -> [B, M, ...]``.
        x: inputs, ``[items, ...]``; those of uint8 are divided by 255.
        y: targets, ``[items, ...]``.
        batch_size: items of a minibatch, M, drawn with replacement.

    Raises:
        ValueError: where inputs and targets differ in number, or the network cannot be run with weights given to it.

    Example:
        >>> network = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
        >>> x = np.random.default_rng(0).normal(size=[100, 2]).astype(np.float32)
        >>> problem = KerasProblem(network, "mse", x, x[:, :1], batch_size=10)
        >>> theta = problem.initial([0, 7], count=3)
        >>> [parameter.shape for parameter in theta], problem.loss(theta, [0, 7], step=0).shape
        ([TensorShape([3, 2, 1]), TensorShape([3, 1])], TensorShape([3]))
    """

    def __init__(
        self,
        network: keras.Model,
        loss: str | keras.losses.Loss | Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        x: np.ndarray,
        y: np.ndarray,
        batch_size: int = 128,
    ):
        check(batch_size >= 1, f"batch_size={batch_size}; a minibatch needs at least 1 item.")
        check(
            len(x) == len(y) and len(x) > 0,
            f"there are {len(x)} inputs and {len(y)} targets; expected as many of the one as of the other.",
        )
        self.network = FastNetwork(network)
        found = keras.losses.get(loss)
        # A loss object is asked for the losses of the items, before it takes their mean.
        self._item_losses = found.call if isinstance(found, keras.losses.Loss) else found
        self._x, self._y = tf.constant(x), tf.constant(y)
        self._moments = [(tf.reduce_mean(w), tf.math.reduce_std(w)) for w in self.network.slow_weights()]
        self.batch_size = batch_size

    def initial(self, seed: tf.Tensor | Sequence[int], count: int) -> list[tf.Tensor]:
        weight_seed, _ = _split(seed)
        seeds = tf.unstack(tf.random.experimental.stateless_split(weight_seed, len(self._moments)))
        return [
            tf.random.stateless_normal([count, *variable.shape], seed, mean, spread)
            for variable, seed, (mean, spread) in zip(
                self.network.variables, seeds, self._moments, strict=True
            )
        ]

    def loss(
        self, parameters: Parameters, seed: tf.Tensor | Sequence[int], step: tf.Tensor | int
    ) -> tf.Tensor:
        count, (_, batch_seed) = leading(parameters[0], 1)[0], _split(seed)
        step_seed = tf.random.experimental.stateless_fold_in(batch_seed, tf.cast(step, tf.int64))
        items = tf.random.stateless_uniform(
            [count, self.batch_size], step_seed, maxval=len(self._x), dtype=tf.int32
        )
        x, y = tf.gather(self._x, items), tf.gather(self._y, items)  # [B, M, ...]
        if x.dtype == tf.uint8:
            x = tf.cast(x, tf.float32) / _LARGEST_BYTE
        outputs, _ = self.network(parameters, x)
        return tf.reduce_mean(tf.reshape(self._item_losses(y, outputs), [count, -1]), axis=1)


def _split(seed: tf.Tensor | Sequence[int]) -> list[tf.Tensor]:
    """Seeds of the initial weights and of the minibatches."""
    return tf.unstack(tf.random.experimental.stateless_split(tf.cast(seed, tf.int64), 2))
