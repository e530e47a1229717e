"""Newton's and Gauss-Newton's method, to compare what is learned with what is derived."""

from collections.abc import Callable

import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["gauss_newton", "newton"]

Function = Callable[[tf.Tensor], tf.Tensor]


def newton(
    objective: Function,
    start: tf.Tensor,
    steps: int,
    *,
    differences: float | None = None,
    damping: float = 0.0,
) -> tf.Tensor:
    r"""Descends by Newton's method, each row of a batch on its own:

    .. math:: x_k = x_{k-1} - (H(x_{k-1}) + \lambda I)^{-1} \nabla f(x_{k-1})

    Args:
        objective: ``f``, of points ``[B, P]`` to ``[B]``; each value depends on its own row only.
        start: ``[B, P]``.
        steps: how many.
        differences: the distance of central differences, for functions without derivatives. Derivatives are computed
            by automatic differentiation unless given.
        damping: λ, added to the diagonal of the Hessian.

    Returns:
        The points at the start and after each step, ``[steps + 1, B, P]``. Where the Hessian is singular, they are NaN
        from there on.

    Raises:
        ValueError: for a negative number of steps, or a distance that is not positive.

    Example:
        >>> path = newton(lambda x: tf.reduce_sum((x - 3.0) ** 2, axis=1), tf.constant([[0.0, 5.0]]), steps=1)
        >>> path[-1].numpy().tolist()
        [[3.0, 3.0]]

    Reference:
        Xiong & De la Torre. "Supervised Descent Method and its Applications to Face Alignment." CVPR 2013, eq. 2–4.
    """

    def step(x: tf.Tensor) -> tf.Tensor:
        if differences is None:
            gradient, hessian = _second_order(objective, x)
        else:
            gradient, hessian = _second_order_by_differences(objective, x, differences)
        return _solution(hessian, gradient, damping)

    return _path(step, start, steps, differences)


def gauss_newton(
    residual: Function,
    start: tf.Tensor,
    steps: int,
    *,
    differences: float | None = None,
    damping: float = 0.0,
) -> tf.Tensor:
    r"""Minimises :math:`\lVert r(x) \rVert^2` by Gauss-Newton's method, each row of a batch on its own:

    .. math:: x_k = x_{k-1} - (J^\top J + \lambda I)^{-1} J^\top r(x_{k-1})

    Args:
        residual: ``r``, of points ``[B, P]`` to ``[B, D]``; each row depends on its own row only.
        start: ``[B, P]``.
        steps: how many.
        differences: as for `newton`.
        damping: λ, added to the diagonal.

    Returns:
        The points at the start and after each step, ``[steps + 1, B, P]``.

    Raises:
        ValueError: for a negative number of steps, or a distance that is not positive.

    Example:
        >>> path = gauss_newton(lambda x: x**2 - 4.0, tf.constant([[3.0]]), steps=5)
        >>> round(path[-1].numpy().item(), 5)
        2.0
    """

    def step(x: tf.Tensor) -> tf.Tensor:
        if differences is None:
            with tf.GradientTape() as tape:
                tape.watch(x)
                r = residual(x)
            jacobian = tape.batch_jacobian(r, x, unconnected_gradients="zero")
        else:
            r, jacobian = residual(x), _jacobian_by_differences(residual, x, differences)
        normal = tf.matmul(jacobian, jacobian, transpose_a=True)
        return _solution(normal, tf.linalg.matvec(jacobian, r, transpose_a=True), damping)

    return _path(step, start, steps, differences)


def _path(step: Function, start: tf.Tensor, steps: int, differences: float | None) -> tf.Tensor:
    check(steps >= 0, f"steps={steps}; expected 0 or more.")
    check(differences is None or differences > 0, f"differences={differences}; expected a distance above 0.")
    start = tf.convert_to_tensor(start)
    check(start.shape.rank == 2, f"start has the shape {tuple(start.shape)}; expected [B, P].")
    step, path = tf.function(step, autograph=False), [start]  # traced once, not in each step
    for _ in range(steps):
        path.append(path[-1] - step(path[-1]))
    return tf.stack(path)


def _second_order(objective: Function, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = objective(x)
        gradient = inner.gradient(value, x, unconnected_gradients="zero")
    return gradient, outer.batch_jacobian(gradient, x, unconnected_gradients="zero")


def _second_order_by_differences(
    objective: Function, x: tf.Tensor, distance: float
) -> tuple[tf.Tensor, tf.Tensor]:
    def slopes(points: tf.Tensor) -> tf.Tensor:
        return _jacobian_by_differences(lambda rows: objective(rows)[:, None], points, distance)[:, 0]

    return slopes(x), _jacobian_by_differences(slopes, x, distance)


def _jacobian_by_differences(function: Function, x: tf.Tensor, distance: float) -> tf.Tensor:
    """Central differences: ``[B, D, P]`` of a function of ``[B, P]`` to ``[B, D]``."""
    size = x.shape[1]
    columns = []
    for offset in tf.unstack(distance * tf.eye(size, dtype=x.dtype)):
        columns.append((function(x + offset) - function(x - offset)) / (2 * distance))
    return tf.stack(columns, axis=2)


def _solution(matrix: tf.Tensor, vector: tf.Tensor, damping: float) -> tf.Tensor:
    """Solves each row; NaN where a matrix is singular, since one row must not end the others."""
    size = matrix.shape[-1]
    matrix += damping * tf.eye(size, dtype=matrix.dtype)
    good = tf.abs(tf.linalg.det(matrix)) > 0  # False for NaN too
    safe = tf.where(good[:, None, None], matrix, tf.eye(size, dtype=matrix.dtype))
    solution = tf.linalg.solve(safe, vector[..., None])[..., 0]
    return tf.where(good[:, None], solution, tf.constant(float("nan"), matrix.dtype))
