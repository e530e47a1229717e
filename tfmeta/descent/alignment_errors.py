"""How well landmarks are found."""

import dataclasses

import numpy as np

from tfmeta.core.checks import check

__all__ = ["FAILURE", "AlignmentErrors", "cumulative"]

FAILURE = 0.08
"""A face is a failure whose mean error is larger than this part of the unit."""


@dataclasses.dataclass(frozen=True)
class AlignmentErrors:
    """The errors of N faces at the start and after each of K stages.

    Attributes:
        by_stage: the mean distance of a face's landmarks from where they are, in units such as the inter-ocular
            distance, ``[K + 1, N]``.
        final: that of the answer, which is the mean over starts, ``[N]``.
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
