"""Block stacking: a gripper builds towers of cubes, simulated by rules of motion without forces."""

from collections.abc import Sequence

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.imitation.layouts import LETTERS, Layout, layout_table
from tfmeta.imitation.stacking_expert import stacking_expert
from tfmeta.imitation.stacking_rules import (
    SIDE,
    WIDEST,
    StackingState,
    StackingTask,
    in_hand,
    placed,
    present,
    step_scenes,
)
from tfmeta.imitation.world import Observation, World

__all__ = ["StackingState", "StackingTask", "StackingWorld"]

_CELLS = 4  # of a side of the grid that cubes are placed on
_CELL = 0.15
_JITTER = 0.025  # how far a cube is from the centre of its cell, at most, in each direction
_START = (0.15, 0.25)  # height of the gripper at the start


class StackingWorld(World):
    """Cubes on a table, and a gripper that moves them into a layout. Lengths are in metres.

    =============================  =============================================
    side of a cube                 0.05
    cubes at the start             0.1 or more between centres, in x or in y
    place of the gripper           0.3 from the middle at most, in x and y
    a step                         0.05 at most, in each direction
    opening                        from 0 to 0.08, changes by 0.04 at most
    grasp                          centres at most 0.015 apart, in each direction
    placed                         centre over the cube below, heights to 0.005
    =============================  =============================================

    In a step the gripper moves, the fingers move, and the cubes fall.

    * The gripper goes up, along x, along y, and down. It stops where its palm, or the cube in its hand, touches another
      cube. Fingers that are closed around nothing are part of the palm. Open fingers pass everything.
    * Fingers that close around a cube hold it, if nothing lies on it. They let it go at an opening above 0.055.
    * A cube falls straight down to the highest cube that it overlaps, or to the table. It stays on an edge: nothing
      topples, turns or slides.

    An action is dx, dy, dz and the change of the opening. The body is the opening (0 closed, 0.625 at a cube, 1 open)
    and the height of the gripper. Objects are the centres of the cubes relative to the gripper. Heights and centres are
    in sides of a cube, so an action of 1 moves by 1. The cube with the number k of a demonstration is the one with that
    number in each other scene. A task is done where all cubes are placed and the gripper holds none of them.

    Args:
        layouts: which layouts are drawn, as texts such as ``"abc de"`` or as `Layout`.
        most_cubes: N; by default that of the largest layout.
        horizon: steps of an episode, T; by default 35 for each stage of the layout with the most stages, and 20 more.

    Raises:
        LayoutError: for a text that is no layout, or a layout of more than N cubes.
        ValueError: without layouts, for a layout in which nothing is stacked, or numbers that make no sense.

    Example:
        >>> world = StackingWorld(["ab c", "cab"])
        >>> scenes = world.arrange(world.draw([0, 0], batch=5), [0, 1])
        >>> step = tf.function(lambda scenes: world.step(scenes, world.expert(scenes)))
        >>> for _ in range(world.horizon):
        ...     scenes = step(scenes)
        >>> bool(tf.reduce_all(world.succeeded(scenes)))
        True

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning: block stacking.
    """

    object_size, body_size, action_size, afterwards = 3, 2, 4, 5

    def __init__(
        self, layouts: Sequence[Layout | str], *, most_cubes: int | None = None, horizon: int | None = None
    ):
        check(len(layouts) > 0, "No layouts came; expected some, such as ['ab c', 'abc'].")
        self.layouts = [layout if isinstance(layout, Layout) else Layout(layout) for layout in layouts]
        for layout in self.layouts:
            check(
                layout.stages > 0,
                f"In the layout {layout.text!r} all cubes stay on the table; expected a tower, such as 'ab'.",
            )
        self.most_objects = max(layout.cubes for layout in self.layouts) if most_cubes is None else most_cubes
        check(
            self.most_objects <= len(LETTERS),
            f"most_cubes={most_cubes}; expected at most {len(LETTERS)}, as they have names.",
        )
        stages = max(layout.stages for layout in self.layouts)
        self.horizon = 35 * stages + 20 if horizon is None else horizon
        check(self.horizon >= 1, f"horizon={horizon}; expected at least 1 step.")
        self._table = layout_table(self.layouts, self.most_objects)

    def draw(self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor) -> StackingTask:
        drawn = tf.random.stateless_uniform([batch], tf.cast(seed, tf.int64), 0, len(self.layouts), tf.int32)
        return StackingTask(*(tf.gather(tf.constant(column), drawn) for column in self._table))

    def tasks(self, layouts: Sequence[Layout | str]) -> StackingTask:
        """Returns the tasks that ask for given layouts, for example for a test by the number of stages.

        Args:
            layouts: B of them; they need not be among those that are drawn.

        Returns:
            The tasks.

        Raises:
            LayoutError: for a text that is no layout, or a layout of more than N cubes.
        """
        return StackingTask(*map(tf.constant, layout_table(layouts, self.most_objects)))

    def arrange(self, tasks: StackingTask, seed: tf.Tensor | Sequence[int]) -> StackingState:
        of_cells, of_jitter, of_gripper = (
            tf.random.fold_in(tf.cast(seed, tf.int64), stream) for stream in range(3)
        )
        batch, most, half = tf.shape(tasks.count)[0], self.most_objects, _CELLS * _CELL / 2
        order = tf.argsort(tf.random.stateless_uniform([batch, _CELLS**2], of_cells), axis=1)[:, :most]
        cells = tf.cast(tf.stack([order // _CELLS, order % _CELLS], axis=-1), tf.float32)  # [B, N, 2]
        jitter = tf.random.stateless_uniform([batch, most, 2], of_jitter, -_JITTER, _JITTER)
        places = (cells + 0.5) * _CELL - half + jitter
        cubes = tf.concat([places, tf.fill([batch, most, 1], SIDE / 2)], axis=-1)
        span = half - _CELL / 2
        low, high = tf.constant([-span, -span, _START[0]]), tf.constant([span, span, _START[1]])
        return StackingState(
            tasks,
            tf.where(present(tasks)[..., None], cubes, 0.0),
            low + (high - low) * tf.random.stateless_uniform([batch, 3], of_gripper),
            tf.fill([batch], WIDEST),
            tf.fill([batch], -1),
        )

    def observe(self, state: StackingState) -> Observation:
        there = present(state.task)
        relative = (state.cubes - state.gripper[:, None]) / SIDE
        body = tf.stack([state.opening / WIDEST, state.gripper[:, 2] / SIDE], axis=1)
        return Observation(tf.where(there[..., None], relative, 0.0), there, body)

    def step(self, state: StackingState, action: tf.Tensor) -> StackingState:
        return step_scenes(state, action)

    def expert(self, state: StackingState) -> tf.Tensor:
        return stacking_expert(state)

    def succeeded(self, state: StackingState) -> tf.Tensor:
        return tf.reduce_all(placed(state), axis=1) & ~tf.reduce_any(in_hand(state), axis=1)
