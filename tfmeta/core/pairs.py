"""Seeded pairs of the same and of different classes as a `tf.data` pipeline."""

from collections.abc import Sequence
from typing import TypedDict

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.episodes import Augmentation
from tfmeta.core.pool import Examples, Pool

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
    images: Examples,
    *,
    batch_size: int,
    seed: int = 0,
    start: int = 0,
    augment: Augmentation | None = None,
    item_rank: int = 3,
    names: Sequence[str] = (),
) -> tf.data.Dataset:
    """Draws batches of independent pairs without end; batch ``i`` is a pure function of ``(seed, i)``.

    Every other pair, the first included, is of one class, so that a batch is balanced; the others are of two
    classes. Classes are drawn evenly. The two examples of a pair never have the same number in their classes.
    In Omniglot, an example's number says who drew it, so no pair can be told by the hand.

    This is the plain way to train and the way to test verification. A batch of P pairs holds 2P images and P
    comparisons. `tfmeta.fewshot.siamese` compares all images of an episode with each other, which takes far more from
    the same images.

    Args:
        images: the examples of each class: an array ``[classes, examples, H, W, C]``, or a sequence of arrays
            ``[examples, H, W, C]`` where classes differ in size. Integers are scaled by the range of their type (255 of
            uint8 becomes 1.0); floats are not scaled.
        batch_size: pairs of a batch, P.
        seed: names the sequence of batches.
        start: number of the first batch.
        augment: changes the images of a batch at random, each by itself.
        item_rank: the number of dimensions of an item; 3 for images, 1 for vectors.
        names: of the classes, for messages.

    Returns:
        An infinite dataset of ``({"a": [P, H, W, C], "b": [P, H, W, C]}, same)``: float32 images, and int32
        ``same [P]``, 1 where the two are of one class and 0 where not.

    Raises:
        ValueError: if there is one class only, or one example of a class, or fewer than two pairs are asked for; and
            for what `tfmeta.core.pool.Pool` does not take.

    Example:
        >>> import numpy as np
        >>> images = np.zeros([8, 20, 28, 28, 1], np.uint8)
        >>> inputs, same = next(iter(pairs(images, batch_size=4)))
        >>> inputs["a"].shape, same.numpy().tolist()
        (TensorShape([4, 28, 28, 1]), [1, 0, 1, 0])

    Reference:
        Koch, Zemel, Salakhutdinov. "Siamese Neural Networks for One-shot Image Recognition." ICML workshop, 2015.
    """
    pool = Pool(images, item_rank=item_rank, names=names)
    check(
        len(pool) >= 2,
        "There is 1 class, but a pair of different classes needs 2; add classes.",
    )
    smallest, fewest = pool.smallest()
    check(
        fewest >= 2,
        f"The class {smallest} has 1 example, but a pair of the same class needs 2; add examples, or leave the class"
        " out.",
    )
    check(
        batch_size >= 2,
        f"batch_size={batch_size}; expected at least 2: a pair of the same class and one of different classes.",
    )

    same = 1 - tf.range(batch_size, dtype=tf.int32) % 2

    def batch(index: tf.Tensor) -> tuple[PairInputs, tf.Tensor]:
        class_seed, example_seed, augment_seed = tf.unstack(
            tf.random.experimental.stateless_split([tf.cast(seed, tf.int64), index], 3)
        )
        of_a, other = _two_of(len(pool), len(pool), batch_size, class_seed)
        of_b = tf.where(same == 1, of_a, other)
        examples = _two_of(pool.sizes_of(of_a), pool.sizes_of(of_b), batch_size, example_seed)
        x = pool.take(tf.concat(examples, 0), tf.concat([of_a, of_b], 0))  # [2P, H, W, C]
        if augment is not None:
            x = tf.ensure_shape(augment(x, augment_seed), [2 * batch_size, *pool.item_shape])
        return {"a": x[:batch_size], "b": x[batch_size:]}, same

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)


def _two_of(
    first_of: int | tf.Tensor, second_of: int | tf.Tensor, draws: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws two different numbers, below `first_of` and below `second_of`, ``[draws]`` each."""
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    any_number, another = (
        tf.random.stateless_uniform([draws], each, None, None, tf.uint32) for each in seeds
    )
    first = _remainder(any_number, first_of)
    # From the first number on around the class, but not as far as that number again.
    further = 1 + _remainder(another, second_of - 1)
    second = tf.where(first < second_of, (first + further) % second_of, _remainder(another, second_of))
    return first, second


def _remainder(numbers: tf.Tensor, divisor: int | tf.Tensor) -> tf.Tensor:
    return tf.cast(numbers % tf.cast(divisor, tf.uint32), tf.int32)
