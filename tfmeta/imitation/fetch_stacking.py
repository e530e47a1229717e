"""Block stacking with the seven joints of the Fetch arm, simulated by MuJoCo: the tasks of the kinematic world."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, check
from tfmeta.core.mujoco_pictures import MujocoPictures
from tfmeta.imitation.fetch_arm import TURN, FetchArm
from tfmeta.imitation.fetch_scene import FetchActions, fetch_scene
from tfmeta.imitation.layouts import Layout
from tfmeta.imitation.stacking import StackingWorld
from tfmeta.imitation.stacking_rules import SIDE, STRIDE, WIDEST, StackingState
from tfmeta.imitation.world import Observation

__all__ = ["FetchStacking"]

_CELLS = (3, 5)  # of the grid that cubes are placed on, along x and y
_CELL = (0.115, 0.125)
_JITTER = (0.0075, 0.0125)  # how far a cube is from the centre of its cell, at most
_START = ((-0.1, -0.2, 0.15), (0.1, 0.2, 0.25))  # place of the gripper at the start, least and most
_CAMERA = {"lookat": (0.0, 0.0, 0.12), "distance": 1.35, "azimuth": 145.0, "elevation": -20.0}


class FetchStacking:
    """B scenes, each with a Fetch robot that builds a layout of cubes. They keep their states, and step in threads.

    Tasks, observation, expert and success are those of a kinematic world, which reads the state of the simulation in
    its own units. So a policy that has learned there acts here. What differs are the forces. The gripper lags by some
    millimetres, and cubes slide, tilt and fall over. Open fingers have 0.018 more room than the opening says.

    ==================  ==============================================================================
    frame               metres; the origin on the middle of the table, x away from the robot, z up
    cubes at the start  0.1 or more between centres, in x or in y; up to 0.13 in x, up to 0.27 in y
    a step              0.06 s
    place of the hand   up to 0.2 in x, up to 0.35 in y, from 0.015 to 0.5 in z; it points down
    ==================  ==============================================================================

    There are two kinds of actions, with numbers from -1 to 1.

    =============  ===  ============================================================  ===  ================
    actions        A    the numbers                                                   E    the body
    =============  ===  ============================================================  ===  ================
    ``"gripper"``  4    dx, dy, dz, each by 0.05 at most, and the opening by 0.04     2    as there
    ``"joints"``   8    turns of the seven joints by 0.3 at most, and the opening     9    and seven angles
    =============  ===  ============================================================  ===  ================

    Angles are in radians, from the shoulder to the hand. The expert of the joints takes the action of the gripper's
    expert, and finds the turns that do it by damped least squares.

    Args:
        world: whose tasks, observation and success these are.
        actions: ``"gripper"`` or ``"joints"``.
        threads: of the simulation; as many as there are processors unless given.

    Attributes:
        world: the kinematic world.
        most_objects: N.
        object_size: D, as in the world.
        body_size: E.
        action_size: A.
        horizon: steps of an episode, T, as in the world.

    Raises:
        TfmetaError: where MuJoCo or the files of the robot are missing.
        ValueError: for settings that make no sense.

    Example:
        >>> from tfmeta.imitation import StackingWorld
        >>> fetch = FetchStacking(StackingWorld(["ab c", "abc"]))            # doctest: +SKIP
        >>> seen = fetch.reset(["ab c", "abc"], seed=0)                      # doctest: +SKIP
        >>> for _ in range(fetch.horizon):                                   # doctest: +SKIP
        ...     seen = fetch.step(fetch.expert())
        >>> fetch.succeeded()                                                # doctest: +SKIP
        array([ True,  True])

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning: block stacking. The robot is that of Gymnasium-Robotics.
    """

    def __init__(
        self, world: StackingWorld, *, actions: FetchActions = "gripper", threads: int | None = None
    ):
        check(threads is None or threads >= 1, f"threads={threads}; expected at least 1.")
        fetch_scene(1, actions)  # says what is missing, before anything else is done
        self.world, self.actions = world, actions
        self.most_objects, self.object_size, self.horizon = (
            world.most_objects,
            world.object_size,
            world.horizon,
        )
        by_joints = actions == "joints"
        self.body_size = world.body_size + (7 if by_joints else 0)
        self.action_size = 8 if by_joints else 4
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1)
        self._observed, self._expert, self._succeeded = (
            tf.function(function, reduce_retracing=True)
            for function in (world.observe, world.expert, world.succeeded)
        )
        self._arms: list[FetchArm] = []
        self._task = world.tasks([])
        self._pictures: tuple[tuple, MujocoPictures] | None = None

    def reset(self, layouts: Sequence[Layout | str], seed: int | Sequence[int]) -> Observation:
        """Begins B scenes, each with the cubes of its layout apart on the table, and the gripper open above them.

        Args:
            layouts: what shall be built, B of them.
            seed: names the arrangements.

        Returns:
            What is observed, as arrays.

        Raises:
            LayoutError: for a text that is no layout, or a layout of more than N cubes.
        """
        check(
            len(layouts) > 0 and not isinstance(layouts, str),
            f"layouts={layouts!r}; expected a list with one for each scene, such as ['ab c'].",
        )
        self._task = self.world.tasks(layouts)
        random = np.random.default_rng(seed)
        self._arms = [FetchArm(int(count), self.actions) for count in self._task.count]
        for arm in self._arms:
            arm.reset(_draw_cubes(len(arm.cubes), random), random.uniform(*_START))
        return self.observe()

    def step(self, action: np.ndarray) -> Observation:
        """Takes a step in each scene.

        Args:
            action: ``[B, A]``; numbers beyond -1 and 1 are clipped.

        Returns:
            What is observed, as arrays.

        Raises:
            ValueError: for another shape, or numbers that are not finite.
        """
        action = np.asarray(action, np.float64)
        expected = (len(self._begun()), self.action_size)
        check(
            action.shape == expected, f"The action came as {list(action.shape)}; expected {list(expected)}."
        )
        check(
            bool(np.isfinite(action).all()),
            "The action has numbers that are not finite; expected all from -1 to 1.",
        )
        list(self._pool.map(self._step_scene, self._arms, np.clip(action, -1.0, 1.0)))
        return self.observe()

    def observe(self) -> Observation:
        """Returns what is observed, as arrays: see `StackingWorld`, and above for the body."""
        seen = Observation(*(x.numpy() for x in self._observed(self.state())))
        if self.actions == "gripper":
            return seen
        joints = np.array([arm.joints for arm in self._arms], np.float32)
        return seen._replace(body=np.concatenate([seen.body, joints], axis=1))

    def expert(self) -> np.ndarray:
        """Returns the action that builds the layout of each scene, from any state, ``[B, A]``."""
        action = self._expert(self.state()).numpy()
        if self.actions == "gripper":
            return action
        turns = np.array(list(self._pool.map(FetchArm.turns_for, self._arms, action[:, :3] * STRIDE))) / TURN
        # All turns get smaller together, so the gripper keeps its direction.
        turns /= np.maximum(np.abs(turns).max(axis=1, keepdims=True), 1.0)
        return np.concatenate([turns, action[:, 3:]], axis=1, dtype=np.float32)

    def succeeded(self) -> np.ndarray:
        """Returns whether the layout of each scene is built, by the rule of the world, ``[B]`` bool."""
        return self._succeeded(self.state()).numpy()

    def state(self) -> StackingState:
        """Returns the scenes as a state of the kinematic world."""
        arms = self._begun()
        cubes = np.zeros([len(arms), self.most_objects, 3], np.float32)
        for row, arm in zip(cubes, arms, strict=True):
            row[: len(arm.cubes)] = arm.cubes
        return StackingState(
            self._task,
            tf.constant(cubes),
            tf.constant(np.array([arm.gripper for arm in arms]), tf.float32),
            tf.constant([arm.opening for arm in arms], tf.float32),
            tf.constant([arm.held for arm in arms], tf.int32),
        )

    def render(self, scene: int = 0, *, width: int = 320, height: int = 240) -> np.ndarray:
        """Draws a scene as it is now. Frames of an episode make a film, for example by ``imageio.mimsave``.

        Args:
            scene: its number.
            width: of the picture, 640 at most.
            height: of the picture, 480 at most.

        Returns:
            The picture, ``[height, width, 3]`` uint8.

        Raises:
            TfmetaError: where OpenGL is missing.
            ValueError: for a scene that there is not, or another size.
        """
        count = len(self._begun())
        check(0 <= scene < count, f"scene={scene}; expected from 0 to {count - 1}.")
        check(
            0 < width <= 640 and 0 < height <= 480, f"The size is {width}x{height}; expected 640x480 at most."
        )
        arm, key = self._arms[scene], (len(self._arms[scene].cubes), width, height)
        if (
            self._pictures is None or self._pictures[0] != key
        ):  # else the last one fits; it takes a while to make
            self._pictures = key, MujocoPictures(arm.model, width, height, _CAMERA)
        return self._pictures[1].draw(arm.data)

    def _step_scene(self, arm: FetchArm, action: np.ndarray) -> None:
        change = float(action[-1]) * WIDEST / 2
        if self.actions == "gripper":
            arm.move(action[:3] * STRIDE, change)
        else:
            arm.turn(action[:7] * TURN, change)

    def _begun(self) -> list[FetchArm]:
        if not self._arms:
            raise TfmetaError("No scene has begun; call reset(layouts, seed) first.")
        return self._arms


def _draw_cubes(cubes: int, random: np.random.Generator) -> np.ndarray:
    """Each cube in a cell of its own, ``[N, 3]``."""
    cells = np.stack(np.unravel_index(random.permutation(np.prod(_CELLS))[:cubes], _CELLS), axis=1)
    places = (cells - (np.array(_CELLS) - 1) / 2) * _CELL + random.uniform(-1.0, 1.0, [cubes, 2]) * _JITTER
    return np.column_stack([places, np.full(cubes, SIDE / 2)])
