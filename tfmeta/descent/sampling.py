"""Values of maps between their pixels."""

import numpy as np
import tensorflow as tf

from tfmeta.descent.leading import leading_of
from tfmeta.descent.poses import Poses, as_complex, as_vectors

__all__ = ["around", "bilinear", "grid"]


def bilinear(maps: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Reads maps between their pixels; outside, the nearest edge counts.

    Args:
        maps: ``[B, H, W, C]``, at least two pixels wide and high.
        points: N places of each map, as x and y in pixels: (0, 0) is the centre of the first one. ``[B, N, 2]``.

    Returns:
        ``[B, N, C]``.

    Example:
        >>> bilinear(tf.constant([[[[0.0], [1.0]], [[2.0], [3.0]]]]), tf.constant([[[0.5, 0.0]]])).numpy().item()
        0.5
    """
    shape = tf.shape(maps)
    height, width = maps.shape[1] or shape[1], maps.shape[2] or shape[2]
    square = maps.shape[1] is not None and maps.shape[1] == maps.shape[2]
    last = tf.cast(height if square else tf.stack([width, height]), points.dtype) - 1.0  # a number is faster
    places = tf.clip_by_value(points, 0.0, last)
    corner = tf.minimum(tf.floor(places), last - 1.0)
    x, y = tf.split(places - corner, 2, axis=-1)  # [B, N, 1]
    whole = tf.cast(corner, tf.int32)
    first = (tf.range(shape[0])[:, None] * height + whole[..., 1]) * width + whole[..., 0]
    pixels = tf.reshape(maps, [-1, maps.shape[-1]])
    upper, lower = (
        _between(tf.gather(pixels, left), tf.gather(pixels, left + 1), x) for left in (first, first + width)
    )
    return _between(upper, lower, y)


def _between(one: tf.Tensor, other: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    return one + share * (other - one)


def grid(count: int, distance: float) -> np.ndarray:
    """Lays out a square grid around the origin.

    Args:
        count: places in a row, G.
        distance: between two of them.

    Returns:
        x and y of each place, row by row, ``[G * G, 2]``.

    Example:
        >>> grid(2, 4.0).tolist()
        [[-2.0, -2.0], [2.0, -2.0], [-2.0, 2.0], [2.0, 2.0]]
    """
    line = (np.arange(count, dtype=np.float32) - (count - 1) / 2) * distance
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype(np.float32)


def around(maps: tf.Tensor, shapes: tf.Tensor, offsets: np.ndarray, poses: Poses | None) -> tf.Tensor:
    """Reads maps at the same places around each landmark.

    Args:
        maps: as of `bilinear`, ``[B, H, W, C]``.
        shapes: ``[B, M, L, 2]``.
        offsets: ``[G, 2]``.
        poses: how the offsets of a shape are turned, ``[B, M]``; None for not at all.

    Returns:
        ``[B, M, L, G, C]``.

    Example:
        >>> maps = tf.random.stateless_uniform([2, 9, 9, 3], [0, 1])
        >>> around(maps, tf.fill([2, 1, 5, 2], 4.0), grid(4, 1.5), None).shape
        TensorShape([2, 1, 5, 16, 3])
    """
    leading = leading_of(shapes, 1)
    turned = as_complex(offsets)  # [G]
    if poses is not None:
        turned *= poses.rotation[..., None, None]  # [B, M, 1, G]
    places = as_vectors(as_complex(shapes)[..., None] + turned)
    many = places.shape[1:4].num_elements()  # None where M is unknown
    rows = [-1, many, 2] if many else [tf.shape(places)[0], -1, 2]
    found = bilinear(maps, tf.reshape(places, rows))
    return tf.reshape(found, [*leading, len(offsets), maps.shape[-1]])
