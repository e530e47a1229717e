"""Flat vectors, conjugate gradient and backtracking line search, in the graph: what a trust region is made of."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["LineSearch", "Solution", "backtracking_line_search", "conjugate_gradient", "flatten", "unflatten"]


def flatten(tensors: Sequence[tf.Tensor | tf.Variable]) -> tf.Tensor:
    """Lays tensors end to end in one vector.

    Args:
        tensors: tensors of one type and any shapes, P numbers in all.

    Returns:
        Their numbers in row-major order, ``[P]``.

    Raises:
        ValueError: where there is none.

    Example:
        >>> flatten([tf.constant([[1.0, 2.0]]), tf.constant(3.0)]).numpy().tolist()
        [1.0, 2.0, 3.0]
    """
    check(len(tensors) > 0, "flatten got no tensor; expected at least one.")
    return tf.concat([tf.reshape(x, [-1]) for x in tensors], axis=0)


def unflatten(vector: tf.Tensor, like: Sequence[tf.Tensor | tf.Variable]) -> list[tf.Tensor]:
    """Cuts a vector into tensors; the inverse of `flatten`.

    Args:
        vector: ``[P]``.
        like: tensors whose shapes the pieces take, in their order; their shapes are static.

    Returns:
        The pieces, each of the shape of its like.

    Raises:
        ValueError: where the vector is known to be longer or shorter than all of `like`.

    Example:
        >>> [x.shape.as_list() for x in unflatten(tf.range(3.0), [tf.zeros([1, 2]), tf.zeros([])])]
        [[1, 2], []]
    """
    sizes = [math.prod(x.shape) for x in like]
    length = vector.shape[0]
    check(
        length is None or length == sum(sizes),
        f"The vector holds {length} numbers, and the {len(sizes)} tensors that it is cut into {sum(sizes)};"
        " pass the tensors that it was flattened from.",
    )
    return [tf.reshape(piece, x.shape) for piece, x in zip(tf.split(vector, sizes), like, strict=True)]


class Solution(NamedTuple):
    """What conjugate gradient found.

    Attributes:
        x: the solution, ``[P]``.
        iterations: products that it took, an int32 scalar.
        residual: length of ``b - (A + damping I) x``, a scalar, as the iteration carries it along.
    """

    x: tf.Tensor
    iterations: tf.Tensor
    residual: tf.Tensor


def conjugate_gradient(
    product: Callable[[tf.Tensor], tf.Tensor],
    b: tf.Tensor,
    *,
    iterations: int = 10,
    damping: float = 0.0,
    tolerance: float = 1e-5,
) -> Solution:
    r"""Solves ``(A + damping I) x = b`` for a symmetric positive definite A that is known by its products alone.

    After i products, x is the best point of the Krylov space of b: it minimises
    :math:`\frac12 x^\top A x - b^\top x` there. In a space of P dimensions P products would be exact, if numbers were.

    Args:
        product: maps a vector ``[P]`` to ``A`` times it, ``[P]``.
        b: the right-hand side, ``[P]``.
        iterations: products at most.
        damping: what is added to A's diagonal; it bounds the step along directions in which A is flat.
        tolerance: the solution is good enough once its residual is this much shorter than b.

    Returns:
        The solution. It is the one before, where the next direction had no positive curvature.

    Raises:
        ValueError: for less than one iteration, or a negative damping.

    Example:
        >>> A = tf.constant([[4.0, 1.0], [1.0, 3.0]])
        >>> found = conjugate_gradient(lambda v: tf.linalg.matvec(A, v), tf.constant([1.0, 2.0]))
        >>> (11 * found.x).numpy().round().tolist(), int(found.iterations)
        ([1.0, 7.0], 2)

    Reference:
        Hestenes & Stiefel 1952, Methods of Conjugate Gradients for Solving Linear Systems.
    """
    check(iterations >= 1, f"iterations={iterations}; expected at least 1.")
    check(damping >= 0, f"damping={damping}; expected 0 or more: a negative one may make A indefinite.")
    b = tf.convert_to_tensor(b)
    squared_goal = tolerance**2 * _dot(b, b)

    def body(
        i: tf.Tensor, _: tf.Tensor, x: tf.Tensor, r: tf.Tensor, d: tf.Tensor, rr: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        Ad = product(d) + damping * d
        curvature = _dot(d, Ad)
        convex = curvature > 0
        # Without curvature nothing moves; NaN counts as none.
        alpha = tf.where(convex, tf.math.divide_no_nan(rr, curvature), tf.zeros_like(rr))
        x, r_next = x + alpha * d, tf.where(convex, r - alpha * Ad, r)
        rr_next = _dot(r_next, r_next)
        d = r_next + tf.math.divide_no_nan(rr_next, rr) * d
        return i + 1, convex, x, r_next, d, rr_next

    start = (tf.constant(0), tf.constant(True), tf.zeros_like(b), b, b, _dot(b, b))
    i, _, x, _, _, rr = tf.while_loop(
        lambda _i, convex, _x, _r, _d, rr: convex & (rr > squared_goal),
        body,
        start,
        maximum_iterations=iterations,
    )
    return Solution(x, i, tf.sqrt(rr))


class LineSearch(NamedTuple):
    """Where a line search ended.

    Attributes:
        x: the first point that was accepted, ``[P]``; the start, where none was.
        fraction: how much of the full step leads there, a scalar; 0 where no point was accepted.
        accepted: whether any was, a bool scalar.
    """

    x: tf.Tensor
    fraction: tf.Tensor
    accepted: tf.Tensor


def backtracking_line_search(
    accept: Callable[[tf.Tensor], tf.Tensor],
    x: tf.Tensor,
    step: tf.Tensor,
    *,
    shrink: float = 0.8,
    trials: int = 15,
) -> LineSearch:
    """Takes the longest of the steps ``step * shrink**i``, i = 0 … trials - 1, that passes a test.

    Args:
        accept: maps a point ``[P]`` to whether it will do, a bool scalar. Comparisons with NaN are false, so that a
            test of the form ``loss < before`` rejects points where the loss is no number.
        x: where the search starts, ``[P]``.
        step: the full step, ``[P]``.
        shrink: how much shorter each step is than the one before, between 0 and 1.
        trials: steps at most.

    Returns:
        The point, and how it was found.

    Raises:
        ValueError: for a factor that does not shrink, or less than one trial.

    Example:
        >>> descends = lambda x: tf.reduce_sum(x**2) < 1.0
        >>> found = backtracking_line_search(descends, tf.constant([1.0]), tf.constant([-4.0]), shrink=0.5)
        >>> found.x.numpy().tolist(), float(found.fraction)
        ([0.0], 0.25)

    Reference:
        Armijo 1966, Minimization of functions having Lipschitz continuous first partial derivatives.
    """
    check(0 < shrink < 1, f"shrink={shrink}; expected a factor between 0 and 1.")
    check(trials >= 1, f"trials={trials}; expected at least 1.")
    x, step = tf.convert_to_tensor(x), tf.convert_to_tensor(step)
    one = tf.ones([], x.dtype)

    def body(fraction: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        accepted = accept(x + fraction * step)
        return tf.where(accepted, fraction, shrink * fraction), accepted

    fraction, accepted = tf.while_loop(
        lambda _, accepted: ~accepted, body, (one, tf.constant(False)), maximum_iterations=trials
    )
    fraction = tf.where(accepted, fraction, tf.zeros_like(fraction))
    # Not x + 0 * step: a step may hold infinities.
    return LineSearch(tf.where(accepted, x + fraction * step, x), fraction, accepted)


def _dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b)
