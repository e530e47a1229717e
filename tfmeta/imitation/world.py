"""The contract of a world in which tasks are demonstrated and imitated: pure functions that step B scenes at once."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

__all__ = ["Observation", "World"]


class Observation(NamedTuple):
    """What is observed of B scenes.

    ====  ==================================
    B     scenes
    N     objects at most
    D     numbers that describe an object
    E     numbers that describe the body
    ====  ==================================

    Attributes:
        objects: ``[B, N, D]``; zeros where there is no object.
        present: which objects there are, ``[B, N]`` bool. Those that there are come first.
        body: what acts, for example the place of a gripper, ``[B, E]``.
    """

    objects: tf.Tensor
    present: tf.Tensor
    body: tf.Tensor


class World(ABC):
    """Draws tasks, arranges scenes for them, steps the scenes, and knows how each task is done.

    A task says what is to be done, such as which landmark is to be reached. A scene is an arrangement of the objects
    at random. So one task can be demonstrated in a scene and imitated in another one. Everything is a function of its
    arguments; states are nests of plain tensors.

    Attributes:
        most_objects: N.
        object_size: D.
        body_size: E.
        action_size: numbers of an action, A. Each is from -1 to 1; `step` clips others.
        horizon: steps after which an episode ends, T.
        afterwards: steps of a demonstration that follow after its task is done; the rest of it is not shown.

    Example:
        >>> from tfmeta.imitation import ReachingWorld
        >>> world = ReachingWorld()
        >>> tasks = world.draw([0, 0], batch=4)
        >>> scenes = world.arrange(tasks, [0, 1])
        >>> scenes = world.step(scenes, world.expert(scenes))
        >>> world.observe(scenes).body.shape, world.succeeded(scenes).shape
        (TensorShape([4, 2]), TensorShape([4]))
    """

    most_objects: int
    object_size: int
    body_size: int
    action_size: int
    horizon: int
    afterwards: int

    @abstractmethod
    def draw(self, seed: tf.Tensor | Sequence[int], batch: int | tf.Tensor) -> Any:
        """Draws tasks.

        Args:
            seed: two integers ``[2]`` that name the batch of tasks.
            batch: tasks, B.

        Returns:
            What the tasks are: a nest of tensors, each ``[B, ...]``.
        """

    @abstractmethod
    def arrange(self, tasks: Any, seed: tf.Tensor | Sequence[int]) -> Any:
        """Arranges a scene for each task.

        Args:
            tasks: what `draw` returned, or rows of it.
            seed: two integers ``[2]``.

        Returns:
            The state of the scenes, a nest of tensors, each ``[B, ...]``, the tasks among them.
        """

    @abstractmethod
    def observe(self, state: Any) -> Observation:
        """Returns what is observed of each scene; the task is not."""

    @abstractmethod
    def step(self, state: Any, action: tf.Tensor) -> Any:
        """Takes one step in each scene.

        Args:
            state: what `arrange` or the step before returned.
            action: ``[B, A]``.

        Returns:
            The next state.
        """

    @abstractmethod
    def expert(self, state: Any) -> tf.Tensor:
        """Returns the action that does the task of each scene, from any state, ``[B, A]``."""

    @abstractmethod
    def succeeded(self, state: Any) -> tf.Tensor:
        """Returns whether the task of each scene is done, ``[B]`` bool."""
