"""Gradients of images, by orientation and by cell: what SIFT and HOG are made of."""

import math

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.descent.leading import leading_of

__all__ = ["by_orientation", "gradients", "odd", "pooled", "smoothed", "turned"]


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
    return length[..., None] * _shares(tf.atan2(up, right) * (bins / turn), bins)


def turned(histograms: tf.Tensor, angle: tf.Tensor, turn: float) -> tf.Tensor:
    """Turns histograms of orientations into a frame that is itself turned.

    Args:
        histograms: as of `by_orientation`, ``[B, M, ..., bins]``.
        angle: of the frame, from the right upwards, in radians, ``[B, M]``.
        turn: as of `by_orientation`.

    Returns:
        ``[B, M, ..., bins]``; the first bin is to the right in the frame.
    """
    bins = histograms.shape[-1]
    places = angle[..., None] * (bins / turn) + tf.range(bins, dtype=angle.dtype)
    shares = _shares(places, bins)
    rows = tf.reshape(histograms, [*leading_of(shares, 2), math.prod(histograms.shape[2:-1]), bins])
    return tf.reshape(tf.matmul(rows, shares, transpose_b=True), [*leading_of(histograms, 1), bins])


def _shares(places: tf.Tensor, bins: int) -> tf.Tensor:
    """How much of each place ``[...]`` on the circle of bins belongs to each bin, ``[..., bins]``."""
    distance = tf.abs(tf.math.floormod(places, bins)[..., None] - tf.range(bins, dtype=places.dtype))
    return tf.nn.relu(1.0 - tf.minimum(distance, bins - distance))


def pooled(maps: tf.Tensor, cell: int) -> tf.Tensor:
    """Averages maps ``[B, H, W, C]`` with the weights of bilinear interpolation between cells: a tent of two cells.

    Outside of a map is nothing.
    """
    tent = (cell - tf.abs(tf.range(1 - cell, cell, dtype=maps.dtype))) / cell**2
    kernel = tf.tile(tent[:, None, None, None], [1, 1, maps.shape[-1], 1])
    down = tf.nn.depthwise_conv2d(maps, kernel, [1, 1, 1, 1], "SAME")
    return tf.nn.depthwise_conv2d(down, tf.transpose(kernel, [1, 0, 2, 3]), [1, 1, 1, 1], "SAME")


def odd(cell: int) -> int:
    """Returns a cell's side, which must have a middle pixel.

    Raises:
        ValueError: for an even number, or one below 1.
    """
    check(cell >= 1 and cell % 2 == 1, f"cell={cell}; expected an odd number of pixels.")
    return cell
