"""Differentiable gradient steps: the loop inside the loop."""

from collections.abc import Callable, Sequence

import tensorflow as tf

__all__ = ["descend", "trajectory"]

Weights = Sequence[tf.Tensor]


def trajectory(
    loss: Callable[[Weights, int], tf.Tensor],
    weights: Weights,
    rates: Sequence[Weights],
    *,
    first_order: bool = False,
) -> list[list[tf.Tensor]]:
    """Takes gradient steps that can themselves be differentiated, and returns the weights after each.

    Each step is, for every task of a batch by itself,

        θ ← θ - α ∇L(θ).

    Tasks do not touch one another's loss, so the gradient of the sum of the losses is every task's own.

    Args:
        loss: maps weights, each ``[B, ...]``, and the number of the step to the loss of each task ``[B]``.
        weights: where the descent starts, a list of ``[B, ...]``.
        rates: ``α`` for each step, and in it for each weight tensor: scalars, or shaped like the weight. There
            are as many steps as rates.
        first_order: treats the gradients as constants, so that no second derivative is taken.

    Returns:
        The weights after each step, the last ones last.

    Example:
        >>> square = lambda weights, step: tf.reduce_sum(weights[0] ** 2, axis=1)
        >>> path = trajectory(square, [tf.constant([[1.0], [2.0]])], rates=[[0.25], [0.25]])
        >>> [weights[0].numpy().tolist() for weights in path]
        [[[0.5], [1.0]], [[0.25], [0.5]]]

    Reference:
        Finn, Abbeel, Levine. "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks." ICML 2017, eq. 1.
    """
    path, weights = [], list(weights)
    for step, step_rates in enumerate(rates):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            losses = loss(weights, step)
        gradients = tape.gradient(losses, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        if first_order:
            gradients = [tf.stop_gradient(gradient) for gradient in gradients]
        weights = [w - _like(g, rate) * g for w, rate, g in zip(weights, step_rates, gradients, strict=True)]
        path.append(weights)
    return path


def descend(
    loss: Callable[[Weights, int], tf.Tensor],
    weights: Weights,
    rates: Sequence[Weights],
    *,
    first_order: bool = False,
) -> list[tf.Tensor]:
    """Takes the steps of `trajectory`, and returns the weights after the last.

    Example:
        >>> square = lambda weights, step: tf.reduce_sum(weights[0] ** 2, axis=1)
        >>> descend(square, [tf.constant([[1.0], [2.0]])], rates=[[0.25]])[0].numpy().tolist()
        [[0.5], [1.0]]
    """
    return trajectory(loss, weights, rates, first_order=first_order)[-1] if rates else list(weights)


def _like(gradient: tf.Tensor, rate: float | tf.Tensor) -> float | tf.Tensor:
    """Returns a rate in the precision of a gradient; a Python number fits any."""
    return tf.cast(rate, gradient.dtype) if tf.is_tensor(rate) else rate
