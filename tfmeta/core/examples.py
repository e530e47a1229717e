"""Seeded batches of labelled examples as a `tf.data` pipeline, for ordinary classification."""

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.episodes import Augmentation

__all__ = ["labelled_examples"]


def labelled_examples(
    images: np.ndarray,
    *,
    items: int,
    seed: int = 0,
    start: int = 0,
    augment: Augmentation | None = None,
) -> tf.data.Dataset:
    """Draws examples of all classes without end; batch ``i`` is a pure function of ``(seed, i)``.

    A batch is one task, that of telling all classes apart, so that what measures tasks measures it.

    Args:
        images: examples of every class, uint8 ``[classes, examples, H, W, C]``; 255 becomes 1.0.
        items: examples of a batch, M, drawn with replacement.
        seed: names the sequence of batches.
        start: number of the first batch.
        augment: changes the images of a batch at random.

    Returns:
        An infinite dataset of ``(x [1, M, H, W, C] float32, y [1, M] int32)``.

    Raises:
        ValueError: for a batch without examples.

    Example:
        >>> x, y = next(iter(labelled_examples(np.zeros([8, 20, 28, 28, 1], np.uint8), items=5)))
        >>> x.shape, y.shape
        (TensorShape([1, 5, 28, 28, 1]), TensorShape([1, 5]))
    """
    check(items >= 1, f"items={items}; a batch needs at least 1 example.")
    classes, examples = images.shape[:2]
    pool = tf.constant(images)

    def batch(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        draw_seed, augment_seed = tf.unstack(
            tf.random.experimental.stateless_split([tf.cast(seed, tf.int64), index], 2)
        )
        numbers = tf.random.stateless_uniform([items], draw_seed, maxval=classes * examples, dtype=tf.int32)
        y = numbers // examples
        x = tf.cast(tf.gather_nd(pool, tf.stack([y, numbers % examples], axis=1)), tf.float32) / 255.0
        if augment is not None:
            x = tf.ensure_shape(augment(x, augment_seed), x.shape)
        return x[None], y[None]

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)
