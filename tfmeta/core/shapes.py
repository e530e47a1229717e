"""The shape alphabet: one letter for one meaning, in every signature, docstring and comment.

=========  ====================================================================
letter     meaning
=========  ====================================================================
``B``      tasks worked on together (the meta-batch)
``N``      ways: classes of a task
``K``      shots: labelled examples of each class
``S``      support items of a task, ``S = N * K``
``Q``      query items of a task
``M``      items of a task, support or query, where the two are treated alike
``T``      time steps
``P``      parameters of a network, flattened
``D``      features of an embedding, or numbers of a task state
``H W C``  height, width and channels of an image
=========  ====================================================================

An episode is a pair ``(inputs, query_y)`` as ``keras.Model.fit`` takes it, and `EpisodeInputs` names its
inputs.
"""

import math
from collections.abc import Sequence
from typing import TypedDict

import tensorflow as tf

__all__ = ["EpisodeInputs", "leading", "merge_tasks", "pack_tasks", "split_tasks", "unpack_tasks"]


class EpisodeInputs(TypedDict):
    """What a few-shot learner is called with.

    Attributes:
        support_x: labelled examples, ``[B, S, ...]``.
        support_y: their labels, ``[B, S]`` integers, or ``[B, S, D]`` targets in regression.
        query_x: examples to answer for, ``[B, Q, ...]``.
    """

    support_x: tf.Tensor
    support_y: tf.Tensor
    query_x: tf.Tensor


def leading(x: tf.Tensor, count: int) -> list:
    """Returns the first `count` dimensions of `x`, as integers where they are known and tensors where not."""
    static, dynamic = tf.TensorShape(x.shape).as_list(), tf.shape(x)  # NumPy's shape is a tuple
    return [dynamic[axis] if static[axis] is None else static[axis] for axis in range(count)]


def merge_tasks(x: tf.Tensor) -> tf.Tensor:
    """Folds the tasks into the items: ``[B, M, ...] -> [B*M, ...]``."""
    tasks, items = leading(x, 2)
    return tf.reshape(x, [tasks * items, *x.shape[2:]])


def split_tasks(x: tf.Tensor, tasks: int | tf.Tensor) -> tf.Tensor:
    """Undoes `merge_tasks`: ``[B*M, ...] -> [B, M, ...]``."""
    return tf.reshape(x, [tasks, -1, *x.shape[1:]])


def pack_tasks(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Lays what belongs to each task end to end: tensors ``[B, ...]`` in one ``[B, D]``."""
    tasks = leading(tensors[0], 1)[0]
    return tf.concat([tf.reshape(x, [tasks, -1]) for x in tensors], axis=1)


def unpack_tasks(packed: tf.Tensor, shapes: Sequence[Sequence[int]]) -> list[tf.Tensor]:
    """Undoes `pack_tasks`.

    Args:
        packed: ``[B, D]``.
        shapes: of the tensors, each without the tasks.

    Example:
        >>> [x.shape.as_list() for x in unpack_tasks(tf.zeros([5, 8]), [[2, 3], [2]])]
        [[5, 2, 3], [5, 2]]
    """
    tasks = leading(packed, 1)[0]
    pieces = tf.split(packed, [math.prod(shape) for shape in shapes], axis=1)
    return [tf.reshape(piece, [tasks, *shape]) for piece, shape in zip(pieces, shapes, strict=True)]
