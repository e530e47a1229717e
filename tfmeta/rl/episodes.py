"""Episodes of many tasks at once: how they are played, and what a policy learns from them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import TfmetaError, check
from tfmeta.core.graph_checks import after, require
from tfmeta.core.unroll import unroll
from tfmeta.rl.environments.episode_environment import EpisodeEnvironment
from tfmeta.rl.gaussian_policy import GaussianPolicy

__all__ = ["Episodes", "odd_rewards_in_words", "play_episodes", "returns_of"]

_ODD = " rewards of the environment are NaN or infinite; expected finite numbers."


class Episodes(NamedTuple):
    """K episodes in each of B tasks.

    ======  ===========================================
    B       tasks
    K       episodes of a task
    T       steps of an episode
    D, A    numbers of an observation and of an action
    ======  ===========================================

    Attributes:
        observation: what is observed before each step, ``[B, K, T, D]``.
        action: what is done, ``[B, K, T, A]``; the environment may clip it.
        reward: for that, ``[B, K, T]``; 0 where the episode has ended before.
        going: 1 for the steps of the episode, 0 for those after its end, ``[B, K, T]`` float32.
    """

    observation: tf.Tensor
    action: tf.Tensor
    reward: tf.Tensor
    going: tf.Tensor


def play_episodes(
    policy: GaussianPolicy,
    weights: Sequence[tf.Tensor],
    environment: EpisodeEnvironment,
    tasks: Any,
    *,
    episodes: int,
    seed: tf.Tensor | Sequence[int],
    sees_task: bool = False,
) -> Episodes:
    """Plays episodes in every task with the weights of that task, in the graph.

    Args:
        policy: what acts.
        weights: of each task, as `GaussianPolicy.repeated` returns them.
        environment: where it acts.
        tasks: what ``environment.draw`` returned.
        episodes: of each task, K.
        seed: two integers ``[2]``, of the actions and of what is random in the episodes.
        sees_task: appends `EpisodeEnvironment.describe` to each observation.

    Returns:
        The episodes.

    Raises:
        ValueError: for less than one episode.
        tf.errors.InvalidArgumentError: where rewards are not finite; see `odd_rewards_in_words`.

    Example:
        >>> from tfmeta.rl.environments import PointNavigation
        >>> environment = PointNavigation(horizon=7)
        >>> policy = GaussianPolicy(2, 2, units=[8], seed=0)
        >>> goals = environment.draw([0, 1], batch=3)
        >>> play_episodes(policy, policy.repeated(3), environment, goals, episodes=4, seed=[0, 2]).reward.shape
        TensorShape([3, 4, 7])
    """
    check(episodes >= 1, f"episodes={episodes}; expected at least 1 episode of each task.")
    rows = tf.nest.map_structure(lambda x: tf.repeat(x, episodes, axis=0), tasks)
    of_episodes, of_actions = derived_seeds(seed, 0, 1)
    state, first = environment.begin(rows, of_episodes)
    length, size = environment.trial_length, environment.action_size
    shown = [environment.describe(rows)] if sees_task else []
    count = tf.shape(weights[0])[0]

    def observed(x: tf.Tensor) -> tf.Tensor:
        seen = tf.concat([tf.cast(each, tf.float32) for each in (x, *shown)], axis=1)
        return tf.reshape(seen, [count, episodes, policy.observation_size])

    noise = tf.random.stateless_normal([length, count, episodes, size], of_actions)

    def step(before: tuple, number: tf.Tensor) -> tuple[tuple, tuple]:
        state, observation, going = before
        given = policy.distribution(weights, observation)
        action = given.mean + tf.exp(given.log_std) * noise[number]
        state, seen, reward, ends = environment.step(state, tf.reshape(action, [-1, size]))
        rewards = tf.where(going, tf.reshape(tf.cast(reward, tf.float32), [count, episodes]), 0.0)
        still = going & ~tf.reshape(ends, [count, episodes])
        return (state, observed(seen), still), (observation, action, rewards, going)

    output = (
        tf.TensorSpec([None, episodes, policy.observation_size]),
        tf.TensorSpec([None, episodes, size]),
        tf.TensorSpec([None, episodes]),
        tf.TensorSpec([None, episodes], tf.bool),
    )
    start = (state, observed(first), tf.ones([count, episodes], tf.bool))
    _, played = unroll(step, start, length, output=output)
    observation, action, reward, going = (tf.transpose(x, [1, 2, 0, *range(3, x.shape.rank)]) for x in played)
    odd = tf.math.count_nonzero(~tf.math.is_finite(reward))
    (reward,) = after([require(odd == 0, odd, _ODD)], reward)
    return Episodes(observation, action, reward, tf.cast(going, tf.float32))


@contextmanager
def odd_rewards_in_words() -> Iterator[None]:
    """Raises a `TfmetaError` where an environment gives rewards that are not finite, instead of TensorFlow's error."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if _ODD not in error.message:
            raise
        raise TfmetaError(f"Some{_ODD}") from error


def returns_of(episodes: Episodes) -> tf.Tensor:
    """Returns the mean over its episodes of the total reward of each task, ``[B]``."""
    return tf.reduce_mean(tf.reduce_sum(episodes.reward, axis=2), axis=1)
