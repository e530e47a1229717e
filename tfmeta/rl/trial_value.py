"""What the rest of a trial is worth."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.rl.trial_network import Step, TrialNetwork

__all__ = ["TrialValue"]


class TrialValue(keras.layers.Layer):
    r"""The value function ``V(h_t)`` of a trial, from a recurrent network of its own.

    With `clock` it knows the time, and predicts the mean reward of a step that is left: then

    .. math:: V_t = \frac{1 - \gamma^{T - t}}{1 - \gamma} v(h_t),

    where the factor is what a reward of one for every step to come would be worth. (The paper's network has to count
    the steps itself. A value function is needed in training alone, so the policy is the paper's all the same.)

    Args:
        network: yields one number a step, ``v``.
        trial_length: steps of a trial, T.
        discount: of rewards, γ.
        clock: whether it knows the time.

    Raises:
        ValueError: for a network of more outputs than one.

    Example:
        >>> network = TrialNetwork(actions=5, observation_size=0, outputs=1, units=16)
        >>> value = TrialValue(network, trial_length=10)
        >>> zeros = tf.zeros([2, 10])
        >>> value({"previous_action": tf.fill([2, 10], 3), "previous_reward": zeros, "done": zeros}).shape
        TensorShape([2, 10])
    """

    def __init__(
        self,
        network: TrialNetwork,
        trial_length: int,
        *,
        discount: float = 0.99,
        clock: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(network.outputs == 1, f"The network yields {network.outputs} numbers a step; a value is one.")
        self.network, self.trial_length, self.discount, self.clock = network, trial_length, discount, clock
        self.built = True

    def call(self, steps: Step) -> tf.Tensor:
        """Values every step of whole trials.

        Args:
            steps: what they tell, with the leading dimensions B and T; one step more may follow the last.

        Returns:
            The values, ``[B, T]``.
        """
        return self.network(steps)[..., 0] * self._worth(tf.shape(steps["done"])[1])

    def _worth(self, length: tf.Tensor) -> tf.Tensor:
        """Returns what one for every step that is left is worth, ``[T]``; without a clock, what it is at the start."""
        t = tf.range(length) if self.clock else tf.zeros([1], tf.int32)
        left = tf.cast(tf.maximum(self.trial_length - t, 0), tf.float32)
        if self.discount == 1.0:
            return left
        return (1.0 - self.discount**left) / (1.0 - self.discount)
