"""Seeded pairs of the same and of different classes as a `tf.data` pipeline."""

from typing import TypedDict

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.episodes import Augmentation

__all__ = ["PairInputs", "pairs"]


class PairInputs(TypedDict):
    """What a learner that verifies is called with.

    Attributes:
        a: one image of each pair, ``[P, H, W, C]``.
        b: the other, of the same shape.
    """

    a: tf.Tensor
    b: tf.Tensor


def pairs(
    images: np.ndarray,
    *,
    batch_size: int,
    seed: int = 0,
    start: int = 0,
    augment: Augmentation | None = None,
) -> tf.data.Dataset:
    """Draws batches of independent pairs without end; batch ``i`` is a pure function of ``(seed, i)``.

    Every other pair, the first included, is of one class, so that a batch is balanced; the others are of two
    classes. Classes are drawn evenly. The two examples of a pair never have the same number in their classes:
    where an example's number says who drew it, as in Omniglot, no pair can be told by the hand.

    This is the plain way to train and the way to test verification. A batch of P pairs holds 2P images and P
    comparisons; comparing all images of an episode with each other, as `tfmeta.fewshot.siamese` does with
    episodes, takes far more from the same images.

    Args:
        images: examples of every class, uint8 ``[classes, examples, H, W, C]``; 255 becomes 1.0.
        batch_size: pairs of a batch, P.
        seed: names the sequence of batches.
        start: number of the first batch.
        augment: changes the images of a batch at random, each by itself.

    Returns:
        An infinite dataset of ``({"a": [P, H, W, C], "b": [P, H, W, C]}, same)``: float32 images, and int32
        ``same [P]``, 1 where the two are of one class and 0 where not.

    Raises:
        ValueError: if there is one class only, or one example of each, or fewer than two pairs are asked for.

    Example:
        >>> images = np.zeros([8, 20, 28, 28, 1], np.uint8)
        >>> inputs, same = next(iter(pairs(images, batch_size=4)))
        >>> inputs["a"].shape, same.numpy().tolist()
        (TensorShape([4, 28, 28, 1]), [1, 0, 1, 0])

    Reference:
        Koch, Zemel, Salakhutdinov. "Siamese Neural Networks for One-shot Image Recognition." ICML workshop, 2015.
    """
    check(
        images.ndim == 5,
        f"images has the shape {images.shape}; expected [classes, examples, H, W, C].",
    )
    classes, examples, *image_shape = images.shape
    check(
        classes >= 2,
        f"images holds {classes} class{'' if classes == 1 else 'es'}, but a pair of different classes needs 2;"
        " add classes.",
    )
    check(
        examples >= 2,
        f"images holds {examples} example{'' if examples == 1 else 's'} of each class, but a pair of the same"
        " class needs 2; add examples.",
    )
    check(
        batch_size >= 2,
        f"batch_size={batch_size}; expected at least 2: a pair of the same class and one of different classes.",
    )

    pool = tf.constant(images)
    same = 1 - tf.range(batch_size, dtype=tf.int32) % 2

    def batch(index: tf.Tensor) -> tuple[PairInputs, tf.Tensor]:
        class_seed, example_seed, augment_seed = tf.unstack(
            tf.random.experimental.stateless_split([tf.cast(seed, tf.int64), index], 3)
        )
        of_a, other = _two_of(classes, batch_size, class_seed)
        example_a, example_b = _two_of(examples, batch_size, example_seed)
        of_b = tf.where(same == 1, of_a, other)
        where = tf.stack([tf.concat([of_a, of_b], 0), tf.concat([example_a, example_b], 0)], axis=1)
        x = tf.cast(tf.gather_nd(pool, where), tf.float32) / 255.0  # [2P, H, W, C]
        if augment is not None:
            x = tf.ensure_shape(augment(x, augment_seed), [2 * batch_size, *image_shape])
        return {"a": x[:batch_size], "b": x[batch_size:]}, same

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)


def _two_of(count: int, draws: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws two different numbers below `count`, ``[draws]`` each."""
    seeds = tf.random.experimental.stateless_split(seed, 2)
    first = tf.random.stateless_uniform([draws], seeds[0], 0, count, tf.int32)
    further = tf.random.stateless_uniform([draws], seeds[1], 1, count, tf.int32)
    return first, (first + further) % count
