"""How shapes are turned, and how large they are, beside a reference: the frame in which a shape moves."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.descent.leading import leading_of

__all__ = ["Poses", "as_complex", "as_vectors", "poses_of"]


def as_complex(vectors: tf.Tensor) -> tf.Tensor:
    """Returns float32 vectors ``[..., 2]`` as complex numbers ``[...]``, x + iy.

    A product turns and scales then, in one operation. Small matrix products take several times as long.
    """
    return tf.bitcast(vectors, tf.complex64)


def as_vectors(numbers: tf.Tensor) -> tf.Tensor:
    """Returns complex numbers ``[...]`` as vectors ``[..., 2]``."""
    return tf.bitcast(numbers, tf.float32)


class Poses(NamedTuple):
    """Similarities that take a reference to shapes, without the place.

    Attributes:
        similarity: scale times rotation, as a complex number: where (1, 0) is taken. ``[...]``.
    """

    similarity: tf.Tensor

    @property
    def scale(self) -> tf.Tensor:
        """How many times as large as the reference shapes are, ``[...]``."""
        return tf.abs(self.similarity)

    @property
    def rotation(self) -> tf.Tensor:
        """How shapes are turned: a complex number of length 1, ``[...]``; 0 for a shape without extent."""
        return tf.sign(self.similarity)

    @property
    def angle(self) -> tf.Tensor:
        """How far shapes are turned, counted from the right upwards where y points down, in radians, ``[...]``."""
        return -tf.math.angle(self.similarity)

    def turn(self, vectors: tf.Tensor) -> tf.Tensor:
        """Turns vectors ``[..., N, 2]`` from the frame of the reference as the shapes are turned."""
        return as_vectors(as_complex(vectors) * self.rotation[..., None])

    def turn_back(self, vectors: tf.Tensor) -> tf.Tensor:
        """Turns vectors ``[..., N, 2]`` into the frame of the reference."""
        return as_vectors(as_complex(vectors) * tf.math.conj(self.rotation)[..., None])

    def undo(self, vectors: tf.Tensor) -> tf.Tensor:
        """Turns vectors ``[..., N, 2]`` into the frame of the reference, and scales them to its size."""
        return as_vectors(tf.math.divide_no_nan(as_complex(vectors), self.similarity[..., None]))


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
        return Poses(tf.ones(tf.shape(shapes)[:-2], tf.complex64))
    columns = np.stack([np.stack([x, -y], axis=1), np.stack([y, x], axis=1)], axis=1)  # [L, 2, 2]
    rows = tf.reshape(shapes, [-1, 2 * len(x)])
    found = tf.matmul(rows, (columns / extent).reshape(-1, 2).astype(np.float32))
    return Poses(tf.reshape(as_complex(found), leading))
