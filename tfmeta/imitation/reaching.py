"""Reaching: a point mass among landmarks, one of which it must reach."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import check
from tfmeta.imitation.world import Observation, World

__all__ = ["ReachingState", "ReachingTask", "ReachingWorld"]

_CELLS = 5  # of a side of the grid that landmarks are placed on
_JITTER = 0.1  # how far a landmark is from the centre of its cell, at most, in each direction


class ReachingTask(NamedTuple):
    """What is to be done in B scenes.

    Attributes:
        count: how many landmarks there are, ``[B]`` int32.
        target: which one is to be reached, ``[B]`` int32.
    """

    count: tf.Tensor
    target: tf.Tensor


class ReachingState(NamedTuple):
    """B scenes.

    Attributes:
        task: what is to be done.
        landmarks: ``[B, N, 2]``; zeros where there is none.
        place: of the point, ``[B, 2]``.
        velocity: ``[B, 2]``, in the greatest velocity.
    """

    task: ReachingTask
    landmarks: tf.Tensor
    place: tf.Tensor
    velocity: tf.Tensor


class ReachingWorld(World):
    r"""A point mass that a force drives in the square [-1, 1]², among `least` to `most` landmarks.

    A step with the force f, at most 1 in each direction, is

    .. math:: v \leftarrow 0.5\,v + 0.5\,f, \qquad x \leftarrow x + 0.1\,v,

    so half of the velocity is lost in each step, and the point stops at the edges. Landmarks lie in cells of a grid, at
    least 0.2 from each other. The landmark with the number k of a demonstration is the one with that number in each
    other scene; only the places differ. A task is done where the point is at most `near` from its landmark.

    Args:
        least: landmarks of a scene at least.
        most: landmarks of a scene at most.
        slots: landmarks that an observation has room for, N; `most` unless given.
        horizon: steps of an episode, T.
        near: the greatest distance of a point that has reached its landmark.

    Raises:
        ValueError: for numbers that make no sense.

    Example:
        >>> world = ReachingWorld(least=3, most=3)
        >>> scenes = world.arrange(world.draw([0, 0], batch=5), [0, 1])
        >>> for _ in range(world.horizon):
        ...     scenes = world.step(scenes, world.expert(scenes))
        >>> bool(tf.reduce_all(world.succeeded(scenes)))
        True

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning, section 5.1.
    """

    object_size = body_size = action_size = 2
    stride, damping = 0.1, 0.5

    def __init__(
        self,
        least: int = 2,
        most: int = 10,
        *,
        slots: int | None = None,
        horizon: int = 50,
        near: float = 0.1,
    ):
        cells = _CELLS**2
        check(
            1 <= least <= most <= cells,
            f"least={least}, most={most}; expected 1 <= least <= most <= {cells}, which there is room for.",
        )
        check(slots is None or slots >= most, f"slots={slots}; expected at least most={most}.")
        check(horizon >= 1, f"horizon={horizon}; expected at least 1 step.")
        check(near > 0, f"near={near}; expected more than 0.")
        self.least, self.most, self.most_objects = least, most, slots or most
        self.horizon, self.afterwards, self.near = horizon, horizon, near

    def draw(self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor) -> ReachingTask:
        of_count, of_target = derived_seeds(seed, 0, 1)
        count = tf.random.stateless_uniform([batch], of_count, self.least, self.most + 1, tf.int32)
        chosen = tf.random.stateless_uniform([batch], of_target) * tf.cast(count, tf.float32)
        return ReachingTask(count, tf.minimum(tf.cast(chosen, tf.int32), count - 1))

    def arrange(self, tasks: ReachingTask, seed: tf.Tensor | Sequence[int]) -> ReachingState:
        of_cells, of_jitter, of_place = derived_seeds(seed, 0, 1, 2)
        batch, most = tf.shape(tasks.count)[0], self.most_objects
        order = tf.argsort(tf.random.stateless_uniform([batch, _CELLS**2], of_cells), axis=1)[:, :most]
        cells = tf.cast(tf.stack([order // _CELLS, order % _CELLS], axis=-1), tf.float32)  # [B, N, 2]
        jitter = tf.random.stateless_uniform([batch, most, 2], of_jitter, -_JITTER, _JITTER)
        landmarks = (cells + 0.5) * (2.0 / _CELLS) - 1.0 + jitter
        landmarks = tf.where(self._present(tasks)[..., None], landmarks, 0.0)
        place = tf.random.stateless_uniform([batch, 2], of_place, -1.0, 1.0)
        return ReachingState(tasks, landmarks, place, tf.zeros_like(place))

    def observe(self, state: ReachingState) -> Observation:
        return Observation(state.landmarks, self._present(state.task), state.place)

    def step(self, state: ReachingState, action: tf.Tensor) -> ReachingState:
        force = tf.clip_by_value(action, -1.0, 1.0)
        velocity = self.damping * state.velocity + (1.0 - self.damping) * force
        place = tf.clip_by_value(state.place + self.stride * velocity, -1.0, 1.0)
        return state._replace(place=place, velocity=velocity)

    def expert(self, state: ReachingState) -> tf.Tensor:
        # Aims at where the point would come to rest by itself, so that it does not run past the landmark.
        rest = state.place + self.stride * state.velocity * self.damping / (1.0 - self.damping)
        return tf.clip_by_value((self.target(state) - rest) / self.stride, -1.0, 1.0)

    def succeeded(self, state: ReachingState) -> tf.Tensor:
        return tf.norm(self.target(state) - state.place, axis=1) <= self.near

    def target(self, state: ReachingState) -> tf.Tensor:
        """Returns where the landmark is that is to be reached, ``[B, 2]``."""
        return tf.gather(state.landmarks, state.task.target, batch_dims=1)

    def _present(self, tasks: ReachingTask) -> tf.Tensor:
        return tf.sequence_mask(tasks.count, self.most_objects)
