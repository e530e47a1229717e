"""The inverse of a function by descent: where supervised descent and Newton's method can be compared by hand."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import tensorflow as tf

from tfmeta.descent.feature import FunctionFeature
from tfmeta.descent.newton import gauss_newton, newton
from tfmeta.descent.supervised_descent import SupervisedDescent

__all__ = ["INVERSES", "Inverse", "compare_inverses", "normalised_errors"]

STEPS = 10


class Inverse(ABC):
    """A function to be inverted: given y, find the x where ``h(x) = y``.

    Attributes:
        name: what it is called.
        low: the smallest y.
        high: the largest y.
        distance: between two y of the training.
        test_distance: between two y of the test.
        start: where every descent begins.

    Reference:
        Xiong & De la Torre. "Supervised Descent Method and its Applications to Face Alignment." CVPR 2013, table 1; the
        ranges are quoted from memory, the starts are ours.
    """

    name: ClassVar[str]
    low: ClassVar[float]
    high: ClassVar[float]
    distance: ClassVar[float]
    test_distance: ClassVar[float]
    start: ClassVar[float]

    @abstractmethod
    def function(self, x: tf.Tensor) -> tf.Tensor:
        """Returns ``h(x)``, of the shape of x."""

    @abstractmethod
    def inverse(self, y: tf.Tensor) -> tf.Tensor:
        """Returns the x with ``h(x) = y``, of the shape of y."""

    def values(self, distance: float) -> tf.Tensor:
        """Returns the y of the range that lie so far apart, ``[N, 1]``."""
        count = round((self.high - self.low) / distance) + 1
        return tf.constant(np.linspace(self.low, self.high, count)[:, None], tf.float32)


class Sine(Inverse):
    """``sin(x)``."""

    name, low, high, distance, test_distance, start = "sin(x)", -1.0, 1.0, 0.2, 0.05, 0.5

    def function(self, x: tf.Tensor) -> tf.Tensor:
        return tf.sin(x)

    def inverse(self, y: tf.Tensor) -> tf.Tensor:
        return tf.asin(y)


class Cube(Inverse):
    """``x³``."""

    name, low, high, distance, test_distance, start = "x³", -27.0, 27.0, 3.0, 0.5, 1.0

    def function(self, x: tf.Tensor) -> tf.Tensor:
        return x**3

    def inverse(self, y: tf.Tensor) -> tf.Tensor:
        return tf.sign(y) * tf.abs(y) ** (1 / 3)


class ErrorFunction(Inverse):
    """``erf(x)``."""

    name, low, high, distance, test_distance, start = "erf(x)", -0.99, 0.99, 0.11, 0.03, 0.5

    def function(self, x: tf.Tensor) -> tf.Tensor:
        return tf.math.erf(x)

    def inverse(self, y: tf.Tensor) -> tf.Tensor:
        return tf.math.erfinv(y)


class Exponential(Inverse):
    """``exp(x)``."""

    name, low, high, distance, test_distance, start = "exp(x)", 1.0, 28.0, 3.0, 0.5, 0.0

    def function(self, x: tf.Tensor) -> tf.Tensor:
        return tf.exp(x)

    def inverse(self, y: tf.Tensor) -> tf.Tensor:
        return tf.math.log(y)


INVERSES = (Sine(), Cube(), ErrorFunction(), Exponential())
"""The functions of the paper."""


def normalised_errors(path: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns ``‖x_k − x*‖ / ‖x*‖`` for each step.

    Args:
        path: ``[K + 1, N, 1]``.
        right: ``[N, 1]``.

    Returns:
        ``[K + 1]``; infinite where a descent has left all numbers.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        errors = np.linalg.norm((path - right)[..., 0], axis=1) / np.linalg.norm(right)
    return np.where(np.isfinite(errors), errors, np.inf)


def compare_inverses(problem: Inverse, steps: int = STEPS) -> dict[str, np.ndarray]:
    """Inverts a function on its test values by supervised descent, by Newton's method and by Gauss-Newton's.

    All begin at the same point. Newton's methods minimise ``(h(x) − y)²``; supervised descent learns its steps from the
    training values, and knows of a test value what they know: ``h(x) − y``.

    Args:
        problem: the function.
        steps: of each method.

    Returns:
        The normalised error at the start and after each step, ``[steps + 1]``, by method.

    Example:
        >>> errors = compare_inverses(INVERSES[3], steps=3)
        >>> sorted(errors)
        ['Gauss-Newton', 'Newton', 'supervised descent']
    """
    y = problem.values(problem.distance)
    cascade = SupervisedDescent(FunctionFeature(problem.function, 1), size=1, stages=steps, strengths=[0.0])
    cascade.compile()
    examples = {"start": tf.fill(y.shape, problem.start), "instance": y}
    cascade.fit(examples, problem.inverse(y), batch_size=len(y), verbose=0)

    y = problem.values(problem.test_distance)
    right, start = problem.inverse(y), tf.fill(y.shape, problem.start)

    def residual(x: tf.Tensor) -> tf.Tensor:
        return problem.function(x) - y

    paths = {
        "supervised descent": tf.stack(cascade.path({"start": start, "instance": y})),
        "Newton": newton(lambda x: tf.reduce_sum(residual(x) ** 2, axis=1), start, steps),
        "Gauss-Newton": gauss_newton(residual, start, steps),
    }
    return {name: normalised_errors(path.numpy(), right.numpy()) for name, path in paths.items()}
