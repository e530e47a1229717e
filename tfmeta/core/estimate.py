"""The mean over independent tasks, with its confidence interval."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from tfmeta.core.checks import check

__all__ = ["Estimate", "estimate"]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean over independent tasks.

    Attributes:
        mean: the mean of the tasks' values.
        ci95: half the width of its 95% confidence interval, ``1.96 σ / sqrt(tasks)``.
        tasks: how many tasks there were.
    """

    mean: float
    ci95: float
    tasks: int

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.ci95:.4f} ({self.tasks:,} tasks)"


def estimate(values: Sequence[float] | np.ndarray) -> Estimate:
    """Estimates the mean of what independent tasks yielded.

    Args:
        values: one number for each task.

    Returns:
        The mean, with an interval that is NaN for a single task.

    Raises:
        ValueError: for no values.

    Example:
        >>> estimate([0.0, 1.0, 1.0, 1.0]).mean
        0.75
    """
    values = np.asarray(values, np.float64)
    check(values.size > 0, "there are no values to estimate a mean of; expected one for each task.")
    spread = values.std(ddof=1) if values.size > 1 else math.nan
    return Estimate(float(values.mean()), float(1.96 * spread / math.sqrt(values.size)), int(values.size))
