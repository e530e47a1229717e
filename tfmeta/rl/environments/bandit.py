"""Bernoulli bandits inside the graph."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import check
from tfmeta.rl.environments.environment import TrialEnvironment

__all__ = ["BanditEnvironment", "BanditState"]


class BanditState(NamedTuple):
    """Where B bandits stand.

    Attributes:
        means: the probability that an arm pays, ``[B, K]``.
        luck: the seed of the rewards, ``[2]`` int64.
        steps: pulls so far, an int32 scalar.
    """

    means: tf.Tensor
    luck: tf.Tensor
    steps: tf.Tensor


class BanditEnvironment(TrialEnvironment):
    """B bandits of K arms; each arm pays 1 with a probability that is uniform on [0, 1), else 0.

    There is nothing to see, and each pull is an episode of its own. It is the distribution of tasks of
    `tfmeta.rl.baselines.BanditTask`.

    Args:
        arms: arms of each bandit, K.
        pulls: pulls of a trial, T.

    Raises:
        ValueError: for less than one of either.

    Example:
        >>> BanditEnvironment(arms=5, pulls=10).trial_length
        10

    Reference:
        Duan et al. 2016, RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, section 3.1.
    """

    def __init__(self, arms: int, pulls: int):
        check(min(arms, pulls) >= 1, f"arms={arms}, pulls={pulls}; expected at least 1 of each.")
        self.actions, self.observation_size, self.trial_length = arms, 0, pulls

    def reset(self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor) -> tuple[BanditState, tf.Tensor]:
        tasks, luck = derived_seeds(seed, 0, 1)
        means = tf.random.stateless_uniform([batch, self.actions], tasks)
        return BanditState(means, luck, tf.constant(0)), self._nothing(means)

    def step(
        self, state: BanditState, action: tf.Tensor
    ) -> tuple[BanditState, tf.Tensor, tf.Tensor, tf.Tensor]:
        mean = tf.gather(state.means, action, batch_dims=1)
        luck = tf.random.stateless_uniform(tf.shape(mean), tf.random.fold_in(state.luck, state.steps))
        reward = tf.cast(luck < mean, tf.float32)
        after = state._replace(steps=state.steps + 1)
        return after, self._nothing(state.means), reward, tf.ones_like(reward, tf.bool)

    @staticmethod
    def _nothing(means: tf.Tensor) -> tf.Tensor:
        return means[:, :0]
