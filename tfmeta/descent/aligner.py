"""Face alignment by supervised descent: from an image and a box to landmarks, and how sure they are."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.descent.crops import Frames, crop, frames_of
from tfmeta.descent.descriptor import Descriptor
from tfmeta.descent.hog import HOG
from tfmeta.descent.newton import newton
from tfmeta.descent.patches import Patches
from tfmeta.descent.sift import SIFT
from tfmeta.descent.supervised_descent import SupervisedDescent

__all__ = ["LandmarkAligner"]

_STARTS = (
    (0.0, 0.0, 0.0),
    (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0), (0.0, -1.0, 0.0),
    (0.0, 0.0, 1.0), (0.0, 0.0, -1.0),
)  # fmt: skip
"""Where tests begin: how far to the right, how far down, and how much larger, in units of `spread`."""

_CLOSE = 0.025
"""The largest error of a right landmark, in parts of the box's longer side: about 1/20 of the distance of the eyes."""

_CALIBRATION_STEPS = 20

_STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1000.0)
"""Regularisations to choose from: the first stages prefer weak ones, and the last ones strong ones."""


@keras.saving.register_keras_serializable("tfmeta")
class LandmarkAligner(SupervisedDescent):
    """Finds the landmarks of faces: a cascade of steps from the mean shape that looks at descriptors around landmarks.

    A face is cut out around its box and scaled to `side` pixels. The cascade works in the pixels of that crop, and
    starts from the mean shape of the training faces. Descriptors and steps turn with the face, as the shape that was
    found so far is turned beside the mean shape. In a test several cascades start around the mean shape. The median of
    their ends is the answer, and the distance between the ends gives the confidence.

    Before ``fit``, `adapt` learns the mean shape and the components of the descriptors; after it, `calibrate` learns
    what the distance of the ends means.

    Args:
        landmarks: L.
        stages: steps of the cascade.
        descriptor: ``"sift"``, ``"hog"`` or ``"patches"``.
        components: principal components of a descriptor that are kept; all where 0.
        side: pixels of the crop in a row.
        share: of the crop's side is the longer side of the box.
        cells: side of a descriptor's cells in pixels of the crop, odd, in the first stage and in the last.
        starts: where a cascade begins in a test, 1 to 7.
        spread: how far starts lie apart, in parts of the box.
        strengths: regularisations to choose from.
        folds: folds of the cross-validation.

    Input:
        ``{"instance": crops [B, S, S], "moves": as of `start`}``, and as target the landmarks in pixels of the crop,
        ``[B, 2 L]``; see `tfmeta.descent.alignment_examples`.

    Raises:
        ValueError: for settings out of range.

    Example:
        >>> aligner = LandmarkAligner(landmarks=5, stages=2)
        >>> landmarks, confidence = aligner.align(tf.zeros([1, 60, 50]), tf.constant([[10.0, 10.0, 30.0, 30.0]]))
        >>> landmarks.shape, confidence.shape
        (TensorShape([1, 5, 2]), TensorShape([1, 5]))

    Reference:
        Xiong & De la Torre. "Supervised Descent Method and its Applications to Face Alignment." CVPR 2013, section 4.
    """

    def __init__(
        self,
        landmarks: int,
        stages: int = 4,
        descriptor: Literal["sift", "hog", "patches"] = "sift",
        components: int = 32,
        side: int = 112,
        share: float = 0.55,
        cells: Sequence[int] = (5, 5),
        starts: int = 5,
        spread: float = 0.05,
        strengths: Sequence[float] = _STRENGTHS,
        folds: int = 3,
        **kwargs: Any,
    ):
        check(landmarks >= 1, f"landmarks={landmarks}; expected at least 1.")
        check(0 < share <= 1, f"share={share}; expected more than 0, and at most 1.")
        check(1 <= starts <= len(_STARTS), f"starts={starts}; expected 1 to {len(_STARTS)}.")
        first, last = cells
        made: dict[int, Descriptor] = {}
        features = []
        for stage in range(stages):  # cells stay odd on their way from the first size to the last
            cell = first + 2 * round((last - first) / 2 * stage / max(stages - 1, 1))
            made.setdefault(cell, _descriptor(descriptor, landmarks, components, cell))
            features.append(made[cell])
        super().__init__(features, 2 * landmarks, stages, strengths, folds, **kwargs)
        self._seen = features[0]  # which knows the poses of shapes, as all of them do
        self.landmarks, self.descriptor, self.components = landmarks, descriptor, components
        self.side, self.share, self.cells = side, share, (first, last)
        self.starts, self.spread = starts, spread
        self.mean = self.add_weight(
            shape=(landmarks, 2), trainable=False, initializer="zeros", name="mean_shape"
        )
        self._calibration = self.add_weight(
            shape=(2,), trainable=False, initializer="zeros", name="calibration"
        )

    # Before it learns

    def adapt(self, crops: tf.Tensor, shapes: tf.Tensor) -> None:
        """Learns the mean shape, and the components of the descriptors.

        Args:
            crops: of training faces, ``[B, S, S]``, 0 to 1.
            shapes: their landmarks in pixels of the crops, ``[B, L, 2]``.
        """
        self.mean.assign(tf.reduce_mean(shapes, axis=0))
        start = tf.broadcast_to(tf.reshape(self.mean, [1, 1, -1]), [len(shapes), 1, self.size])
        for feature in {id(each): each for each in self.features}.values():
            feature.adapt(start, crops)

    # What it has learned

    def moved(self, points: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        turned = self._seen.poses(points).turn(self._seen.shapes(steps))
        return points + tf.reshape(turned, tf.shape(points))

    def remaining(self, points: tf.Tensor, optimum: tf.Tensor) -> tf.Tensor:
        turned = self._seen.poses(points).turn_back(self._seen.shapes(optimum - points))
        return tf.reshape(turned, tf.shape(points))

    def start(self, inputs: Mapping[str, Any]) -> tf.Tensor:
        """Returns shapes around the mean, in pixels of the crop.

        Args:
            inputs: among others ``moves``: how far to the right, how far down, and how much larger each is than the
                mean, in units of `spread`, ``[B, 3]`` or ``[B, M, 3]``.

        Returns:
            ``[B, 2 L]`` or ``[B, M, 2 L]``.
        """
        moves = tf.convert_to_tensor(inputs["moves"])[..., None, :] * self.spread
        middle = tf.reduce_mean(self.mean, axis=0)
        shapes = (
            (self.mean - middle) * (1.0 + moves[..., 2:]) + middle + moves[..., :2] * self.share * self.side
        )
        return tf.reshape(shapes, tf.concat([tf.shape(inputs["moves"])[:-1], [self.size]], axis=0))

    def ends(self, images: tf.Tensor, boxes: tf.Tensor, sizes: tf.Tensor | None = None) -> list[tf.Tensor]:
        """Descends from all starts.

        Args:
            images: grey, ``[B, H, W]``, 0 to 1.
            boxes: left, top, width and height of the extent of the landmarks, more or less, in pixels, ``[B, 4]``.
            sizes: height and width of each image, where images were filled up to a common size, ``[B, 2]``.

        Returns:
            The landmarks at the start and after each stage, in pixels of the image, each ``[B, starts, L, 2]``.
        """
        frames = frames_of(boxes[:, None], self.side, self.share)
        return self.ends_in(crop(images, frames, sizes)[:, 0], frames)

    def ends_in(self, crops: tf.Tensor, frames: Frames) -> list[tf.Tensor]:
        """Descends from all starts in faces that were cut out.

        Args:
            crops: ``[B, S, S]``.
            frames: where they were cut out, one of each image.

        Returns:
            As `ends`.
        """
        count = tf.shape(crops)[0]
        moves = tf.broadcast_to(tf.constant(_STARTS[: self.starts]), [count, self.starts, 3])
        path = self.path({"moves": moves, "instance": crops})
        shape = [count, self.starts, self.landmarks, 2]
        return [frames.out_of(tf.reshape(points, shape)) for points in path]

    def align(
        self, images: tf.Tensor, boxes: tf.Tensor, sizes: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds landmarks.

        Args:
            images: grey, ``[B, H, W]``, 0 to 1.
            boxes: as of `ends`, ``[B, 4]``.
            sizes: as of `ends`, ``[B, 2]``.

        Returns:
            As `answer`: landmarks ``[B, L, 2]`` in pixels of the image, and confidence ``[B, L]``.
        """
        return self.answer(self.ends(images, boxes, sizes)[-1], boxes)

    def answer(self, ends: tf.Tensor, boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Makes one answer of where cascades ended.

        Args:
            ends: ``[B, starts, L, 2]``.
            boxes: ``[B, 4]``.

        Returns:
            x and y of each landmark in pixels, ``[B, L, 2]``, (0, 0) being the centre of the first pixel; and how
            likely each is within a fortieth of the box's longer side, ``[B, L]``; see `calibrate`.
        """
        return _median(ends), tf.sigmoid(self._log_odds(self._apart(ends, boxes)))

    def calibrate(self, ends: tf.Tensor, boxes: tf.Tensor, landmarks: tf.Tensor) -> None:
        """Learns how sure an answer is from how far its cascades end apart, by a logistic regression.

        Args:
            ends: where the cascades of faces end that are not trained on, ``[B, starts, L, 2]``.
            boxes: ``[B, 4]``.
            landmarks: where the landmarks are, ``[B, L, 2]``.
        """
        apart = tf.reshape(self._apart(ends, boxes), [-1])
        error = tf.norm(_median(ends) - landmarks, axis=-1) / _longer(boxes)[:, None]
        right = tf.cast(tf.reshape(error <= _CLOSE, [-1]), tf.float64)
        inputs = tf.cast(tf.math.log(apart), tf.float64)
        middle = tf.reduce_mean(inputs)

        def loss(line: tf.Tensor) -> tf.Tensor:
            odds = line[:, :1] + line[:, 1:] * (inputs - middle)
            each = tf.nn.sigmoid_cross_entropy_with_logits(tf.broadcast_to(right, tf.shape(odds)), odds)
            return tf.reduce_mean(each, axis=1) + 1e-3 * tf.reduce_sum(line**2, axis=1)

        line = newton(loss, tf.zeros([1, 2], tf.float64), _CALIBRATION_STEPS, damping=1e-3)[-1, 0].numpy()
        check(bool(np.isfinite(line).all()), "The confidence cannot be calibrated: the ends are not finite.")
        self._calibration.assign([line[0] - line[1] * middle, line[1]])

    def _apart(self, ends: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        """How far cascades end apart, in parts of the box, ``[B, L]``."""
        variance = tf.reduce_sum(tf.math.reduce_variance(ends, axis=1), axis=-1)
        return tf.sqrt(variance) / _longer(boxes)[:, None] + 1e-4

    def _log_odds(self, apart: tf.Tensor) -> tf.Tensor:
        return self._calibration[0] + self._calibration[1] * tf.math.log(apart)

    # Saving

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["feature"], config["size"]
        names = "landmarks", "descriptor", "components", "side", "share", "cells", "starts", "spread"
        return {**config, **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LandmarkAligner":
        return cls(**config)


def _descriptor(kind: str, landmarks: int, components: int, cell: int) -> Descriptor:
    if kind == "sift":
        return SIFT(landmarks, components, cell, posed=True)
    if kind == "hog":
        return HOG(landmarks, components, cell, posed=True)
    check(kind == "patches", f"descriptor={kind!r}; expected sift, hog or patches.")
    return Patches(landmarks, components, distance=cell / 3, posed=True)


def _median(ends: tf.Tensor) -> tf.Tensor:
    """The median of each coordinate: ``[B, starts, L, 2]`` to ``[B, L, 2]``."""
    ordered, starts = tf.sort(ends, axis=1), ends.shape[1]
    return (ordered[:, (starts - 1) // 2] + ordered[:, starts // 2]) / 2.0


def _longer(boxes: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(boxes[:, 2:], axis=1)
