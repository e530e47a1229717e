"""Mazes inside the graph, seen through the eyes of who walks them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.checks import check
from tfmeta.rl.environments.environment import TrialEnvironment
from tfmeta.rl.environments.maze_layout import free_blocks, mazes
from tfmeta.rl.environments.ray_caster import cast_rays, render

__all__ = ["MazeEnvironment", "MazeState"]

_RADIUS = 0.2  # of who walks, in blocks


class MazeState(NamedTuple):
    """Where B walks stand.

    Attributes:
        walls: ``[B, side, side]`` bool.
        target: the target's block, counted by rows, ``[B]`` int32.
        start: where each episode begins, as `pose`.
        pose: row, column and direction, ``[B, 3]``; see `tfmeta.rl.environments.ray_caster.cast_rays`.
        clock: steps so far in the episode, ``[B]`` int32.
        episode: episodes that have ended, ``[B]`` int32.
        steps: steps so far in the trial, an int32 scalar.
    """

    walls: tf.Tensor
    target: tf.Tensor
    start: tf.Tensor
    pose: tf.Tensor
    clock: tf.Tensor
    episode: tf.Tensor
    steps: tf.Tensor


class MazeEnvironment(TrialEnvironment):
    """B random mazes with a target somewhere; what is seen is a picture, by an eye that stands in the maze.

    The actions are to turn left, to turn right, and to go forward. A step costs 0.04 and a bump into a wall 0.001; the
    target is worth 1 and ends the episode, as does the horizon. All episodes of a trial begin in the same place of the
    same maze with the same target, so who remembers where that was is faster the second time. A trial that has had its
    episodes is over: what is seen is black, and nothing is earned any more.

    Args:
        size: blocks of a side, odd; see `tfmeta.rl.environments.maze_layout.mazes`.
        episodes: episodes of a trial.
        horizon: steps of an episode, at most.
        length: of a trial, in steps, which may end amid an episode; the episodes' horizons together unless given.
            Shorter than that, it holds as many episodes as a walker is quick.
        width: of the picture, W.
        height: of the picture, H.
        stride: how far a step forward goes, in blocks.
        turn: how far a turn goes, in degrees.

    Raises:
        ValueError: for a size that is even, or a number that is not positive.

    Example:
        >>> environment = MazeEnvironment(size=5, horizon=60)
        >>> state, observation = environment.reset([0, 7], batch=2)
        >>> environment.picture(observation).shape
        TensorShape([2, 30, 40, 3])

    Reference:
        Duan et al. 2016, RL²: Fast Reinforcement Learning via Slow Reinforcement Learning, section 3.3. The
        pictures there are ViZDoom's.
    """

    view = math.radians(90)
    step_reward, wall_reward, target_reward = -0.04, -0.001, 1.0

    def __init__(
        self,
        size: int = 5,
        *,
        episodes: int = 2,
        horizon: int = 150,
        length: int | None = None,
        width: int = 40,
        height: int = 30,
        stride: float = 0.5,
        turn: float = 30.0,
    ):
        check(size >= 3 and size % 2 == 1, f"size={size}; expected an odd number of blocks, at least 3.")
        numbers = {"episodes": episodes, "horizon": horizon, "width": width, "height": height}
        for name, number in numbers.items():
            check(number >= 1, f"{name}={number}; expected at least 1.")
        check(0 < stride <= 0.5, f"stride={stride}; expected a part of a block up to a half.")
        check(0 < turn < 180, f"turn={turn}; expected degrees between 0 and 180.")
        self.size, self.episodes, self.horizon = size, episodes, horizon
        self.width, self.height, self.stride, self.turn = width, height, stride, math.radians(turn)
        whole = episodes * horizon
        check(
            length is None or 1 <= length <= whole,
            f"length={length}; expected 1 to {whole}, which {episodes} episodes of {horizon} steps take at most.",
        )
        self.actions, self.observation_size, self.trial_length = 3, height * width * 3, length or whole

    def reset(self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor) -> tuple[MazeState, tf.Tensor]:
        layout, places, direction = derived_seeds(seed, 0, 1, 2)
        walls = mazes(layout, batch, self.size)
        blocks = free_blocks(walls, places, 2)  # [B, 2]: the target's, and where to begin
        side = self.size + 2
        row, column = blocks[:, 1] // side, blocks[:, 1] % side
        turned = tf.random.stateless_uniform([batch], direction, 0, 4, tf.int32)
        start = tf.stack(
            [
                *(tf.cast(x, tf.float32) + 0.5 for x in (row, column)),
                tf.cast(turned, tf.float32) * (math.pi / 2),
            ],
            axis=1,
        )
        zeros = tf.zeros([batch], tf.int32)
        state = MazeState(walls, blocks[:, 0], start, start, zeros, zeros, tf.constant(0))
        return state, self._see(state)

    def step(self, state: MazeState, action: tf.Tensor) -> tuple[MazeState, tf.Tensor, tf.Tensor, tf.Tensor]:
        walks = state.episode < self.episodes
        pose, bumps = self._move(state, action)
        side = self.size + 2
        reached = tf.cast(tf.floor(pose[:, 0]) * side + tf.floor(pose[:, 1]), tf.int32) == state.target
        clock = state.clock + 1
        ends = walks & (reached | (clock == self.horizon))
        reward = (
            self.step_reward
            + self.wall_reward * tf.cast(bumps, tf.float32)
            + self.target_reward * tf.cast(reached, tf.float32)
        )
        again = ends | ~walks
        after = state._replace(
            pose=tf.where(again[:, None], state.start, pose),
            clock=tf.where(again, 0, clock),
            episode=state.episode + tf.cast(ends, tf.int32),
            steps=state.steps + 1,
        )
        return after, self._see(after), tf.where(walks, reward, 0.0), ends

    def picture(self, observation: tf.Tensor) -> tf.Tensor:
        """Lays an observation ``[..., D]`` out as the picture that it is, ``[..., H, W, 3]``."""
        shape = tf.concat([tf.shape(observation)[:-1], [self.height, self.width, 3]], axis=0)
        return tf.ensure_shape(
            tf.reshape(observation, shape), [*observation.shape[:-1], self.height, self.width, 3]
        )

    def _move(self, state: MazeState, action: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        row, column, direction = tf.unstack(state.pose, axis=1)
        direction += self.turn * tf.gather([-1.0, 1.0, 0.0], action)
        stride = tf.where(action == 2, self.stride, 0.0)
        # One axis after the other: who meets a wall at an angle slides along it.
        down, right = row + stride * tf.sin(direction), column + stride * tf.cos(direction)
        row_bumps = self._blocked(state.walls, down, column)
        row = tf.where(row_bumps, row, down)
        column_bumps = self._blocked(state.walls, row, right)
        column = tf.where(column_bumps, column, right)
        return tf.stack(
            [row, column, tf.math.floormod(direction, 2 * math.pi)], axis=1
        ), row_bumps | column_bumps

    def _blocked(self, walls: tf.Tensor, row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        side = self.size + 2
        corners = [
            tf.cast(tf.floor(row + down) * side + tf.floor(column + right), tf.int32)
            for down in (-_RADIUS, _RADIUS)
            for right in (-_RADIUS, _RADIUS)
        ]
        blocks = tf.reshape(walls, [-1, side * side])
        return tf.reduce_any(tf.gather(blocks, tf.stack(corners, axis=1), batch_dims=1), axis=1)

    def _see(self, state: MazeState) -> tf.Tensor:
        hits = cast_rays(state.walls, state.target, state.pose, width=self.width, view=self.view)
        seen = tf.reshape(render(hits, self.height, self.view), [-1, self.observation_size])
        return tf.where((state.episode < self.episodes)[:, None], seen, 0.0)
