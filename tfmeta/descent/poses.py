"""How shapes are turned, and how large they are, beside a reference: the frame in which a shape moves."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.descent.leading import leading_of

__all__ = ["Poses", "poses_of"]


class Poses(NamedTuple):
    """Similarities that take a reference to shapes, without the place.

    Attributes:
        rotation: ``[..., 2, 2]``.
        scale: ``[...]``.
    """

    rotation: tf.Tensor
    scale: tf.Tensor

    def turn(self, vectors: tf.Tensor) -> tf.Tensor:
        """Turns vectors ``[..., N, 2]`` from the frame of the reference as the shapes are turned."""
        return tf.matmul(vectors, self.rotation, transpose_b=True)

    def turn_back(self, vectors: tf.Tensor) -> tf.Tensor:
        """Turns vectors ``[..., N, 2]`` into the frame of the reference."""
        return tf.matmul(vectors, self.rotation)

    @property
    def angle(self) -> tf.Tensor:
        """How far shapes are turned, counted from the right upwards where y points down, in radians, ``[...]``."""
        return tf.atan2(-self.rotation[..., 1, 0], self.rotation[..., 0, 0])


def poses_of(shapes: tf.Tensor, reference: np.ndarray) -> Poses:
    """Finds the similarity that takes a reference nearest to each shape, by least squares.

    A reference without extent gives no pose: the rotation is then none, and the scale 1.

    Args:
        shapes: x and y of L landmarks, ``[..., L, 2]``.
        reference: ``[L, 2]``, an array, so that what depends on it alone is a constant of a graph.

    Returns:
        The poses of the shapes.

    Example:
        >>> square = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])
        >>> on_its_corner = tf.constant([[0.0, 0.0], [2.0, 2.0], [0.0, 4.0], [-2.0, 2.0]])
        >>> poses = poses_of(on_its_corner, square)
        >>> round(float(poses.scale), 3), round(float(poses.angle), 3)
        (2.828, -0.785)

    Reference:
        Umeyama. "Least-squares estimation of transformation parameters between two point patterns." PAMI 1991.
    """
    leading = leading_of(shapes, 2)
    x, y = (reference - reference.mean(axis=0)).T  # [L]
    extent = np.sum(x**2 + y**2)
    if extent <= 0:
        none = tf.shape(shapes)[:-2]
        return Poses(tf.eye(2, batch_shape=none), tf.ones(none))
    columns = np.stack(
        [np.stack([x, y, -y, x], axis=1), np.stack([y, -x, x, y], axis=1)], axis=1
    )  # [L, 2, 4]
    rows = tf.reshape(shapes, [-1, 2 * len(x)])
    matrices = tf.matmul(rows, (columns / extent).reshape(-1, 4).astype(np.float32))  # scale times rotation
    scale = tf.sqrt(tf.reduce_sum(matrices**2, axis=1, keepdims=True) / 2.0)
    rotation = tf.math.divide_no_nan(matrices, scale)
    return Poses(tf.reshape(rotation, [*leading, 2, 2]), tf.reshape(scale, leading))
