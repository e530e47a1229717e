"""Gradients of images, by orientation and by cell: what SIFT and HOG are made of."""

import math

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.descent.leading import leading_of
from tfmeta.descent.poses import as_vectors
from tfmeta.descent.products import products

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
    return _shared(tf.sqrt(right**2 + up**2), tf.atan2(up, right), bins, turn)


def turned(histograms: tf.Tensor, angle: tf.Tensor, turn: float) -> tf.Tensor:
    """Turns histograms of orientations into a frame that is itself turned.

    Args:
        histograms: as of `by_orientation`, ``[B, M, ..., bins]``.
        angle: of the frame, from the right upwards, in radians, -π to π, ``[B, M]``.
        turn: as of `by_orientation`.

    Returns:
        ``[B, M, ..., bins]``; the first bin is to the right in the frame.
    """
    bins = histograms.shape[-1]
    one = tf.reshape(_shared(tf.ones_like(angle), angle, bins, turn), [-1, bins])
    rolled = np.stack([np.roll(np.eye(bins, dtype=np.float32), k, axis=0) for k in range(bins)])
    matrices = tf.reshape(tf.matmul(one, rolled.reshape(bins, -1)), [-1, bins, bins])
    rows = tf.reshape(histograms, [-1, math.prod(histograms.shape[2:-1]), bins])
    return tf.reshape(products(rows, matrices), [*leading_of(histograms, 1), bins])


def _shared(lengths: tf.Tensor, angles: tf.Tensor, bins: int, turn: float) -> tf.Tensor:
    """Shares out lengths ``[...]`` at angles ``[...]``, -π to π, among bins, ``[..., bins]``.

    The share of a bin falls linearly to its neighbours: a tent, which is a sum of three hinges ``max(0, x - knot)``. So
    two matrix products share out everything.
    """
    reach = math.ceil(math.pi * bins / turn - 1e-6)  # from -π to π there are twice as many bins, or nearly
    knots = np.arange(-reach - 1, reach, dtype=np.float32)
    hinges = np.stack([np.ones_like(knots), -knots])
    tents = np.zeros([len(knots) + 2, bins], np.float32)
    for middle in range(2 * reach + 1):
        tents[middle : middle + 3, (middle - reach) % bins] += 1, -2, 1
    # `tf.stack` and `tf.nn.relu` would take several times as long.
    pairs = as_vectors(tf.complex(lengths * angles * (bins / turn), lengths))
    found = tf.matmul(tf.maximum(tf.matmul(tf.reshape(pairs, [-1, 2]), hinges), 0.0), tents[: len(knots)])
    return tf.reshape(found, [*leading_of(lengths, 0), bins])


def pooled(maps: tf.Tensor, cell: int) -> tf.Tensor:
    """Averages maps ``[B, H, W, C]`` with the weights of bilinear interpolation between cells: a tent of two cells.

    Outside of a map is nothing.
    """
    tent = (cell - np.abs(np.arange(1 - cell, cell, dtype=np.float32))) / cell**2
    kernel = np.tile(tent[:, None, None, None], [1, 1, maps.shape[-1], 1])
    down = tf.nn.depthwise_conv2d(maps, kernel, [1, 1, 1, 1], "SAME")
    return tf.nn.depthwise_conv2d(down, kernel.transpose(1, 0, 2, 3), [1, 1, 1, 1], "SAME")


def odd(cell: int) -> int:
    """Returns a cell's side, which must have a middle pixel.

    Raises:
        ValueError: for an even number, or one below 1.
    """
    check(cell >= 1 and cell % 2 == 1, f"cell={cell}; expected an odd number of pixels.")
    return cell
