"""How well landmarks are found."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.data.faces import Faces
from tfmeta.descent.aligner import LandmarkAligner
from tfmeta.descent.alignment_examples import padded

__all__ = ["FAILURE", "AlignmentErrors", "cumulative", "face_errors"]

FAILURE = 0.08
"""A face is a failure whose mean error is larger than this part of the unit."""

_AT_ONCE = 32


@dataclasses.dataclass(frozen=True)
class AlignmentErrors:
    """The errors of N faces at the start and after each of K stages.

    Attributes:
        by_stage: the mean distance of a face's landmarks from where they are, in units such as the inter-ocular
            distance, ``[K + 1, N]``.
        final: that of the answer, which is the median over starts, ``[N]``.
        by_landmark: the distance of each landmark of the answer, ``[N, L]``.
        confidence: how sure the answer was of it, ``[N, L]``.
    """

    by_stage: np.ndarray
    final: np.ndarray
    by_landmark: np.ndarray
    confidence: np.ndarray

    @property
    def failures(self) -> np.ndarray:
        """Which faces are failures, 0 or 1, ``[N]``."""
        return (self.final > FAILURE).astype(np.float64)


def cumulative(errors: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Returns the share of faces with at most so much error, for each threshold.

    Args:
        errors: ``[N]``.
        thresholds: ``[T]``.

    Returns:
        ``[T]``, 0 to 1.

    Raises:
        ValueError: where there is no error.

    Example:
        >>> cumulative(np.array([0.02, 0.04, 0.09]), np.array([0.03, 0.08])).round(2).tolist()
        [0.33, 0.67]
    """
    check(errors.size > 0, "There are no errors; expected one for each face.")
    return (errors[None, :] <= thresholds[:, None]).mean(axis=1)


def face_errors(
    learner: LandmarkAligner, faces: Faces, boxes: np.ndarray, units: np.ndarray
) -> AlignmentErrors:
    """Finds the landmarks of faces, and measures how far off they are.

    Args:
        learner: the cascade.
        faces: N faces.
        boxes: ``[N, 4]``.
        units: what errors are divided by, in pixels, ``[N]``.

    Returns:
        The errors in these units.
    """
    by_stage, final, by_landmark, confidence = [], [], [], []
    align = tf.function(
        lambda *inputs: (learner.ends(*inputs), learner.align(*inputs)), reduce_retracing=True
    )
    for first in range(0, len(faces), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        images, sizes = padded(faces.images[rows])
        ends, (found, sure) = align(
            tf.cast(images, tf.float32) / 255.0, tf.constant(boxes[rows]), tf.constant(sizes)
        )
        right, unit = faces.landmarks[rows], units[rows]
        by_stage.append([_mean_distance(each[:, 0].numpy(), right) / unit for each in ends])
        distance = np.linalg.norm(found.numpy() - right, axis=-1) / unit[:, None]
        by_landmark.append(distance)
        final.append(distance.mean(axis=1))
        confidence.append(sure.numpy())
    return AlignmentErrors(
        np.concatenate(by_stage, axis=1), *(np.concatenate(each) for each in (final, by_landmark, confidence))
    )


def _mean_distance(found: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.linalg.norm(found - right, axis=-1).mean(axis=1)
