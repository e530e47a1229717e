"""Values of maps between their pixels."""

import tensorflow as tf

__all__ = ["bilinear", "grid"]


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
    height, width = shape[1], shape[2]
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
