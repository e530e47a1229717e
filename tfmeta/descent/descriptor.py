"""What descriptors of the image around landmarks have in common."""

from abc import abstractmethod
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.descent.feature import Feature

__all__ = ["Descriptor", "normalised"]


class Descriptor(Feature):
    """Describes an image around each landmark; the descriptors of all landmarks together are φ.

    The instance is a grey image ``[B, H, W]``, 0 to 1, and a point is L landmarks, as x and y in pixels. A subclass
    says how long a descriptor is, and defines `prepare` and `describe`.

    Args:
        landmarks: L.
        length: numbers of a descriptor.
        components: principal components of the descriptors that are kept, d; all where 0. They are the same for all
            landmarks, and must be fitted by `adapt` before.

    Raises:
        ValueError: where there are more components than a descriptor has numbers.

    Reference:
        Xiong & De la Torre. "Supervised Descent Method and its Applications to Face Alignment." CVPR 2013.
    """

    def __init__(self, landmarks: int, length: int, components: int = 0, **kwargs: Any):
        check(
            0 <= components <= length,
            f"components={components}; expected 0 for all, or at most {length}, the length of a descriptor.",
        )
        super().__init__(width=landmarks * (components or length), **kwargs)
        self.landmarks, self.length, self.components = landmarks, length, components
        if components:
            self._projection = self.add_weight(
                shape=(length, components), trainable=False, initializer="zeros", name="projection"
            )

    @abstractmethod
    def describe(self, points: tf.Tensor, prepared: Any) -> tf.Tensor:
        """Describes images around points.

        Args:
            points: ``[B, N, 2]``, x and y in pixels; (0, 0) is the centre of the first pixel.
            prepared: what `prepare` returned for the images.

        Returns:
            ``[B, N, length]``.
        """

    def features(self, points: tf.Tensor, prepared: Any) -> tf.Tensor:
        shape = tf.shape(points)
        found = self.describe(tf.reshape(points, [shape[0], -1, 2]), prepared)  # [B, M * L, length]
        if self.components:
            found = found @ self._projection
        return tf.reshape(found, [shape[0], shape[1], self.width])

    def adapt(self, points: tf.Tensor, images: tf.Tensor) -> None:
        """Fits the principal components to descriptors of training images.

        They are not centred, since the regression has a bias.

        Args:
            points: ``[B, M, 2 L]``.
            images: ``[B, H, W]``, 0 to 1.
        """
        if not self.components:
            return
        shape = tf.shape(points)
        found = self.describe(tf.reshape(points, [shape[0], -1, 2]), self.prepare(images))
        rows = tf.reshape(found, [-1, self.length])
        vectors = np.linalg.eigh(np.cov(rows.numpy().astype(np.float64), rowvar=False))[1]  # ascending
        self._projection.assign(vectors[:, ::-1][:, : self.components])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "landmarks": self.landmarks, "components": self.components}


def normalised(rows: tf.Tensor) -> tf.Tensor:
    """Divides rows by their length; rows of nothing stay so."""
    return rows / (tf.norm(rows, axis=-1, keepdims=True) + keras.backend.epsilon())
