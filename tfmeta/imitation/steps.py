"""Which steps of a demonstration a policy reads."""

from collections.abc import Sequence

import tensorflow as tf

from tfmeta.imitation.demonstration import Demonstration

__all__ = ["at_random", "at_steps", "evenly", "last", "releases"]

_CLOSED = 0.7
"""A gripper that is open less than this part of its width may hold something."""


def evenly(length: tf.Tensor, count: int, shift: float = 0.5) -> tf.Tensor:
    """Chooses steps at equal distances; some twice where there are fewer than that.

    Args:
        length: steps of each demonstration, ``[B]`` int32.
        count: how many are chosen, K.
        shift: from 0 to 1, where in each of K equal parts the step is; the last part always gives the last step.

    Returns:
        The numbers of the steps, ``[B, K]`` int32, in order.

    Example:
        >>> evenly(tf.constant([1, 8]), 4).numpy().tolist()
        [[0, 0, 0, 0], [1, 3, 5, 7]]
    """
    places = (tf.range(count, dtype=tf.float32) + shift) / count
    steps = tf.cast(places * tf.cast(length, tf.float32)[:, None], tf.int32)
    return tf.concat([steps[:, : count - 1], length[:, None] - 1], axis=1)


def at_random(length: tf.Tensor, count: int, seed: tf.Tensor | Sequence[int]) -> tf.Tensor:
    """Chooses steps at random, in order; the last one is always among them (temporal dropout).

    Args:
        length: steps of each demonstration, ``[B]`` int32.
        count: how many are chosen, K.
        seed: two integers ``[2]``.

    Returns:
        The numbers of the steps, ``[B, K]`` int32, in order.

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning, section 4.1, "temporal dropout".
    """
    places = tf.random.stateless_uniform([tf.shape(length)[0], count - 1], seed)
    steps = tf.cast(tf.sort(places) * tf.cast(length, tf.float32)[:, None], tf.int32)
    return tf.concat([tf.minimum(steps, length[:, None] - 1), length[:, None] - 1], axis=1)


def last(length: tf.Tensor, count: int) -> tf.Tensor:
    """Chooses the last step, K times, ``[B, K]``: the policy sees what was done and not how."""
    return tf.repeat(length[:, None] - 1, count, axis=1)


def releases(demonstration: Demonstration, count: int) -> tf.Tensor:
    """Chooses the steps after which a gripper has let something go, and the last one: a snapshot of each stage.

    The first number of the body is the opening of the gripper.

    Args:
        demonstration: B of them.
        count: how many are chosen, K. Where there are fewer, the last step comes several times; where there are more,
            the first K - 1 and the last one are chosen.

    Returns:
        The numbers of the steps, ``[B, K]`` int32, in order.
    """
    opening, length = demonstration.body[..., 0], demonstration.length
    steps = tf.shape(opening)[1]
    opened = (opening[:, 1:] > _CLOSED) & (opening[:, :-1] <= _CLOSED)
    opened = tf.pad(opened, [[0, 0], [1, 0]]) & tf.sequence_mask(length, steps)
    numbers = tf.where(opened, tf.range(steps), steps)
    first = tf.sort(tf.pad(numbers, [[0, 0], [0, count]], constant_values=steps), axis=1)[:, : count - 1]
    final = length[:, None] - 1
    return tf.concat([tf.minimum(first, final), final], axis=1)


def at_steps(demonstration: Demonstration, steps: tf.Tensor) -> Demonstration:
    """Returns the demonstrations at chosen steps only.

    Args:
        demonstration: B of them.
        steps: numbers of steps, ``[B, K]``.

    Returns:
        Demonstrations of K steps each.
    """
    return demonstration._replace(
        objects=tf.gather(demonstration.objects, steps, batch_dims=1),
        body=tf.gather(demonstration.body, steps, batch_dims=1),
        length=tf.fill([tf.shape(steps)[0]], tf.shape(steps)[1]),
    )
