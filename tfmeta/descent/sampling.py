"""Values of maps between their pixels."""

import tensorflow as tf

from tfmeta.descent.leading import leading_of
from tfmeta.descent.poses import Poses

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
    size = tf.cast(tf.stack([width, height]), points.dtype)
    places = tf.clip_by_value(points, 0.0, size - 1.0)
    corner = tf.minimum(tf.floor(places), size - 2.0)
    x, y = tf.split(places - corner, 2, axis=-1)  # [B, N, 1]
    whole = tf.cast(corner, tf.int32)
    first = (tf.range(shape[0])[:, None] * height + whole[..., 1]) * width + whole[..., 0]
    pixels = tf.reshape(maps, [-1, maps.shape[-1]])
    upper = (1.0 - x) * tf.gather(pixels, first) + x * tf.gather(pixels, first + 1)
    lower = (1.0 - x) * tf.gather(pixels, first + width) + x * tf.gather(pixels, first + width + 1)
    return (1.0 - y) * upper + y * lower


def grid(count: int, distance: float) -> tf.Tensor:
    """Lays out a square grid around the origin.

    Args:
        count: places in a row, G.
        distance: between two of them.

    Returns:
        x and y of each place, row by row, ``[G * G, 2]``.

    Example:
        >>> grid(2, 4.0).numpy().tolist()
        [[-2.0, -2.0], [2.0, -2.0], [-2.0, 2.0], [2.0, 2.0]]
    """
    line = (tf.range(count, dtype=tf.float32) - (count - 1) / 2) * distance
    x, y = tf.meshgrid(line, line)
    return tf.stack([tf.reshape(x, [-1]), tf.reshape(y, [-1])], axis=1)


def around(maps: tf.Tensor, shapes: tf.Tensor, offsets: tf.Tensor, poses: Poses | None) -> tf.Tensor:
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
    if poses is not None:
        offsets = poses.turn(offsets)[:, :, None]  # [B, M, 1, G, 2]
    places = shapes[:, :, :, None] + offsets
    many = places.shape[1:4].num_elements()  # None where M is unknown
    rows = [-1, many, 2] if many else [tf.shape(places)[0], -1, 2]
    found = bilinear(maps, tf.reshape(places, rows))
    return tf.reshape(found, [*leading, offsets.shape[-2], maps.shape[-1]])
