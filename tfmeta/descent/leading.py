"""The leading dimensions of tensors, for `tf.reshape`."""

import tensorflow as tf

__all__ = ["leading_of"]


def leading_of(tensor: tf.Tensor, rest: int) -> list[int | tf.Tensor]:
    """Returns all but the last `rest` dimensions of a tensor, as numbers where they are known.

    The first unknown one is -1, which `tf.reshape` finds out by itself. So a graph has fewer operations, each of which
    costs microseconds.

    Example:
        >>> leading_of(tf.zeros([4, 3, 2]), 1)
        [4, 3]
    """
    known = tensor.shape[: len(tensor.shape) - rest].as_list()
    dynamic = tf.shape(tensor) if known.count(None) > 1 else None
    free = known.index(None) if None in known else -1
    return [-1 if at == free else dynamic[at] if each is None else each for at, each in enumerate(known)]
