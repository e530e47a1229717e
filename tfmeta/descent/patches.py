"""Raw pixels around landmarks."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.descent.descriptor import Descriptor, flat, normalised
from tfmeta.descent.poses import Poses
from tfmeta.descent.sampling import around, grid

__all__ = ["Patches"]


@keras.saving.register_keras_serializable("tfmeta")
class Patches(Descriptor):
    """The pixels around each landmark, with mean 0 and length 1.

    Args:
        landmarks: L.
        components: principal components that are kept; all pixels where 0.
        side: pixels in a row that are read.
        distance: between two of them, in pixels of the image.
        posed: as of `Descriptor`; upright unless set.

    Example:
        >>> patches = Patches(landmarks=5, side=8)
        >>> patches(tf.fill([2, 3, 10], 20.0), tf.random.stateless_uniform([2, 40, 40], [0, 1])).shape
        TensorShape([2, 3, 320])
    """

    def __init__(
        self,
        landmarks: int,
        components: int = 0,
        side: int = 12,
        distance: float = 1.5,
        posed: bool = False,
        **kwargs: Any,
    ):
        check(side >= 2, f"side={side}; expected at least 2.")
        super().__init__(landmarks, side * side, components, posed, **kwargs)
        self.side, self.distance = side, distance

    def describe(self, shapes: tf.Tensor, prepared: tf.Tensor, poses: Poses | None) -> tf.Tensor:
        rows = flat(around(prepared[..., None], shapes, grid(self.side, self.distance), poses))
        return normalised(rows - tf.reduce_mean(rows, axis=-1, keepdims=True))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "side": self.side, "distance": self.distance}
