"""Losses of each task of a batch by itself, and the rule by which targets meet outputs."""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["ItemLoss", "align", "cross_entropy", "item_loss", "mean_of_tasks", "squared_error"]

ItemLoss: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Maps targets and outputs to a loss of each item, ``[B, M]``, or of each number of an item, ``[B, M, ...]``."""


def align(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Returns targets in the type and the rank of outputs, since numbers of other shapes would broadcast.

    Where outputs end in a dimension of 1 that targets do not have, it is added: ``[B, M]`` beside ``[B, M, 1]``.

    Args:
        targets: ``[B, M, ...]``.
        outputs: ``[B, M, ...]``, of the same shape, but for a last dimension of 1.

    Returns:
        The targets, shaped like the outputs.

    Raises:
        ValueError: for targets of another shape.

    Example:
        >>> align(tf.constant([[1, 2]]), tf.zeros([1, 2, 1])).numpy().tolist()
        [[[1.0], [2.0]]]
    """
    targets, outputs = tf.convert_to_tensor(targets), tf.convert_to_tensor(outputs)
    given, expected = targets.shape, outputs.shape
    if given.rank is not None and given.rank + 1 == expected.rank and expected[-1] == 1:
        targets = targets[..., None]
    check(
        targets.shape.is_compatible_with(expected),
        f"the targets have the shape {given.as_list()}, but the outputs {expected.as_list()}; expected a target for"
        " each output of each item, of the same shape.",
    )
    return tf.cast(targets, outputs.dtype)


def mean_of_tasks(numbers: tf.Tensor) -> tf.Tensor:
    """Returns the mean over all dimensions but the first: ``[B, ...] -> [B]``."""
    return tf.reduce_mean(tf.reshape(numbers, [tf.shape(numbers)[0], -1]), axis=1)


def squared_error(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Returns the mean squared error of each task, over all numbers of all its items.

    Args:
        targets: ``[B, M, ...]``, as `align` takes them.
        outputs: ``[B, M, ...]``.

    Returns:
        The losses ``[B]``.

    Example:
        >>> squared_error(tf.zeros([1, 2, 3, 3, 1]), 2 * tf.ones([1, 2, 3, 3, 1])).numpy().tolist()
        [4.0]
    """
    return mean_of_tasks(tf.math.squared_difference(align(targets, outputs), outputs))


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the mean cross-entropy of each task, in nats.

    Args:
        labels: the class of each item, whole numbers of any type, ``[B, M]``.
        logits: ``[B, M, N]``.

    Returns:
        The losses ``[B]``.
    """
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(labels, tf.int32), logits)
    return tf.reduce_mean(entropy, axis=1)


def item_loss(loss: Any) -> ItemLoss:
    """Reads a loss as Keras takes them in ``compile``, without the reduction over a batch.

    Args:
        loss: a `keras.losses.Loss`, a function of targets and outputs, or the name of one.

    Returns:
        A function of targets and outputs ``[B, M, ...]``; see `ItemLoss`.

    Raises:
        ValueError: for a name that Keras does not know.

    Example:
        >>> losses = item_loss("mae")(tf.zeros([1, 2, 1]), tf.ones([1, 2, 1]))
        >>> losses.shape
        TensorShape([1, 2])
    """
    found = keras.losses.get(loss)
    return found.call if isinstance(found, keras.losses.Loss) else found
