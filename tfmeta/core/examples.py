"""Seeded batches of labelled examples as a `tf.data` pipeline, for ordinary classification."""

from collections.abc import Sequence

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.episodes import Augmentation
from tfmeta.core.pool import Examples, Pool

__all__ = ["labelled_examples"]


def labelled_examples(
    images: Examples,
    *,
    items: int,
    seed: int = 0,
    start: int = 0,
    augment: Augmentation | None = None,
    item_rank: int = 3,
    names: Sequence[str] = (),
) -> tf.data.Dataset:
    """Draws examples of all classes without end; batch ``i`` is a pure function of ``(seed, i)``.

    A batch is one task, that of telling all classes apart, so that what measures tasks measures it.

    Args:
        images: the examples of each class: an array ``[classes, examples, H, W, C]``, or a sequence of arrays
            ``[examples, H, W, C]`` where classes differ in size. Integers are scaled by the range of their type (255 of
            uint8 becomes 1.0); floats are not scaled.
        items: examples of a batch, M, drawn with replacement; all examples are equally likely.
        seed: names the sequence of batches.
        start: number of the first batch.
        augment: changes the images of a batch at random.
        item_rank: the number of dimensions of an item; 3 for images, 1 for vectors.
        names: of the classes, for messages.

    Returns:
        An infinite dataset of ``(x [1, M, H, W, C] float32, y [1, M] int32)``.

    Raises:
        ValueError: for a batch without examples, and for what `tfmeta.core.pool.Pool` does not take.

    Example:
        >>> import numpy as np
        >>> x, y = next(iter(labelled_examples(np.zeros([8, 20, 28, 28, 1], np.uint8), items=5)))
        >>> x.shape, y.shape
        (TensorShape([1, 5, 28, 28, 1]), TensorShape([1, 5]))
    """
    check(items >= 1, f"items={items}; a batch needs at least 1 example.")
    pool = Pool(images, item_rank=item_rank, names=names)

    def batch(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        draw_seed, augment_seed = tf.unstack(
            tf.random.experimental.stateless_split([tf.cast(seed, tf.int64), index], 2)
        )
        numbers = tf.random.stateless_uniform([items], draw_seed, maxval=pool.total, dtype=tf.int32)
        x, y = pool.take(numbers), pool.classes_of(numbers)
        if augment is not None:
            x = tf.ensure_shape(augment(x, augment_seed), x.shape)
        return x[None], y[None]

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)
