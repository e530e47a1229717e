"""Seeded N-way K-shot episodes as a `tf.data` pipeline."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import EpisodeInputs

__all__ = ["Augmentation", "episodes"]

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Maps images ``[M, H, W, C]`` and a seed ``[2]`` to changed images of the same shape."""


def episodes(
    images: np.ndarray,
    *,
    ways: int,
    shots: int,
    queries: int,
    batch_size: int = 1,
    seed: int = 0,
    start: int = 0,
    augment: Augmentation | None = None,
) -> tf.data.Dataset:
    """Draws batches of tasks without end; batch ``i`` is a pure function of ``(seed, i)``.

    A task is `ways` classes drawn without replacement, and of each class `shots` support and `queries` query
    examples drawn without replacement. Support and query items are ordered class by class; which class is
    number 0 is random. Because a batch depends on its number alone, a run that is resumed at batch ``start``
    sees what an unbroken run sees.

    Args:
        images: examples of every class, uint8 ``[classes, examples, H, W, C]``; 255 becomes 1.0.
        ways: classes of a task, N.
        shots: support examples of each class, K.
        queries: query examples *of each class*, so that ``Q = ways * queries``.
        batch_size: tasks of a batch, B.
        seed: names the sequence of batches.
        start: number of the first batch.
        augment: changes the images of a batch at random, support and query alike.

    Returns:
        An infinite dataset of ``(inputs, query_y)``: `inputs` is a dict of ``support_x [B, S, H, W, C]`` float32,
        ``support_y [B, S]`` int32, ``query_x [B, Q, H, W, C]``; ``query_y`` is ``[B, Q]`` int32.

    Raises:
        ValueError: if there are too few classes, or too few examples of each.

    Example:
        >>> images = np.zeros([8, 20, 28, 28, 1], np.uint8)
        >>> inputs, query_y = next(iter(episodes(images, ways=5, shots=1, queries=3, batch_size=2)))
        >>> inputs["support_x"].shape, query_y.shape
        (TensorShape([2, 5, 28, 28, 1]), TensorShape([2, 15]))
    """
    classes, examples, *image_shape = images.shape
    check(
        ways >= 1 and shots >= 1 and queries >= 1 and batch_size >= 1,
        f"ways={ways}, shots={shots}, queries={queries}, batch_size={batch_size}: each must be at least 1.",
    )
    check(ways <= classes, f"ways={ways}, but there are only {classes} classes; lower ways or add classes.")
    check(
        shots + queries <= examples,
        f"shots + queries = {shots + queries}, but a class has only {examples} examples; lower one of them.",
    )

    pool = tf.constant(images)
    labels = tf.range(ways, dtype=tf.int32)

    def batch(index: tf.Tensor) -> tuple[EpisodeInputs, tf.Tensor]:
        class_seed, example_seed, augment_seed = tf.unstack(
            tf.random.experimental.stateless_split([tf.cast(seed, tf.int64), index], 3)
        )
        # The largest of independent uniform numbers are a draw without replacement.
        lottery = tf.random.stateless_uniform([batch_size, classes], class_seed)
        chosen = tf.math.top_k(lottery, ways).indices  # [B, N]
        lottery = tf.random.stateless_uniform([batch_size, ways, examples], example_seed)
        drawn = tf.math.top_k(lottery, shots + queries).indices  # [B, N, K + queries]
        where = tf.stack([tf.broadcast_to(chosen[:, :, None], tf.shape(drawn)), drawn], axis=-1)
        x = tf.cast(tf.gather_nd(pool, where), tf.float32) / 255.0  # [B, N, K + queries, H, W, C]
        if augment is not None:
            x = tf.reshape(augment(tf.reshape(x, [-1, *image_shape]), augment_seed), tf.shape(x))
        inputs: EpisodeInputs = {
            "support_x": tf.reshape(x[:, :, :shots], [batch_size, ways * shots, *image_shape]),
            "support_y": tf.tile(tf.repeat(labels, shots)[None], [batch_size, 1]),
            "query_x": tf.reshape(x[:, :, shots:], [batch_size, ways * queries, *image_shape]),
        }
        return inputs, tf.tile(tf.repeat(labels, queries)[None], [batch_size, 1])

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)
