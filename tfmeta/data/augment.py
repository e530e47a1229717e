"""Random changes to images that keep what they show."""

import math

import tensorflow as tf

from tfmeta.core.episodes import Augmentation

__all__ = ["random_affine", "random_mirror", "random_shift"]


def random_affine(
    *, degrees: float = 10.0, shear: float = 0.1, scale: float = 0.1, shift: float = 2.0
) -> Augmentation:
    """Returns an augmentation that turns, shears, scales and shifts every image by amounts of its own.

    Each amount is uniform on plus and minus its bound; paper (0) fills what comes into view.

    Args:
        degrees: bound of the rotation, in degrees.
        shear: bound of the horizontal shear, as a tangent.
        scale: bound of the relative change of size, of each axis by itself.
        shift: bound of the translation of each axis, in pixels.

    Returns:
        A function ``(images [M, H, W, C], seed [2]) -> [M, H, W, C]``, a pure function of its arguments.

    Example:
        >>> augment = random_affine()
        >>> augment(tf.ones([3, 28, 28, 1]), tf.constant([0, 1])).shape
        TensorShape([3, 28, 28, 1])
    """
    bounds = tf.constant([math.radians(degrees), shear, scale, scale, shift, shift])

    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        amounts = tf.random.stateless_uniform([tf.shape(images)[0], 6], seed, -1.0, 1.0) * bounds
        angle, slant, wider, taller, right, down = tf.unstack(amounts, axis=1)
        cos, sin = tf.cos(angle), tf.sin(angle)
        a, b = (1.0 + wider) * cos, slant * cos - (1.0 + taller) * sin
        c, d = (1.0 + wider) * sin, slant * sin + (1.0 + taller) * cos
        centre = (tf.cast(tf.shape(images)[1:3], tf.float32) - 1.0) / 2.0
        y, x = centre[0], centre[1]
        nothing = tf.zeros_like(a)
        rows = [a, b, x - a * x - b * y + right, c, d, y - c * x - d * y + down, nothing, nothing]
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.stack(rows, axis=1),
            output_shape=tf.shape(images)[1:3],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )

    return augment


def random_mirror(*, shift: int = 4) -> Augmentation:
    """Returns an augmentation that shifts every image and mirrors half of them; see `random_shift`.

    Example:
        >>> augment = random_mirror()
        >>> augment(tf.ones([3, 32, 32, 3]), tf.constant([0, 1])).shape
        TensorShape([3, 32, 32, 3])
    """
    return random_shift(shift=shift, mirror=True)


def random_shift(*, shift: int = 4, mirror: bool = False) -> Augmentation:
    """Returns an augmentation that shifts every image: for photographs.

    What comes into view is the image reflected at its border.

    Args:
        shift: bound of the translation of each axis, in whole pixels.
        mirror: whether half of the images are mirrored, left and right.

    Returns:
        A function ``(images [M, H, W, C], seed [2]) -> [M, H, W, C]``, a pure function of its arguments.

    Example:
        >>> augment = random_shift()
        >>> augment(tf.ones([3, 32, 32, 3]), tf.constant([0, 1])).shape
        TensorShape([3, 32, 32, 3])
    """

    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        count, width = tf.shape(images)[0], tf.cast(tf.shape(images)[2], tf.float32)
        mirror_seed, shift_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        mirrored = tf.random.stateless_uniform([count], mirror_seed) < (0.5 if mirror else 0.0)
        pixels = tf.random.stateless_uniform([count, 2], shift_seed, -shift, shift + 1, tf.int32)
        right, down = tf.unstack(tf.cast(pixels, tf.float32), axis=1)
        one, nothing = tf.ones_like(right), tf.zeros_like(right)
        start = tf.where(mirrored, width - 1.0, 0.0)
        rows = [tf.where(mirrored, -one, one), nothing, start + right, nothing, one, down, nothing, nothing]
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.stack(rows, axis=1),
            output_shape=tf.shape(images)[1:3],
            fill_value=0.0,
            interpolation="NEAREST",
            fill_mode="REFLECT",
        )

    return augment
