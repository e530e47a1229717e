"""Seeds that name batches, for learners that draw their data themselves, and seeds that are derived from them."""

from collections.abc import Sequence

import tensorflow as tf

__all__ = ["batch_seeds", "derived_seeds"]


def batch_seeds(seed: int = 0, start: int = 0) -> tf.data.Dataset:
    """Names batches of what is drawn as it is needed, without end; batch ``i`` is ``[seed, i]``.

    Args:
        seed: names the sequence of batches.
        start: number of the first batch.

    Returns:
        An infinite dataset of int64 ``[2]``.

    Example:
        >>> next(iter(batch_seeds(seed=3, start=5))).numpy().tolist()
        [3, 5]
    """
    return tf.data.Dataset.counter(start).map(lambda i: tf.stack([tf.cast(seed, tf.int64), i]))


def derived_seeds(seed: tf.Tensor | Sequence[int], *streams: int) -> list[tf.Tensor]:
    """Derives seeds for what must not depend on each other, such as tasks and the noise of their steps.

    Args:
        seed: two integers, ``[2]``.
        streams: a number for each seed that is wanted.

    Returns:
        A seed ``[2]`` int64 for each.

    Example:
        >>> a, b = derived_seeds([0, 7], 0, 1)
        >>> bool(tf.reduce_any(a != b))
        True
    """
    seed = tf.cast(seed, tf.int64)
    return [tf.random.fold_in(seed, stream) for stream in streams]
