"""Seeds that name batches, for learners that draw their data themselves."""

import tensorflow as tf

__all__ = ["batch_seeds"]


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
