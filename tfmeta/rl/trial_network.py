"""Recurrent networks over trials: what a policy and a value function are made of."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.networks.gru import GRU

__all__ = ["Step", "TrialNetwork"]

Step = Mapping[str, tf.Tensor]
"""What a step of a trial tells: ``observation [..., D]``, which is left out where there is nothing to see,
``previous_action [...]`` int32 (-1 before the first), ``previous_reward [...]`` and ``done [...]`` float32."""


class TrialNetwork(keras.layers.Layer):
    """A GRU that is told everything which happens in a trial, and a linear layer on top of its state.

    Its input is the paper's: the observation, the action before as a one-hot vector, the reward for that, and whether
    it ended an episode. The state goes on where an episode ends, and so can hold what was learnt of the task.

    In the paper's input nothing says of what the reward was: the GRU has to keep the observation before, and to cross
    it with the action. `crossed` does that for it, and adds both products: of the observation before with the action,
    which is one number for each state and action of a tabular task, and of that with the reward.

    Args:
        actions: how many actions there are, A.
        observation_size: numbers of an observation, D; 0 where there is nothing to see.
        outputs: numbers that each step yields, O.
        units: of the GRU, H.
        head_scale: factor on the initial weights of the linear layer; a small one begins with a policy that prefers
            nothing.
        encoder: makes features ``[B, F]`` of observations that are no vectors, e.g. of images; a Keras model, whose
            input is an observation laid out in its shape. An observation of nothing but zeros has features of zeros.
        crossed: adds the products of the observation before with the action and its reward. Then the state holds that
            observation too.
        seed: of the initial weights.

    Raises:
        ValueError: if a size is below 1, the encoder does not take what is observed, or there is no vector to cross
            actions with.

    Example:
        >>> network = TrialNetwork(actions=5, observation_size=0, outputs=5, units=16, seed=0)
        >>> step = {"previous_action": tf.constant([-1, 2]), "previous_reward": tf.zeros([2]), "done": tf.zeros([2])}
        >>> outputs, state = network.step(step, network.initial_state(2))
        >>> outputs.shape, state.shape
        (TensorShape([2, 5]), TensorShape([2, 16]))

    Reference:
        Duan et al. 2016, RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, section 2.3.
    """

    def __init__(
        self,
        actions: int,
        observation_size: int,
        outputs: int,
        *,
        units: int = 256,
        head_scale: float = 1.0,
        encoder: keras.Model | None = None,
        crossed: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(
            min(actions, outputs, units) >= 1,
            f"actions={actions}, outputs={outputs}, units={units}: each must be at least 1.",
        )
        self.actions, self.observation_size, self.outputs, self.units = (
            actions,
            observation_size,
            outputs,
            units,
        )
        check(
            not crossed or (observation_size > 0 and encoder is None),
            "crossed=True needs observations that are vectors; leave it out where there are none, or pictures.",
        )
        self.encoder, self.crossed = encoder, crossed
        seen = observation_size
        if encoder is not None:
            takes, (*_, seen) = math.prod(encoder.input_shape[1:]), encoder.output_shape
            check(
                takes == observation_size,
                f"The encoder takes {takes} numbers, {list(encoder.input_shape[1:])}, and an observation has"
                f" {observation_size}; expected as many.",
            )
        products = 2 * observation_size * actions if crossed else 0
        self.gru = GRU(seen + actions + 2 + products, units, seed=seed)
        init = keras.initializers.VarianceScaling(
            head_scale**2, "fan_avg", "uniform", seed=keras.random.SeedGenerator(seed)
        )
        self.head = keras.layers.Dense(outputs, kernel_initializer=init)
        self.head.build([None, units])
        self.built = True

    @property
    def state_size(self) -> int:
        """Numbers of a state: the GRU's, and with `crossed` an observation's."""
        return self.units + (self.observation_size if self.crossed else 0)

    def initial_state(self, batch: int | tf.Tensor) -> tf.Tensor:
        """Returns the state before the first step of a trial, zeros ``[B, state_size]``."""
        return tf.zeros([batch, self.state_size])

    def step(self, step: Step, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Hears of one step.

        Args:
            step: what it tells, with the leading dimension B.
            state: ``[B, state_size]``.

        Returns:
            What it yields, ``[B, O]``, and the next state.
        """
        memory, before = state[:, : self.units], state[:, self.units :]
        memory = self.gru.step(self._features(step, before), memory)
        return self.head(memory), tf.concat([memory, step["observation"]], 1) if self.crossed else memory

    def call(self, steps: Step) -> tf.Tensor:
        """Hears of whole trials, each from its first step.

        Args:
            steps: what they tell, with the leading dimensions B and T.

        Returns:
            What each step yields, ``[B, T, O]``.
        """
        # Time first, before the inputs grow to the width of the GRU.
        swapped = {key: tf.transpose(x, [1, 0, *range(2, x.shape.rank)]) for key, x in steps.items()}
        before = None
        if self.crossed:
            seen = swapped["observation"]
            before = tf.concat([tf.zeros_like(seen[:1]), seen[:-1]], axis=0)
        outputs = self.head(self.gru(self._features(swapped, before)))  # [T, B, O]
        return tf.transpose(outputs, [1, 0, 2])

    def _features(self, step: Step, before: tf.Tensor | None = None) -> tf.Tensor:
        action = tf.one_hot(step["previous_action"], self.actions)  # nothing but zeros for -1
        reward = step["previous_reward"][..., None]
        parts = [action, reward, step["done"][..., None]]
        if self.observation_size:
            parts.insert(0, self._see(step["observation"]))
        if self.crossed:
            # Each number of the observation by the whole action, side by side.
            pairs = tf.repeat(before, self.actions, axis=-1) * tf.tile(
                action, [1] * (action.shape.rank - 1) + [self.observation_size]
            )  # [..., D * A]
            parts += [pairs, pairs * reward]
        return tf.concat(parts, axis=-1)

    def _see(self, observation: tf.Tensor) -> tf.Tensor:
        if self.encoder is None:
            return observation
        flat = tf.reshape(observation, [-1, self.observation_size])
        # Where a trial is over before its time, nothing is looked at, which is most of the time of who learnt well.
        seen = tf.where(tf.reduce_any(flat != 0.0, axis=1))
        # One picture more, which is dropped again: oneDNN's convolution of no pictures has a wrong shape.
        looked_at = tf.gather(flat, tf.concat([[0], seen[:, 0]], axis=0))
        features = self.encoder(tf.reshape(looked_at, [-1, *self.encoder.input_shape[1:]]))[1:]
        width = features.shape[-1]
        features = tf.scatter_nd(seen, features, [tf.shape(flat)[0], width])
        return tf.reshape(features, tf.concat([tf.shape(observation)[:-1], [width]], axis=0))
