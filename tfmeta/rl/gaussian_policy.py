"""A policy of continuous actions whose weights are arguments, different ones for every task."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.fast_weights import FastNetwork

__all__ = ["Gaussian", "GaussianPolicy"]

_LEAST_LOG_STD = math.log(1e-6)


class Gaussian(NamedTuple):
    """Normal distributions of A independent numbers.

    Attributes:
        mean: ``[..., A]``.
        log_std: logarithm of the standard deviation; it broadcasts to `mean`.

    Example:
        >>> normal = Gaussian(mean=tf.zeros([2]), log_std=tf.zeros([2]))
        >>> round(float(normal.log_prob(tf.constant([1.0, 0.0]))), 3)
        -2.338
        >>> float(Gaussian(tf.constant([1.0, 2.0]), tf.zeros([2])).kl_divergence(normal))
        2.5
    """

    mean: tf.Tensor
    log_std: tf.Tensor

    def log_prob(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the logarithm of the density at ``x [..., A]``, ``[...]``."""
        deviations = (x - self.mean) * tf.exp(-self.log_std)
        return -tf.reduce_sum(0.5 * deviations**2 + self.log_std + 0.5 * math.log(2 * math.pi), axis=-1)

    def kl_divergence(self, other: "Gaussian") -> tf.Tensor:
        """Returns the Kullback-Leibler divergence D(self || other), ``[...]``, in nats."""
        ratio = tf.exp(2 * (self.log_std - other.log_std))
        shift = (self.mean - other.mean) * tf.exp(-other.log_std)
        return tf.reduce_sum(0.5 * (ratio + shift**2 - 1) - self.log_std + other.log_std, axis=-1)


@keras.saving.register_keras_serializable("tfmeta")
class GaussianPolicy(keras.Model):
    r"""Draws actions from :math:`N(\mu(s; w), \mathrm{diag}\, \sigma^2)`, where μ is a perceptron.

    The standard deviations do not depend on what is observed. They are weights too, so that gradient steps change them.

    Args:
        observation_size: numbers of an observation, D.
        action_size: numbers of an action, A.
        units: of each hidden layer.
        activation: of the hidden layers.
        initial_std: standard deviation of the actions before any training.
        seed: of the initial weights.

    Raises:
        ValueError: if a size or the standard deviation is not above 0.

    Example:
        >>> policy = GaussianPolicy(observation_size=2, action_size=2, units=[8], seed=0)
        >>> weights = policy.repeated(tasks=3)
        >>> policy.distribution(weights, tf.zeros([3, 5, 2])).mean.shape
        TensorShape([3, 5, 2])
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        units: Sequence[int] = (100, 100),
        *,
        activation: str = "relu",
        initial_std: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(
            min(observation_size, action_size, *units) >= 1,
            f"observation_size={observation_size}, action_size={action_size}, units={list(units)}: each must be at"
            " least 1.",
        )
        check(initial_std > 0, f"initial_std={initial_std}; expected more than 0.")
        self.observation_size, self.action_size, self.units = observation_size, action_size, tuple(units)
        self.activation, self.initial_std, self.seed = activation, initial_std, seed
        seeds = keras.random.SeedGenerator(seed)
        glorot = keras.initializers.GlorotUniform(seeds)
        # Small at first, so that the first policy prefers no action.
        small = keras.initializers.VarianceScaling(0.01, "fan_avg", "uniform", seed=seeds)
        self.network = keras.Sequential(
            [
                keras.Input([observation_size]),
                *(keras.layers.Dense(size, activation, kernel_initializer=glorot) for size in units),
                keras.layers.Dense(action_size, kernel_initializer=small),
            ]
        )
        self.log_std = self.add_weight(
            shape=[action_size],
            initializer=keras.initializers.Constant(math.log(initial_std)),
            name="log_std",
        )
        self._fast = FastNetwork(self.network)
        self.built = True

    def slow_weights(self) -> list[tf.Tensor]:
        """Returns the weights as they are now, w: those of the network, and the logarithms of σ."""
        return [*self._fast.slow_weights(), tf.convert_to_tensor(self.log_std)]

    def repeated(self, tasks: int | tf.Tensor) -> list[tf.Tensor]:
        """Returns the weights as they are now for each task, each ``[B, ...]``."""
        return [tf.broadcast_to(w, [tasks, *w.shape]) for w in self.slow_weights()]

    def distribution(self, weights: Sequence[tf.Tensor], observation: tf.Tensor) -> Gaussian:
        """Returns the distributions of the actions.

        Args:
            weights: of each task, as in `repeated`.
            observation: ``[B, M, D]``.

        Returns:
            The distributions, with means ``[B, M, A]``.
        """
        *of_network, log_std = weights
        mean, _ = self._fast(of_network, observation)
        return Gaussian(mean, tf.maximum(log_std, _LEAST_LOG_STD)[:, None])

    def call(self, observation: tf.Tensor) -> tf.Tensor:
        """Returns the means of the actions by the weights as they are now, ``[N, A]``."""
        return self.network(observation)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "observation_size": self.observation_size,
            "action_size": self.action_size,
            "units": list(self.units),
            "activation": self.activation,
            "initial_std": self.initial_std,
            "seed": self.seed,
        }
