"""Gradients of images, by orientation and by cell: what SIFT and HOG are made of."""

import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["by_orientation", "gradients", "odd", "pooled", "smoothed"]


def gradients(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Central differences of grey images, to the right and upwards, each ``[B, H, W]``; 0 at the edge."""
    right = tf.pad(images[:, :, 2:] - images[:, :, :-2], [[0, 0], [0, 0], [1, 1]])
    up = tf.pad(images[:, :-2] - images[:, 2:], [[0, 0], [1, 1], [0, 0]])
    return right, up


def smoothed(images: tf.Tensor, deviation: float) -> tf.Tensor:
    """Blurs grey images ``[B, H, W]`` by a Gaussian of so many pixels; 0 leaves them as they are."""
    if not deviation:
        return images
    reach = max(1, round(3 * deviation))
    kernel = tf.exp(-0.5 * (tf.range(-reach, reach + 1, dtype=images.dtype) / deviation) ** 2)
    kernel /= tf.reduce_sum(kernel)
    padded = tf.pad(images, [[0, 0], [reach, reach], [reach, reach]], "SYMMETRIC")[..., None]
    down = tf.nn.conv2d(padded, kernel[:, None, None, None], 1, "VALID")
    return tf.nn.conv2d(down, kernel[None, :, None, None], 1, "VALID")[..., 0]


def by_orientation(right: tf.Tensor, up: tf.Tensor, bins: int, turn: float) -> tf.Tensor:
    """Shares out gradients among the two orientations next to theirs.

    Args:
        right: ``[B, H, W]``.
        up: ``[B, H, W]``.
        bins: orientations.
        turn: the angle that they divide, in radians: a full turn, or half of one where signs do not count.

    Returns:
        The length of the gradient in each bin, ``[B, H, W, bins]``; the first bin is to the right.
    """
    length = tf.sqrt(right**2 + up**2)
    place = tf.atan2(up, right) * (bins / turn)
    distance = (
        tf.math.floormod(place[..., None] - tf.range(bins, dtype=place.dtype) + bins / 2, bins) - bins / 2
    )
    return length[..., None] * tf.nn.relu(1.0 - tf.abs(distance))


def pooled(maps: tf.Tensor, cell: int) -> tf.Tensor:
    """Sums maps ``[B, H, W, C]`` with the weights of bilinear interpolation between cells: a tent of two cells."""
    for window in ((cell, 1), (1, cell)) * 2:
        maps = tf.nn.avg_pool2d(maps, window, 1, "SAME")
    return maps


def odd(cell: int) -> int:
    """Returns a cell's side, which must have a middle pixel.

    Raises:
        ValueError: for an even number, or one below 1.
    """
    check(cell >= 1 and cell % 2 == 1, f"cell={cell}; expected an odd number of pixels.")
    return cell
