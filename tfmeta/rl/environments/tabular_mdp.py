"""Tabular MDPs inside the graph."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import check
from tfmeta.rl.environments.environment import TrialEnvironment

__all__ = ["TabularMDPEnvironment", "TabularMDPState"]


class TabularMDPState(NamedTuple):
    """Where B tabular MDPs stand.

    Attributes:
        transitions: the probability of each next state, ``[B, S, A, S]``.
        rewards: the mean reward of each action in each state, ``[B, S, A]``.
        at: the state that each is in, ``[B]`` int32.
        luck: the seed of transitions and rewards, ``[2]`` int64.
        steps: steps so far in the trial, an int32 scalar.
    """

    transitions: tf.Tensor
    rewards: tf.Tensor
    at: tf.Tensor
    luck: tf.Tensor
    steps: tf.Tensor


class TabularMDPEnvironment(TrialEnvironment):
    """B random MDPs: transitions from Dirichlet(1), mean rewards from N(1, 1), and N(0, 1) added to each reward.

    An episode begins in state 0 and ends after H steps. What is seen is the state as a one-hot vector. It is the
    distribution of tasks of `tfmeta.rl.baselines.MDPTask`.

    Args:
        episodes: episodes of a trial, n.
        states: states, S.
        actions: actions in each state, A.
        horizon: steps of an episode, H.

    Raises:
        ValueError: where a number is less than one.

    Example:
        >>> TabularMDPEnvironment(episodes=25).trial_length
        250

    Reference:
        Duan et al. 2016, RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, section 3.2.
    """

    def __init__(self, episodes: int, *, states: int = 10, actions: int = 5, horizon: int = 10):
        sizes = {"episodes": episodes, "states": states, "actions": actions, "horizon": horizon}
        for name, size in sizes.items():
            check(size >= 1, f"{name}={size}; expected at least 1.")
        self.actions, self.observation_size, self.trial_length = actions, states, episodes * horizon
        self.states, self.horizon = states, horizon

    def reset(
        self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor
    ) -> tuple[TabularMDPState, tf.Tensor]:
        pairs = [batch, self.states, self.actions]
        transitions, rewards, luck = derived_seeds(seed, 0, 1, 2)
        # Exponential variables over their sum are uniform on the simplex; 1 - u keeps the logarithm off zero.
        weights = -tf.math.log1p(-tf.random.stateless_uniform([*pairs, self.states], transitions))
        state = TabularMDPState(
            transitions=weights / tf.reduce_sum(weights, axis=-1, keepdims=True),
            rewards=1.0 + tf.random.stateless_normal(pairs, rewards),
            at=tf.zeros([batch], tf.int32),
            luck=luck,
            steps=tf.constant(0),
        )
        return state, self._see(state.at)

    def step(
        self, state: TabularMDPState, action: tf.Tensor
    ) -> tuple[TabularMDPState, tf.Tensor, tf.Tensor, tf.Tensor]:
        here = state.at * self.actions + action  # the pair of state and action, as one number
        chances = tf.gather(self._by_pair(state.transitions, [self.states]), here, batch_dims=1)  # [B, S]
        mean = tf.gather(self._by_pair(state.rewards, []), here, batch_dims=1)  # [B]
        chance, noise = derived_seeds(tf.random.fold_in(state.luck, state.steps), 0, 1)
        luck = tf.random.stateless_uniform(tf.shape(mean), chance)
        rungs = tf.reduce_sum(tf.cast(luck[:, None] >= tf.cumsum(chances, axis=1), tf.int32), axis=1)
        landed = tf.minimum(rungs, self.states - 1)  # rounding may end the ladder below 1
        reward = mean + tf.random.stateless_normal(tf.shape(mean), noise)
        steps = state.steps + 1
        ends = tf.equal(steps % self.horizon, 0)
        at = tf.where(ends, tf.zeros_like(landed), landed)
        after = state._replace(at=at, steps=steps)
        return after, self._see(at), reward, tf.fill(tf.shape(at), ends)

    def _by_pair(self, table: tf.Tensor, rest: list[int]) -> tf.Tensor:
        return tf.reshape(table, [-1, self.states * self.actions, *rest])

    def _see(self, at: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(at, self.states)
