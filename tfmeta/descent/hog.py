"""Histograms of oriented gradients around landmarks, as TensorFlow operations."""

import math
from typing import Any

import keras
import tensorflow as tf

from tfmeta.descent.descriptor import Descriptor, cut, flat
from tfmeta.descent.gradients import by_orientation, gradients, odd, pooled, turned
from tfmeta.descent.leading import leading_of
from tfmeta.descent.poses import Poses
from tfmeta.descent.sampling import around, grid

__all__ = ["HOG"]

CELLS, ORIENTATIONS, LARGEST = 4, 9, 0.2
_TURN = math.pi
_BLOCKS = [
    [CELLS * (i + down) + j + right for down in (0, 1) for right in (0, 1)]
    for i in range(CELLS - 1)
    for j in range(CELLS - 1)
]
"""The four cells of each block."""


@keras.saving.register_keras_serializable("tfmeta")
class HOG(Descriptor):
    """Histograms of gradients in 4 × 4 cells with 9 orientations, whose sign does not count.

    Each block of 2 × 2 cells is normalised on its own, so that a descriptor has 9 × 36 = 324 numbers.

    Args:
        landmarks: L.
        components: principal components that are kept; all 324 where 0.
        cell: the side of a cell in pixels, an odd number.
        posed: as of `Descriptor`; upright unless set.

    Example:
        >>> hog = HOG(landmarks=5, cell=5)
        >>> hog(tf.fill([2, 3, 10], 20.0), hog.prepare(tf.random.stateless_uniform([2, 40, 40], [0, 1]))).shape
        TensorShape([2, 3, 1620])

    Reference:
        Dalal & Triggs. "Histograms of oriented gradients for human detection." CVPR 2005.
    """

    def __init__(
        self, landmarks: int, components: int = 0, cell: int = 5, posed: bool = False, **kwargs: Any
    ):
        super().__init__(landmarks, len(_BLOCKS) * 4 * ORIENTATIONS, components, posed, **kwargs)
        self.cell = odd(cell)

    def prepare(self, instance: tf.Tensor) -> tf.Tensor:
        return pooled(by_orientation(*gradients(instance), ORIENTATIONS, _TURN), self.cell)  # [B, H, W, 9]

    def describe(self, shapes: tf.Tensor, prepared: tf.Tensor, poses: Poses | None) -> tf.Tensor:
        cells = around(prepared, shapes, grid(CELLS, self.cell), poses)  # [B, M, L, 16, 9]
        if poses is not None:
            cells = turned(cells, poses.angle, _TURN)
        blocks = tf.gather(cells, _BLOCKS, axis=3)  # [B, M, L, 9, 4, 9]
        blocks = tf.reshape(blocks, [*leading_of(blocks, 2), 4 * ORIENTATIONS])
        return flat(cut(blocks, LARGEST))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cell": self.cell}
