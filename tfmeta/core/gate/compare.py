"""When two answers are the same."""

from collections.abc import Mapping

import numpy as np

__all__ = ["TOLERANCE", "differences"]

TOLERANCE = 1e-5
"""Largest allowed difference of two numbers, in units of the larger of 1 and the expected number's size."""


def differences(
    answer: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], tolerance: float = TOLERANCE
) -> tuple[list[str], float]:
    """Compares two answers, output by output.

    An integer that says which number of another output is the largest may differ where these numbers are the same: a
    tie falls to either side by rounding.

    Args:
        answer: what came.
        expected: what should have come.
        tolerance: largest allowed difference.

    Returns:
        A phrase for each output that differs, and the largest difference of those that do not.

    Example:
        >>> differences({"y": np.ones(2)}, {"y": np.array([1.0, 1.5])})
        (['y differs by 3e-01'], 0.0)
    """
    faults, largest = [], 0.0
    for name in sorted({*answer, *expected}):
        if name not in answer or name not in expected:
            faults.append(f"{name} is missing")
            continue
        a, b = answer[name], expected[name]
        if a.shape != b.shape:
            faults.append(f"{name} has the shape {list(a.shape)}, which differs")
            continue
        difference = 0.0 if _are_ties(name, answer, expected, tolerance) else _difference(a, b)
        if difference <= tolerance:
            largest = max(largest, difference)
        else:
            faults.append(
                f"{name} differs by {difference:.0e}" if np.isfinite(difference) else f"{name} differs"
            )
    return faults, largest


def _are_ties(
    name: str, answer: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], tolerance: float
) -> bool:
    """Whether an integer output differs only where it chooses among equals."""
    a, b = answer[name], expected[name]
    if b.dtype.kind not in "iu":
        return False
    for other in {*answer} & {*expected}:
        p, q = answer[other], expected[other]
        if q.dtype.kind != "f" or p.shape != q.shape or q.shape[:-1] != b.shape or not q.size:
            continue
        chosen = np.array_equal(p[a != b].argmax(-1), a[a != b]) and np.array_equal(
            q[a != b].argmax(-1), b[a != b]
        )
        if chosen and _difference(p, q) <= tolerance:
            return True
    return False


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    if b.dtype.kind not in "fc":
        if b.dtype.kind in "OS":  # bytes objects from TensorFlow, fixed-width bytes from files
            a, b = a.astype(bytes), b.astype(bytes)
        return 0.0 if np.array_equal(a, b) else np.inf
    if not b.size:
        return 0.0
    worst = float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b))))
    return np.inf if np.isnan(worst) else worst
