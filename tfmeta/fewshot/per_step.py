"""Statistics of batch normalisation that are kept apart for each inner step."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfmeta.core.task_batch import Moments

__all__ = ["PerStepMoments"]


class PerStepMoments(keras.layers.Layer):
    """Moving statistics of each batch normalisation of a network, one set for each inner step.

    Weights move from step to step, and activations with them, so that one moving average for all steps fits none
    of them. Set ``i`` belongs to the weights after ``i`` steps. The momentum is that of the batch normalisation.

    Args:
        norms: the batch normalisations.
        sets: how many sets are kept; calls for a step beyond them take the last.

    Example:
        >>> norm = keras.layers.BatchNormalization()
        >>> norm.build([None, 3])
        >>> moments = PerStepMoments([norm], sets=2)
        >>> moments.at(1, tasks=4)[0][0].shape
        TensorShape([4, 3])

    Reference:
        Antoniou, Edwards, Storkey. "How to train your MAML." ICLR 2019, section 4, "per-step batch normalization
        running statistics".
    """

    def __init__(self, norms: Sequence[keras.layers.BatchNormalization], sets: int):
        super().__init__()
        self.sets = sets
        self.momenta = [norm.momentum for norm in norms]
        self.moving = [
            tuple(
                self.add_weight(
                    name=f"{name}_{number}",
                    shape=(sets, *norm.moving_mean.shape),
                    initializer=start,
                    trainable=False,
                )
                for name, start in (("moving_mean", "zeros"), ("moving_variance", "ones"))
            )
            for number, norm in enumerate(norms)
        ]
        self.built = True

    def at(self, step: int, tasks: int | tf.Tensor) -> list[Moments]:
        """Returns mean and variance, each ``[B, F]``, of each normalisation after `step` inner steps."""
        row = min(step, self.sets - 1)

        def repeated(variable: keras.Variable) -> tf.Tensor:
            value = tf.convert_to_tensor(variable)[row]
            return tf.broadcast_to(value, [tasks, *value.shape])

        return [(repeated(mean), repeated(variance)) for mean, variance in self.moving]

    def observe(self, step: int, moments: Sequence[Moments]) -> None:
        """Moves the statistics of a step towards those of a batch of tasks, mean and variance each ``[B, F]``."""
        row = min(step, self.sets - 1)
        for moving, (means, variances), momentum in zip(self.moving, moments, self.momenta, strict=True):
            # Items of all tasks together vary within their task, and as the tasks' means do.
            seen = (
                tf.reduce_mean(means, axis=0),
                tf.reduce_mean(variances, axis=0) + tf.math.reduce_variance(means, axis=0),
            )
            for variable, value in zip(moving, seen, strict=True):
                now = tf.convert_to_tensor(variable)
                changed = momentum * now[row] + (1.0 - momentum) * tf.stop_gradient(value)
                variable.assign(tf.tensor_scatter_nd_update(now, [[row]], changed[None]))
