"""Runs update rules, designed or learnt, on the same problems for the same number of steps."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.unroll import unroll
from tfmeta.optimizers.problem import Parameters, Problem

__all__ = ["TEST_SEED", "VALIDATION_SEED", "Descents", "UpdateRule", "descend"]

VALIDATION_SEED, TEST_SEED = 1_000_001, 1_000_002
"""Name the problems that choices are made on, and those that results are measured on."""


class UpdateRule(Protocol):
    """What a learnt rule offers to be raced; see `tfmeta.optimizers.LearnedRule`."""

    def initial_state(self, parameters: Parameters, batched: bool = False) -> Any:
        """Returns the state before the first step."""

    def update(self, gradients: Parameters, state: Any, batched: bool = False) -> tuple[Parameters, Any]:
        """Returns what is to be added to each parameter, and the next state."""


Rule: TypeAlias = UpdateRule | keras.optimizers.Optimizer


class Descents:
    """A rule that descends `count` problems side by side, all steps in one graph.

    The graph is built once, however often it is called, and at whatever learning rate an optimizer of Keras's stands.
    Every call begins afresh: an optimizer's state is set back.

    Args:
        rule: an optimizer of Keras's that treats each coordinate alone, or a learnt rule.
        problem: the family of problems.
        count: problems side by side, B. A batch of another size holds other problems.
        steps: updates, T.

    Raises:
        ValueError: for an optimizer that clips norms, which would be those of all problems together.

    Example:
        >>> from tfmeta.optimizers import Quadratic
        >>> descend = Descents(keras.optimizers.SGD(0.01), Quadratic(), count=3, steps=5)
        >>> descend([TEST_SEED, 0]).shape
        (3, 6)
    """

    def __init__(self, rule: Rule, problem: Problem, *, count: int, steps: int):
        check(min(count, steps) >= 1, f"count={count}, steps={steps}; expected at least 1 of each.")
        self.count = count
        self._reset: Callable[[], None] = lambda: None
        if isinstance(rule, keras.optimizers.Optimizer):
            begin, move, self._reset = _by_optimizer(rule, problem, count)
        else:
            begin, move = _by_rule(rule)

        def step(state: Any, number: tf.Tensor, seed: tf.Tensor) -> tuple[Any, tf.Tensor]:
            theta = state[0]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(theta)
                loss = problem.loss(theta, seed, number)
            # No problem touches another's loss, so this is each one's own gradient.
            gradients = tape.gradient(loss, theta, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return move(state, gradients), loss

        @tf.function(input_signature=[tf.TensorSpec([2], tf.int64)], autograph=False)
        def descend(seed: tf.Tensor) -> tf.Tensor:
            state = begin(problem.initial(seed, count))
            state, losses = unroll(lambda state, number: step(state, number, seed), state, steps)
            last = problem.loss(state[0], seed, steps)
            return tf.transpose(tf.concat([losses, last[None]], axis=0))

        self._descend = descend

    def __call__(self, seed: Sequence[int]) -> np.ndarray:
        """Descends a batch of problems.

        Args:
            seed: two integers that name the batch.

        Returns:
            The losses before each update and after the last, ``[B, T+1]``; not finite where a descent diverged.
        """
        self._reset()
        return self._descend(tf.constant(seed, tf.int64)).numpy()

    def batches(self, seed: int, problems: int) -> np.ndarray:
        """Descends batch after batch, ``[seed, 0]`` and on, until `problems` are through.

        Returns:
            The losses ``[problems, T+1]``.

        Raises:
            ValueError: where the batches do not come out even.
        """
        check(
            problems >= 1 and problems % self.count == 0,
            f"problems={problems} is no multiple of the {self.count} that descend at once; choose one that is.",
        )
        return np.concatenate([self([seed, number]) for number in range(problems // self.count)])


def descend(
    rule: Rule,
    problem: Problem,
    *,
    problems: int = 100,
    steps: int = 100,
    seed: int = TEST_SEED,
    at_once: int | None = None,
) -> np.ndarray:
    """Runs a rule on problems that are the same for every rule.

    Args:
        rule: an optimizer of Keras's that treats each coordinate alone, or a learnt rule.
        problem: the family of problems.
        problems: how many are descended, N.
        steps: updates, T.
        seed: names the problems, with `problems` and `at_once`.
        at_once: problems side by side, a divisor of `problems`; all unless given. Memory grows with it.

    Returns:
        The losses before each update and after the last, ``[N, T+1]``; not finite where a descent diverged.

    Raises:
        ValueError: where `at_once` does not divide `problems`.

    Example:
        >>> from tfmeta.optimizers import Quadratic
        >>> descend(keras.optimizers.Adam(0.1), Quadratic(), problems=8, steps=10).shape
        (8, 11)
    """
    return Descents(rule, problem, count=at_once or problems, steps=steps).batches(seed, problems)


def _by_rule(rule: UpdateRule) -> tuple[Callable, Callable]:
    """A learnt rule as functions; where a descent stands is its parameters and the rule's state."""

    def begin(theta: Parameters) -> Any:
        return list(theta), rule.initial_state(theta, batched=True)

    def move(state: Any, gradients: Parameters) -> Any:
        updates, after = rule.update(gradients, state[1], batched=True)
        return [x + update for x, update in zip(state[0], updates, strict=True)], after

    return begin, move


def _by_optimizer(
    optimizer: keras.optimizers.Optimizer, problem: Problem, count: int
) -> tuple[Callable, Callable, Callable[[], None]]:
    """An optimizer of Keras's as functions, which keeps its state in variables, and how to set that back."""
    mixing = [name for name in ("clipnorm", "global_clipnorm") if getattr(optimizer, name)]
    check(
        not mixing,
        f"{optimizer.name} has {', '.join(mixing)}, a norm over all problems that lie side by side; leave it out.",
    )
    variables = [keras.Variable(theta, trainable=True) for theta in problem.initial([TEST_SEED, 0], count)]
    optimizer.build(variables)
    rate = optimizer.learning_rate
    fresh = [(v, v.numpy()) for v in optimizer.variables if v is not rate]

    def reset() -> None:
        for variable, value in fresh:
            variable.assign(value)

    def begin(theta: Parameters) -> Any:
        for variable, value in zip(variables, theta, strict=True):
            variable.assign(value)
        return list(theta), ()

    def move(state: Any, gradients: Parameters) -> Any:
        optimizer.apply(gradients, variables)
        return [tf.identity(variable.value) for variable in variables], ()

    return begin, move, reset
