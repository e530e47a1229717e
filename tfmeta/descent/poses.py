"""How shapes are turned, and how large they are, beside a reference: the frame in which a shape moves."""

from typing import NamedTuple

import tensorflow as tf

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


def poses_of(shapes: tf.Tensor, reference: tf.Tensor) -> Poses:
    """Finds the similarity that takes a reference nearest to each shape, by least squares.

    A reference without extent has no pose: the rotation is then none, and the scale 1.

    Args:
        shapes: x and y of L landmarks, ``[..., L, 2]``.
        reference: ``[L, 2]``.

    Returns:
        The poses of the shapes.

    Example:
        >>> square = tf.constant([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        >>> on_its_corner = tf.constant([[0.0, 0.0], [2.0, 2.0], [0.0, 4.0], [-2.0, 2.0]])
        >>> poses = poses_of(on_its_corner, square)
        >>> round(float(poses.scale), 3), round(float(poses.angle), 3)
        (2.828, -0.785)

    Reference:
        Umeyama. "Least-squares estimation of transformation parameters between two point patterns." PAMI 1991.
    """
    x, y = tf.unstack(reference - tf.reduce_mean(reference, axis=0), axis=1)  # [L]
    rows = tf.stack([tf.stack([x, y, -y, x], axis=1), tf.stack([y, -x, x, y], axis=1)], axis=1)  # [L, 2, 4]
    extent = tf.reduce_sum(x**2 + y**2)
    shape = tf.shape(shapes)
    flat = tf.reshape(shapes, tf.concat([shape[:-2], [2 * reference.shape[0]]], axis=0))
    found = tf.linalg.matmul(flat[..., None, :], tf.reshape(rows, [-1, 4]))[..., 0, :]
    matrices = tf.reshape(tf.math.divide_no_nan(found, extent), tf.concat([shape[:-2], [2, 2]], axis=0))
    scale = tf.sqrt(tf.reduce_sum(matrices**2, axis=[-2, -1]) / 2.0)
    none = (scale < 1e-6)[..., None, None]
    rotation = tf.where(none, tf.eye(2), tf.math.divide_no_nan(matrices, scale[..., None, None]))
    return Poses(rotation, tf.where(scale < 1e-6, 1.0, scale))
