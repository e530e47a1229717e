"""Seeded N-way K-shot episodes as a `tf.data` pipeline."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.pool import Examples, Pool
from tfmeta.core.shapes import EpisodeInputs

__all__ = ["Augmentation", "episodes"]

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Maps images ``[M, H, W, C]`` and a seed ``[2]`` to changed images of the same shape."""


def episodes(
    images: Examples,
    *,
    ways: int,
    shots: int,
    queries: int,
    batch_size: int = 1,
    seed: int = 0,
    start: int = 0,
    augment: Augmentation | None = None,
    item_rank: int = 3,
    names: Sequence[str] = (),
) -> tf.data.Dataset:
    """Draws batches of tasks without end; batch ``i`` is a pure function of ``(seed, i)``.

    A task is `ways` classes drawn without replacement, and of each class `shots` support and `queries` query
    examples drawn without replacement. Support and query items are ordered class by class; which class is
    number 0 is random. Because a batch depends on its number alone, a run that is resumed at batch ``start``
    sees what an unbroken run sees.

    Args:
        images: the examples of each class: an array ``[classes, examples, H, W, C]``, or a sequence of arrays
            ``[examples, H, W, C]`` where classes differ in size. Integers are scaled by the range of their type (255 of
            uint8 becomes 1.0); floats are not scaled.
        ways: classes of a task, N.
        shots: support examples of each class, K.
        queries: query examples *of each class*, so that ``Q = ways * queries``.
        batch_size: tasks of a batch, B.
        seed: names the sequence of batches.
        start: number of the first batch.
        augment: changes the images of a batch at random, support and query alike.
        item_rank: the number of dimensions of an item; 3 for images, 1 for vectors.
        names: of the classes, for messages.

    Returns:
        An infinite dataset of ``(inputs, query_y)``: `inputs` is a dict of ``support_x [B, S, H, W, C]`` float32,
        ``support_y [B, S]`` int32, ``query_x [B, Q, H, W, C]``; ``query_y`` is ``[B, Q]`` int32.

    Raises:
        ValueError: if there are too few classes, or too few examples of one, and for what `tfmeta.core.pool.Pool` does
            not take, such as items of another rank.

    Example:
        >>> import numpy as np
        >>> images = np.zeros([8, 20, 28, 28, 1], np.uint8)
        >>> inputs, query_y = next(iter(episodes(images, ways=5, shots=1, queries=3, batch_size=2)))
        >>> inputs["support_x"].shape, query_y.shape
        (TensorShape([2, 5, 28, 28, 1]), TensorShape([2, 15]))
    """
    pool = Pool(images, item_rank=item_rank, names=names)
    check(
        ways >= 1 and shots >= 1 and queries >= 1 and batch_size >= 1,
        f"ways={ways}, shots={shots}, queries={queries}, batch_size={batch_size}: each must be at least 1.",
    )
    check(
        ways <= len(pool), f"ways={ways}, but there are only {len(pool)} classes; lower ways or add classes."
    )
    smallest, fewest = pool.smallest()
    check(
        shots + queries <= fewest,
        f"shots + queries = {shots + queries}, but the smallest class, {smallest}, has only {fewest} examples; lower"
        " shots or queries, or add examples.",
    )

    largest = int(pool.sizes.max())
    labels = tf.range(ways, dtype=tf.int32)

    def batch(index: tf.Tensor) -> tuple[EpisodeInputs, tf.Tensor]:
        class_seed, example_seed, augment_seed = tf.unstack(
            tf.random.experimental.stateless_split([tf.cast(seed, tf.int64), index], 3)
        )
        # The largest of independent uniform numbers are a draw without replacement.
        lottery = tf.random.stateless_uniform([batch_size, len(pool)], class_seed)
        chosen = tf.math.top_k(lottery, ways).indices  # [B, N]
        lottery = tf.random.stateless_uniform([batch_size, ways, largest], example_seed)
        if not pool.is_even:  # a class takes part with as many examples as it has
            numbers = tf.range(largest)
            lottery = tf.where(numbers < pool.sizes_of(chosen)[:, :, None], lottery, -1.0)
        drawn = tf.math.top_k(lottery, shots + queries).indices  # [B, N, K + queries]
        x = pool.take(drawn, chosen[:, :, None])  # [B, N, K + queries, H, W, C]
        if augment is not None:
            x = tf.reshape(augment(tf.reshape(x, [-1, *pool.item_shape]), augment_seed), tf.shape(x))
        inputs: EpisodeInputs = {
            "support_x": tf.reshape(x[:, :, :shots], [batch_size, ways * shots, *pool.item_shape]),
            "support_y": tf.tile(tf.repeat(labels, shots)[None], [batch_size, 1]),
            "query_x": tf.reshape(x[:, :, shots:], [batch_size, ways * queries, *pool.item_shape]),
        }
        return inputs, tf.tile(tf.repeat(labels, queries)[None], [batch_size, 1])

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)
