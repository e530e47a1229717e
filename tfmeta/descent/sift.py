"""SIFT descriptors around landmarks, as TensorFlow operations."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.descent.descriptor import Descriptor, cut, flat
from tfmeta.descent.gradients import by_orientation, gradients, odd, pooled, smoothed, turned
from tfmeta.descent.poses import Poses
from tfmeta.descent.sampling import around, grid

__all__ = ["SIFT"]

CELLS, ORIENTATIONS = 4, 8
_TURN = 2 * math.pi
LARGEST = 0.2
"""Longer entries of a descriptor of length 1 are cut: strong edges must not outweigh all others."""


@keras.saving.register_keras_serializable("tfmeta")
class SIFT(Descriptor):
    """Histograms of gradients in 4 × 4 cells with 8 orientations, at a fixed scale: 128 numbers.

    The gradients of an image are shared out among orientations and cells once, for all points and stages. A descriptor
    is then read at 16 places. (Lowe weights each pixel of a patch by a Gaussian around the landmark. Here each cell is
    weighted as a whole, which differs little.)

    Args:
        landmarks: L.
        components: principal components that are kept; all 128 where 0.
        cell: the side of a cell in pixels, an odd number.
        blur: standard deviation of a Gaussian that smooths the image first, in pixels; 0 for none.
        posed: as of `Descriptor`; upright unless set.

    Example:
        >>> sift = SIFT(landmarks=5)
        >>> sift(tf.fill([2, 3, 10], 20.0), sift.prepare(tf.random.stateless_uniform([2, 40, 40], [0, 1]))).shape
        TensorShape([2, 3, 640])

    Reference:
        Lowe. "Distinctive image features from scale-invariant keypoints." IJCV 2004, section 6.
    """

    def __init__(
        self,
        landmarks: int,
        components: int = 0,
        cell: int = 5,
        blur: float = 0.0,
        posed: bool = False,
        **kwargs: Any,
    ):
        super().__init__(landmarks, CELLS * CELLS * ORIENTATIONS, components, posed, **kwargs)
        self.cell, self.blur = odd(cell), blur

    def prepare(self, instance: tf.Tensor) -> tf.Tensor:
        right, up = gradients(smoothed(instance, self.blur))
        return pooled(by_orientation(right, up, ORIENTATIONS, _TURN), self.cell)  # [B, H, W, 8]

    def describe(self, shapes: tf.Tensor, prepared: tf.Tensor, poses: Poses | None) -> tf.Tensor:
        offsets = grid(CELLS, self.cell)  # [16, 2]
        weights = np.exp(-np.sum(offsets**2, axis=1) / (2 * (self.cell * CELLS / 2) ** 2))
        cells = around(prepared, shapes, offsets, poses)  # [B, M, L, 16, 8]
        if poses is not None:
            cells = turned(cells, poses.angle, _TURN)
        rows = flat(cells) * np.repeat(weights, ORIENTATIONS)
        return cut(rows, LARGEST)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cell": self.cell, "blur": self.blur}
