"""What descriptors of the image around landmarks have in common."""

from abc import abstractmethod
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.descent.feature import Feature
from tfmeta.descent.leading import leading_of
from tfmeta.descent.poses import Poses, poses_of

__all__ = ["Descriptor", "cut", "flat", "normalised"]

SHAPE = 3.0
"""How much the place of a landmark in its shape weighs, in radii of the shape, beside a descriptor of length 1."""


class Descriptor(Feature):
    """Describes an image around each landmark; the descriptors of all landmarks together are φ.

    The instance is a grey image ``[B, H, W]``, 0 to 1, and a point is L landmarks, as x and y in pixels. A subclass
    says how long a descriptor is, and defines `prepare` and `describe`.

    Indexed by the pose, descriptors turn with the shape that the landmarks make, so that a face looks the same however
    it is turned. The shape itself is then a part of φ, too: where each landmark is in it, after the similarity to the
    reference was taken off. So a regression learns which shapes are likely.

    Args:
        landmarks: L.
        length: numbers of a descriptor.
        components: principal components of the descriptors that are kept, d; all where 0. They are the same for all
            landmarks, and must be fitted by `adapt` before.
        posed: indexed by the pose, whose reference must be fitted by `adapt` before.

    Raises:
        ValueError: where there are more components than a descriptor has numbers.

    Reference:
        Xiong & De la Torre. "Supervised Descent Method and its Applications to Face Alignment." CVPR 2013.
        Dollár, Welinder, Perona. "Cascaded pose regression." CVPR 2010, for features that are indexed by the pose.
    """

    def __init__(self, landmarks: int, length: int, components: int = 0, posed: bool = False, **kwargs: Any):
        check(
            0 <= components <= length,
            f"components={components}; expected 0 for all, or at most {length}, the length of a descriptor.",
        )
        width = landmarks * (components or length) + (2 * landmarks if posed else 0)
        super().__init__(width, **kwargs)
        self.landmarks, self.length, self.components, self.posed = landmarks, length, components, posed
        if posed:
            self._reference = self.add_weight(
                shape=(landmarks, 2), trainable=False, initializer="zeros", name="reference"
            )
        if components:
            self._projection = self.add_weight(
                shape=(length, components), trainable=False, initializer="zeros", name="projection"
            )

    @abstractmethod
    def describe(self, shapes: tf.Tensor, prepared: Any, poses: Poses | None) -> tf.Tensor:
        """Describes images around landmarks.

        Args:
            shapes: ``[B, M, L, 2]``, x and y in pixels; (0, 0) is the centre of the first pixel.
            prepared: what `prepare` returned for the images.
            poses: how the descriptors of a shape are turned, ``[B, M]``; None for upright ones.

        Returns:
            ``[B, M, L, length]``.
        """

    def features(self, points: tf.Tensor, prepared: Any) -> tf.Tensor:
        shapes, poses = self.shapes(points), self.poses(points) if self.posed else None
        found = tf.reshape(self.describe(shapes, prepared, poses), [-1, self.length])
        if self.components:
            found = found @ self._projection
        leading = leading_of(points, 1)
        found = tf.reshape(found, [*leading, self.landmarks * (self.components or self.length)])
        if poses is None:
            return found
        centred = shapes - tf.reduce_mean(shapes, axis=2, keepdims=True)
        reference = self._fitted()
        radius = float(np.sqrt(np.mean(np.sum(reference**2, axis=1)))) or 1.0
        off = poses.undo(centred) - reference
        return tf.concat([found, SHAPE / radius * tf.reshape(off, [*leading, 2 * self.landmarks])], axis=2)

    def poses(self, points: tf.Tensor) -> Poses:
        """Returns how the shapes ``[B, M, 2 L]`` lie beside the reference."""
        return poses_of(self.shapes(points), self._fitted())

    def _fitted(self) -> np.ndarray:
        """The reference as it is now: a constant of a function that is traced, which `adapt` must precede."""
        with tf.init_scope():
            return self._reference.numpy()

    def shapes(self, points: tf.Tensor) -> tf.Tensor:
        """Returns points ``[B, M, 2 L]`` as landmarks, ``[B, M, L, 2]``."""
        return tf.reshape(points, [*leading_of(points, 1), self.landmarks, 2])

    def adapt(self, points: tf.Tensor, images: tf.Tensor) -> None:
        """Fits the reference, which is the mean of the points, and the principal components of the descriptors.

        The components are not centred, since the regression has a bias.

        Args:
            points: ``[B, M, 2 L]``.
            images: ``[B, H, W]``, 0 to 1.
        """
        shapes = self.shapes(points)
        if self.posed:
            mean = tf.reduce_mean(shapes, axis=[0, 1])
            self._reference.assign(mean - tf.reduce_mean(mean, axis=0))
        if not self.components:
            return
        poses = self.poses(points) if self.posed else None
        rows = tf.reshape(self.describe(shapes, self.prepare(images), poses), [-1, self.length])
        vectors = np.linalg.eigh(np.cov(rows.numpy().astype(np.float64), rowvar=False))[1]  # ascending
        self._projection.assign(vectors[:, ::-1][:, : self.components])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "landmarks": self.landmarks,
            "components": self.components,
            "posed": self.posed,
        }


def normalised(rows: tf.Tensor) -> tf.Tensor:
    """Divides rows by their length; rows of nothing stay so."""
    return rows / (_lengths(rows) + keras.backend.epsilon())


def cut(rows: tf.Tensor, largest: float) -> tf.Tensor:
    """Cuts entries above `largest` in rows of length 1, and makes the length 1 again; rows of nothing stay so.

    Args:
        rows: of any length, ``[..., N]``. They are not divided before, which would be one pass more.
        largest: the largest entry, in parts of the row's length.
    """
    rows = tf.minimum(rows, largest * _lengths(rows))
    return tf.math.divide_no_nan(rows, _lengths(rows))


def _lengths(rows: tf.Tensor) -> tf.Tensor:
    return tf.math.reduce_euclidean_norm(rows, axis=-1, keepdims=True)


def flat(cells: tf.Tensor) -> tf.Tensor:
    """Makes one row ``[B, M, L, G * C]`` of the cells of each landmark, ``[B, M, L, G, C]``."""
    return tf.reshape(cells, [*leading_of(cells, 2), cells.shape[3] * cells.shape[4]])
