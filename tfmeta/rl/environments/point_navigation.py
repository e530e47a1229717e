"""A point in the plane that must find its goal: the simplest tasks of MAML for reinforcement learning."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.rl.environments.episode_environment import EpisodeEnvironment

__all__ = ["NavigationState", "PointNavigation"]


class NavigationState(NamedTuple):
    """Where B points are.

    Attributes:
        goal: ``[B, 2]``.
        place: ``[B, 2]``.
        ended: whether the episode has ended, ``[B]`` bool.
    """

    goal: tf.Tensor
    place: tf.Tensor
    ended: tf.Tensor


class PointNavigation(EpisodeEnvironment):
    """Points that move in the plane, each with a goal of its own, which it does not observe.

    A point starts at (0, 0). A step moves it by a tenth of the action: at most by 0.1 in each direction. The goal is
    uniform in the square of half-width `half_width` around the start. An episode ends where the point comes as near as
    `near` to the goal.

    Args:
        horizon: steps of an episode, T.
        reward: ``"squared"`` for minus the squared distance to the goal after the step, as the paper says;
            ``"distance"`` for minus the distance, as its published code has it.
        half_width: of the square of the goals.
        near: the distance at which an episode ends.

    Raises:
        ValueError: for sizes that make no sense.

    Example:
        >>> environment = PointNavigation()
        >>> state, place = environment.begin(tf.constant([[0.5, 0.0]]), [0, 0])
        >>> state, place, reward, ended = environment.step(state, tf.constant([[9.0, 0.0]]))
        >>> [f"{number:.2f}" for number in (*place.numpy()[0], reward[0])]
        ['0.10', '0.00', '-0.16']

    Reference:
        Finn, Abbeel, Levine. "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks." ICML 2017,
        section 5.3.
    """

    observation_size = action_size = task_size = 2
    stride = 0.1

    def __init__(
        self,
        horizon: int = 100,
        *,
        reward: Literal["squared", "distance"] = "squared",
        half_width: float = 0.5,
        near: float = 0.01,
    ):
        check(horizon >= 1, f"horizon={horizon}; expected at least 1 step.")
        check(reward in ("squared", "distance"), f"reward={reward!r}; expected 'squared' or 'distance'.")
        check(half_width > 0, f"half_width={half_width}; expected more than 0.")
        check(near >= 0, f"near={near}; expected 0 or more.")
        self.trial_length, self.reward, self.half_width, self.near = horizon, reward, half_width, near

    def draw(self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform([batch, 2], seed, -self.half_width, self.half_width)

    def begin(self, tasks: tf.Tensor, seed: tf.Tensor | Sequence[int]) -> tuple[NavigationState, tf.Tensor]:
        place = tf.zeros_like(tasks)
        return NavigationState(tasks, place, tf.zeros_like(tasks[:, 0], tf.bool)), place

    def step(
        self, state: NavigationState, action: tf.Tensor
    ) -> tuple[NavigationState, tf.Tensor, tf.Tensor, tf.Tensor]:
        moved = state.place + self.stride * tf.clip_by_value(action, -1.0, 1.0)
        place = tf.where(state.ended[:, None], state.place, moved)
        squared = tf.reduce_sum(tf.math.squared_difference(place, state.goal), axis=1)
        reward = -squared if self.reward == "squared" else -tf.sqrt(squared)
        ends = ~state.ended & (squared < self.near**2)
        after = NavigationState(state.goal, place, state.ended | ends)
        return after, place, tf.where(state.ended, 0.0, reward), ends

    def describe(self, tasks: tf.Tensor) -> tf.Tensor:
        return tasks
