"""The step of trust region policy optimization: how far variables may move, and in which direction."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.linalg import backtracking_line_search, conjugate_gradient, flatten, unflatten

__all__ = ["Promise", "TrustRegion"]

# How far away a gradient is taken for a difference: far enough for float32, near enough for the divergence to be
# quadratic. Weights are of the order of one, and there are thousands.
_NEAR = 1e-3


class Promise(NamedTuple):
    """What the variables, as they are now, promise.

    Attributes:
        gain: what is to be maximised, a scalar.
        divergence: mean Kullback-Leibler divergence from the policy that acted, a scalar, in nats.
    """

    gain: tf.Tensor
    divergence: tf.Tensor


class TrustRegion:
    r"""Moves variables θ by the longest step that promises a gain and stays near the policy that acted:

    .. math:: \max_\theta \; g(\theta) \quad \text{such that} \quad D(\theta) \le \delta.

    The direction is :math:`(F + \text{damping})^{-1} \nabla g`, by conjugate gradient. F is the second derivative of
    the divergence D. Only its products with vectors are computed. The length of the step is what the quadratic model of
    D allows. A line search then shortens it until both conditions hold.

    Args:
        variables: θ; where they are when `step` is called, D and its gradient must be 0.
        max_kl: δ, in nats.
        iterations: of conjugate gradient.
        damping: what is added to the diagonal of F.
        exact: takes products with F as derivatives of a derivative. Else they are differences of gradients, which are
            as good as float32 allows, and several times quicker.

    Raises:
        ValueError: for a divergence that is not above 0, or a negative damping.

    Example:
        >>> x = keras.Variable([0.0, 0.0])
        >>> region = TrustRegion([x], max_kl=0.5, exact=True)
        >>> distance = lambda: 0.5 * tf.reduce_sum(tf.convert_to_tensor(x) ** 2)
        >>> found = region.step(lambda: Promise(tf.reduce_sum(x * [3.0, 4.0]), distance()), distance)
        >>> [f"{value:.1f}" for value in (*x.numpy(), found.gain)]
        ['0.6', '0.8', '5.0']

    Reference:
        Schulman et al. 2015, Trust Region Policy Optimization, appendix C.
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable | tf.Variable],
        *,
        max_kl: float = 0.01,
        iterations: int = 10,
        damping: float = 3e-4,
        exact: bool = False,
    ):
        check(max_kl > 0, f"max_kl={max_kl}; expected more than 0.")
        check(damping >= 0, f"damping={damping}; expected 0 or more.")
        self.variables = list(variables)
        self.max_kl, self.iterations, self.damping, self.exact = max_kl, iterations, damping, exact
        # What the line search evaluated last, since evaluating it again would cost as much as a trial.
        self._last = tf.Variable([0.0, 0.0], trainable=False)

    def step(self, promise: Callable[[], Promise], divergence: Callable[[], tf.Tensor]) -> Promise:
        """Takes one step, or none where no step is good.

        Args:
            promise: what the variables promise as they are when it is called.
            divergence: likewise, for F; it may be estimated on a part of the data.

        Returns:
            What the variables promise where they are now.
        """
        start = flatten(self.variables)
        with tf.GradientTape() as tape:
            before = promise()
        gradient = flatten(tape.gradient(before.gain, self.variables))
        solution = conjugate_gradient(
            lambda vector: self.fisher_product(divergence, vector),
            gradient,
            iterations=self.iterations,
            damping=self.damping,
        )
        # xᵀ(F + damping)x, since what conjugate gradient has left over is orthogonal to where it has been.
        squared = tf.reduce_sum(solution.x * gradient)
        length = tf.sqrt(2.0 * self.max_kl * tf.math.reciprocal_no_nan(tf.maximum(squared, 0.0)))

        def accept(point: tf.Tensor) -> tf.Tensor:
            self._move(point)
            found = promise()
            self._last.assign(tf.stack(found))
            return (found.gain > before.gain) & (found.divergence <= self.max_kl)

        search = backtracking_line_search(accept, start, length * solution.x)
        self._move(search.x)
        last = tf.where(search.accepted, self._last, tf.stack(before))
        return Promise(last[0], last[1])

    def fisher_product(self, divergence: Callable[[], tf.Tensor], vector: tf.Tensor) -> tf.Tensor:
        """Multiplies F, where the variables are now, with a vector ``[P]``."""
        if self.exact:
            with tf.GradientTape() as outer:
                gradients = self._slope(divergence)
            return flatten(
                outer.gradient(gradients, self.variables, output_gradients=unflatten(vector, self.variables))
            )
        # Where the policy is the one that acted, the divergence has no gradient. So one gradient nearby is enough.
        start, size = flatten(self.variables), tf.norm(vector)
        self._move(start + _NEAR * tf.math.divide_no_nan(vector, size))
        gradients = flatten(self._slope(divergence))
        self._move(start)
        return gradients * (size / _NEAR)

    def _slope(self, divergence: Callable[[], tf.Tensor]) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            value = divergence()
        return tape.gradient(value, self.variables)

    def _move(self, point: tf.Tensor) -> None:
        for variable, value in zip(self.variables, unflatten(point, self.variables), strict=True):
            variable.assign(value)
