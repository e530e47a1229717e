"""Demonstrations of the expert, and imitations of them, played in the graph."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.core.unroll import unroll
from tfmeta.imitation.world import Observation, World

__all__ = ["Demonstration", "Played", "demonstrate", "observations_of", "play", "play_model", "play_tasks"]


Ask = Callable[[str, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]
Imitate = Callable[["Demonstration", Any, "tf.Tensor | Sequence[int]"], "Played"]


class Demonstration(NamedTuple):
    """What is observed while the expert does B tasks; T is the longest.

    Attributes:
        objects: ``[B, T, N, D]``.
        present: which objects there are, ``[B, N]`` bool.
        body: ``[B, T, E]``.
        length: how many of the T steps count, ``[B]`` int32; at least 1.
    """

    objects: tf.Tensor
    present: tf.Tensor
    body: tf.Tensor
    length: tf.Tensor


class Played(NamedTuple):
    """B episodes of T steps.

    Attributes:
        objects: ``[B, T, N, D]``, observed before each step.
        present: ``[B, N]`` bool.
        body: ``[B, T, E]``.
        action: what the expert does there, ``[B, T, A]``.
        length: steps until the task was done and `World.afterwards` more, T at most, ``[B]`` int32.
        succeeded: whether the task was done at the end, ``[B]`` bool.
    """

    objects: tf.Tensor
    present: tf.Tensor
    body: tf.Tensor
    action: tf.Tensor
    length: tf.Tensor
    succeeded: tf.Tensor

    def demonstration(self) -> Demonstration:
        """Returns what an imitator observes of it."""
        return Demonstration(self.objects, self.present, self.body, self.length)


def demonstrate(world: World, tasks: Any, seed: tf.Tensor | Sequence[int]) -> Played:
    """Lets the expert do tasks, each in a scene of its own.

    Args:
        world: where.
        tasks: what ``world.draw`` returned.
        seed: two integers ``[2]``, of the scenes.

    Example:
        >>> from tfmeta.imitation import ReachingWorld
        >>> world = ReachingWorld(most=3)
        >>> played = demonstrate(world, world.draw([0, 0], batch=4), [0, 1])
        >>> played.objects.shape, played.action.shape, bool(tf.reduce_all(played.succeeded))
        (TensorShape([4, 50, 3, 2]), TensorShape([4, 50, 2]), True)
    """
    return play(world, tasks, seed, lambda state, number: world.expert(state))


def play(
    world: World,
    tasks: Any,
    seed: tf.Tensor | Sequence[int],
    act: Callable[[Any, tf.Tensor], tf.Tensor],
) -> Played:
    """Plays an episode in a scene of each task, and notes what the expert would have done at each step.

    Args:
        world: where.
        tasks: what ``world.draw`` returned.
        seed: two integers ``[2]``, of the scenes.
        act: maps the state of the scenes and the number of the step to actions ``[B, A]``.

    Returns:
        The episodes.
    """
    begin = world.arrange(tasks, seed)
    present = world.observe(begin).present

    def step(state: Any, number: tf.Tensor) -> tuple[Any, tuple]:
        seen = world.observe(state)
        noted = (seen.objects, seen.body, world.expert(state), world.succeeded(state))
        return world.step(state, act(state, number)), noted

    output = (
        tf.TensorSpec([None, world.most_objects, world.object_size]),
        tf.TensorSpec([None, world.body_size]),
        tf.TensorSpec([None, world.action_size]),
        tf.TensorSpec([None], tf.bool),
    )
    end, noted = unroll(step, begin, world.horizon, output=output)
    objects, body, action, done = (tf.transpose(x, [1, 0, *range(2, x.shape.rank)]) for x in noted)
    before = tf.reduce_sum(tf.math.cumprod(1 - tf.cast(done, tf.int32), axis=1), axis=1)
    length = tf.minimum(before + world.afterwards, world.horizon)
    return Played(objects, present, body, action, length, world.succeeded(end))


def play_tasks(
    world: World,
    seed: tf.Tensor | Sequence[int],
    count: int,
    imitate: Imitate | None = None,
    part: float = 0.0,
) -> tuple[Demonstration, Played]:
    """Draws tasks, lets the expert demonstrate them, and plays each in another scene.

    Args:
        world: where.
        seed: two integers ``[2]``.
        count: how many tasks, B.
        imitate: plays tasks after their demonstrations, such as `ImitationLearner.imitate`.
        part: in which part of the tasks it plays, from 0 to 1; in the others the expert does.

    Returns:
        The demonstrations, and the episodes; those that were imitated come first.
    """
    of_tasks, of_demonstration, of_scene = derived_seeds(seed, 0, 1, 2)
    tasks = world.draw(of_tasks, count)
    shown = demonstrate(world, tasks, of_demonstration).demonstration()
    imitated = 0 if imitate is None else round(part * count)
    first, others = (
        tf.nest.map_structure(lambda x, rows=rows: x[rows], (tasks, shown))
        for rows in (slice(imitated), slice(imitated, None))
    )
    episodes = []
    if imitate is not None and imitated:
        episodes.append(imitate(first[1], first[0], of_scene))
    if imitated < count:
        episodes.append(demonstrate(world, others[0], of_scene))
    return shown, tf.nest.map_structure(lambda *x: tf.concat(x, axis=0), *episodes)


def observations_of(played: Played) -> Observation:
    """Lays all steps of all episodes in one row of scenes, ``[B * T, ...]``."""
    batch, length = tf.shape(played.body)[0], tf.shape(played.body)[1]
    present = tf.repeat(played.present, length, axis=0)
    return Observation(
        tf.reshape(played.objects, [batch * length, *played.objects.shape[2:]]),
        present,
        tf.reshape(played.body, [batch * length, played.body.shape[-1]]),
    )


def play_model(
    ask: Ask, world: World, shown: Demonstration, tasks: Any, seed: tf.Tensor | Sequence[int]
) -> np.ndarray:
    """Plays like `play` with a model that is asked for every action, here or over a network.

    Args:
        ask: asks a signature, by its name and with its inputs, such as `tfmeta.core.hub.LoadedModel.ask`. The
            signatures are those of `tfmeta.imitation.imitation_servable`.
        world: where.
        shown: a demonstration of each task.
        tasks: what ``world.draw`` returned.
        seed: two integers ``[2]``, of the scenes.

    Returns:
        Whether each task was done at the end, ``[B]`` bool.
    """
    demo = {f"demo_{name}": np.asarray(x) for name, x in shown._asdict().items()}
    demo_state = ask("embed", demo)["demo_state"]
    state = world.arrange(tasks, seed)
    for _ in range(world.horizon):
        seen = {name: np.asarray(x) for name, x in world.observe(state)._asdict().items()}
        action = ask("act", {**seen, "demo_state": demo_state})["action"]
        state = world.step(state, tf.constant(action))
    return world.succeeded(state).numpy()
