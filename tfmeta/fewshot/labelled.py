"""Task states that hold the embeddings of the support items with their labels."""

import tensorflow as tf

from tfmeta.core.graph_checks import after, require
from tfmeta.core.shapes import leading
from tfmeta.fewshot.inputs import checked_labels
from tfmeta.fewshot.state_size import StateSize

__all__ = ["labelled_size", "pack_labelled", "unpack_labelled"]


def labelled_size(features: int) -> StateSize:
    """Returns the size of the states that `pack_labelled` makes: ``D + 1`` numbers for each support item."""
    return StateSize(0, step=features + 1)


def pack_labelled(embedded: tf.Tensor, support_y: tf.Tensor) -> tf.Tensor:
    """Lays embeddings and their labels out as task states.

    Args:
        embedded: the embeddings of the support items, ``[B, S, D]``.
        support_y: their labels, ``[B, S]`` in ``0..N-1``.

    Returns:
        The task states, ``[B, S*(D+1)]``.

    Raises:
        tf.errors.InvalidArgumentError: for a label that is not below S; each class needs an item.

    Example:
        >>> state = pack_labelled(tf.constant([[[0.5], [0.25]]]), tf.constant([[1, 0]]))
        >>> state.numpy().tolist()
        [[0.5, 1.0, 0.25, 0.0]]
    """
    support_y = checked_labels(support_y)
    largest, items = tf.reduce_max(support_y), leading(embedded, 2)[1]
    fits = (tf.size(support_y) == 0) | (tf.cast(largest, tf.int64) < tf.cast(items, tf.int64))
    (support_y,) = after([
        require(fits, "support_y holds the label ", largest, " but the support set only ", tf.convert_to_tensor(items),
                " items; expected classes numbered 0, 1, 2, ... without gaps, each with an item."),
    ], support_y)  # fmt: skip
    labelled = tf.concat([embedded, tf.cast(support_y, embedded.dtype)[:, :, None]], axis=-1)
    return tf.reshape(labelled, [leading(labelled, 1)[0], -1])


def unpack_labelled(task_state: tf.Tensor, features: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Undoes `pack_labelled`.

    Args:
        task_state: ``[B, S*(D+1)]``.
        features: numbers of an embedding, D.

    Returns:
        The embeddings ``[B, S, D]``, and their labels ``[B, S]``. A label that is not below S did not come from
        `pack_labelled` and is lowered, so that no state makes a learner count classes without end.
    """
    labelled = tf.reshape(task_state, [leading(task_state, 1)[0], -1, features + 1])  # [B, S, D+1]
    labels = tf.minimum(tf.cast(tf.round(labelled[:, :, -1]), tf.int32), leading(labelled, 2)[1] - 1)
    return labelled[:, :, :-1], labels
