"""Histograms of oriented gradients around landmarks, as TensorFlow operations."""

import math
from typing import Any

import keras
import tensorflow as tf

from tfmeta.descent.descriptor import Descriptor, normalised
from tfmeta.descent.gradients import by_orientation, gradients, odd, pooled
from tfmeta.descent.sampling import bilinear, grid

__all__ = ["HOG"]

CELLS, ORIENTATIONS, LARGEST = 4, 9, 0.2
_BLOCKS = [(i, j) for i in range(CELLS - 1) for j in range(CELLS - 1)]


@keras.saving.register_keras_serializable("tfmeta")
class HOG(Descriptor):
    """Histograms of gradients in 4 × 4 cells with 9 orientations, whose sign does not count.

    Each block of 2 × 2 cells is normalised on its own, so that a descriptor has 9 × 36 = 324 numbers.

    Args:
        landmarks: L.
        components: principal components that are kept; all 324 where 0.
        cell: the side of a cell in pixels, an odd number.

    Example:
        >>> hog = HOG(landmarks=5, cell=5)
        >>> hog(tf.fill([2, 3, 10], 20.0), hog.prepare(tf.random.stateless_uniform([2, 40, 40], [0, 1]))).shape
        TensorShape([2, 3, 1620])

    Reference:
        Dalal & Triggs. "Histograms of oriented gradients for human detection." CVPR 2005.
    """

    def __init__(self, landmarks: int, components: int = 0, cell: int = 5, **kwargs: Any):
        super().__init__(landmarks, len(_BLOCKS) * 4 * ORIENTATIONS, components, **kwargs)
        self.cell = odd(cell)

    def prepare(self, instance: tf.Tensor) -> tf.Tensor:
        return pooled(by_orientation(*gradients(instance), ORIENTATIONS, math.pi), self.cell)  # [B, H, W, 9]

    def describe(self, points: tf.Tensor, prepared: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(points)
        places = tf.reshape(points[:, :, None] + grid(CELLS, self.cell), [shape[0], -1, 2])
        cells = tf.reshape(bilinear(prepared, places), [shape[0], shape[1], CELLS, CELLS, ORIENTATIONS])
        blocks = tf.stack(
            [
                tf.reshape(cells[:, :, i : i + 2, j : j + 2], [shape[0], shape[1], 4 * ORIENTATIONS])
                for i, j in _BLOCKS
            ],
            axis=2,
        )  # [B, N, 9, 36]
        blocks = normalised(tf.minimum(normalised(blocks), LARGEST))
        return tf.reshape(blocks, [shape[0], shape[1], self.length])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cell": self.cell}
