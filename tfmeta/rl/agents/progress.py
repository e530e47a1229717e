"""What a step of training tells of itself, whichever agent takes it."""

from typing import Any, NamedTuple

import tensorflow as tf

__all__ = ["Progress", "progress"]


class Progress(NamedTuple):
    """Numbers of one step of training, all scalars.

    Attributes:
        kl: mean divergence of the policy after the step from that before, in nats.
        entropy: of the policy that played, in nats.
        explained: part of the variance of the returns that the value function foresaw; 1 at best.
    """

    kl: tf.Tensor
    entropy: tf.Tensor
    explained: tf.Tensor


def progress(before: Any, now: Any, values: tf.Tensor, returns: tf.Tensor) -> Progress:
    """Measures a step.

    Args:
        before: distributions that the actions were drawn from.
        now: those of the policy afterwards.
        values: what the value function foresaw, ``[B, T]``.
        returns: what came, ``[B, T]``.
    """
    left = tf.math.reduce_variance(returns - values)
    explained = 1.0 - tf.math.divide_no_nan(left, tf.math.reduce_variance(returns))
    return Progress(tf.reduce_mean(before.kl_divergence(now)), tf.reduce_mean(before.entropy()), explained)
