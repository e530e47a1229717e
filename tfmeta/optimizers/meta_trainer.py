"""Learning an update rule by gradient descent on how well it descends."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.unroll import cut, unroll
from tfmeta.optimizers.coordinate_sample import CoordinateSample
from tfmeta.optimizers.learned_rule import LearnedRule, RuleState
from tfmeta.optimizers.problem import Parameters, Problem

__all__ = ["MetaTrainer"]

Descent = tuple[list[tf.Tensor], RuleState]
"""Where a descent stands: the parameters ``θ_t`` and the rule's state ``h_t``."""


class MetaTrainer(keras.Model):
    """Trains a rule on problems: ``fit`` minimises the losses along whole descents,

        L(φ) = E_f [ Σ_t w_t f(θ_t) ],        θ_{t+1} = θ_t + g_t(∇f(θ_t), h_t; φ).

    A training step is one descent of `steps` steps from fresh problems. Back-propagation through time is truncated:
    after every `unrolled` steps ``φ`` takes a step of its optimizer, and the descent goes on from where it stands.

    Gradients flow along the solid edges of the paper's figure 2 only: ``∇f(θ_t)`` counts as an input that does not
    depend on ``φ``. Then ``∂f/∂θ_t`` is known from the descent itself, and no problem is differentiated twice.

    ``fit``, ``evaluate`` and callbacks are Keras's own. The metrics are ``loss``, the mean over a descent and over
    problems, and ``final_loss``, that at its end. A run resumes at batch number `descents` of `batch_seeds`, which
    ``save_weights`` keeps together with the rule and the optimizer.

    Args:
        rule: what learns.
        problem: what it learns on.
        count: problems that descend side by side, B.
        steps: of a descent in training; may be changed between epochs, by a `Curriculum` for example.
        unrolled: steps between two updates of ``φ``; a divisor of `steps`.
        test_steps: of a descent in ``evaluate`` and validation; `steps` unless given.
        test_problem: what these descend; `problem` unless given.
        weights: ``w_t``: 1 for ``"all"`` steps, or for the ``"last"`` before each update of ``φ`` alone. With
            ``"relative"`` it is one by the mean of ``f(θ_t)`` over the problems, so that the end of a descent, where
            losses are small, counts as much as its beginning.
        second_derivatives: lets gradients flow along the dashed edges too, through ``∇f(θ_t)``.
        sampled: coordinates of each tensor of a problem through which gradients flow, drawn anew for every update of
            ``φ``; all unless given. Along the solid edges the gradient is a sum over coordinates, so that this is an
            estimate of it that is right in the mean, and takes a fraction of the time.

    Raises:
        ValueError: for unknown `weights`, where `unrolled` does not divide `steps`, a number is below 1, or `sampled`
            is asked for together with `second_derivatives` or a rule with a memory.

    Example:
        >>> from tfmeta.optimizers import CoordinatewiseLSTM, Quadratic
        >>> rule = LearnedRule(CoordinatewiseLSTM(seed=0))
        >>> trainer = MetaTrainer(rule, Quadratic(), count=128, steps=100, unrolled=20)
        >>> trainer.compile(keras.optimizers.Adam(0.003))
        >>> from tfmeta.core.batch_seeds import batch_seeds
        >>> trainer.fit(batch_seeds(0), epochs=100, steps_per_epoch=20)  # doctest: +SKIP

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016, eq. 3.
    """

    def __init__(
        self,
        rule: LearnedRule,
        problem: Problem,
        *,
        count: int = 1,
        steps: int = 100,
        unrolled: int = 20,
        test_steps: int | None = None,
        test_problem: Problem | None = None,
        weights: str = "all",
        second_derivatives: bool = False,
        sampled: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(
            min(count, steps, unrolled) >= 1,
            f"count={count}, steps={steps}, unrolled={unrolled}: all must be >= 1.",
        )
        check(
            steps % unrolled == 0, f"steps={steps} is no multiple of unrolled={unrolled}; choose one that is."
        )
        check(
            weights in ("all", "last", "relative"),
            f"weights={weights!r}; expected 'all', 'last' or 'relative'.",
        )
        check(sampled is None or sampled >= 1, f"sampled={sampled}; expected at least 1, or None for all.")
        check(
            sampled is None or not second_derivatives,
            "second derivatives tie coordinates together, so that none can be left out; choose either"
            " second_derivatives or sampled.",
        )
        check(
            sampled is None or rule.memory is None,
            "a memory ties coordinates together, so that none can be left out; leave sampled out, or the rule's slots.",
        )
        # XLA on a CPU makes these graphs slower, by three times and more.
        self.supports_jit = False
        self.rule = rule
        self.problem = problem
        self.count = count
        self.unrolled = unrolled
        self.test_steps = test_steps or steps
        self.test_problem = test_problem or problem
        self.weights_of_steps = weights
        self.second_derivatives = second_derivatives
        self.sampled = sampled
        self.steps = self.add_weight(
            shape=(),
            dtype="int32",
            initializer=keras.initializers.Constant(steps),
            trainable=False,
            name="steps",
        )
        self.descents = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="descents"
        )
        self.trackers = [keras.metrics.Mean(name=name) for name in ("loss", "final_loss")]
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return self.trackers

    def train_step(self, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        take = self._segment if self.sampled is None else self._sampled_segment

        def segment(start: tf.Tensor, descent: Descent, _: tf.Tensor) -> tuple[tf.Tensor, Descent, tf.Tensor]:
            with tf.GradientTape() as tape:
                descent, losses = take(descent, seed, start)
                means = tf.reduce_mean(losses, axis=1)
                objective = self._objective(means)
            self._learn(tape, objective)
            self.trackers[0].update_state(losses)
            return start + self.unrolled, cut(descent), means[-1]

        steps = tf.convert_to_tensor(self.steps)
        begin = (tf.constant(0), self._begin(seed), tf.constant(0.0))
        *_, final = tf.while_loop(lambda start, *_: start < steps, segment, begin)
        self.trackers[1].update_state(final)
        self.descents.assign_add(1)
        return self.get_metrics_result()

    def test_step(self, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        losses = self._descend(seed)
        self.trackers[0].update_state(losses[1:])
        self.trackers[1].update_state(losses[-1])
        return self.get_metrics_result()

    def _objective(self, means: tf.Tensor) -> tf.Tensor:
        """Weighs the mean losses ``[unrolled]`` after each step."""
        if self.weights_of_steps == "last":
            return means[-1]
        return tf.reduce_sum(
            means / tf.stop_gradient(means) if self.weights_of_steps == "relative" else means
        )

    def _descend(self, seed: tf.Tensor) -> tf.Tensor:
        """Returns the losses of a test descent before the first update and after each, ``[T + 1, B]``."""
        problem, steps = self.test_problem, self.test_steps
        (parameters, _), losses = unroll(
            lambda descent, step: self._step(descent, seed, step, problem), self._begin(seed, problem), steps
        )
        return tf.concat([losses, problem.loss(parameters, seed, steps)[None]], axis=0)

    def _begin(self, seed: tf.Tensor, problem: Problem | None = None) -> Descent:
        parameters = (problem or self.problem).initial(seed, self.count)
        return parameters, self.rule.initial_state(parameters, batched=True)

    def _segment(self, descent: Descent, seed: tf.Tensor, start: tf.Tensor) -> tuple[Descent, tf.Tensor]:
        """Takes `unrolled` steps; returns where they end, and the losses after each, ``[unrolled, B]``."""
        descent, losses = unroll(
            lambda descent, step: self._step(descent, seed, step), descent, self.unrolled, start
        )
        # θ at the beginning of a segment does not depend on φ; that after its last step does.
        last, _ = self._evaluate(descent[0], seed, start + self.unrolled)
        return descent, tf.concat([losses[1:], last[None]], axis=0)

    def _sampled_segment(
        self, descent: Descent, seed: tf.Tensor, start: tf.Tensor
    ) -> tuple[Descent, tf.Tensor]:
        """Does what `_segment` does, and lets gradients flow through some coordinates only."""
        assert self.sampled is not None  # or `_segment` does it
        parameters, state = descent
        drawn_by = tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int64), tf.cast(start, tf.int64))
        sample = CoordinateSample.draw(self.rule, parameters, self.sampled, drawn_by)

        def evaluate(parameters: Parameters, moved: list[tf.Tensor], number: tf.Tensor) -> tuple:
            losses, gradients = self._evaluate(cut(parameters), seed, number)
            seen = sample.of(self.rule.flatten(gradients, batched=True))
            for gradient, scale, way in zip(seen, sample.scales, moved, strict=True):
                # As in `_linear`: zero, but for its derivative, which is here that of the mean over problems.
                losses += tf.reduce_sum(scale * gradient * (way - cut(way))) / self.count
            return losses, gradients, seen

        def step(carry: tuple, number: tf.Tensor) -> tuple[tuple, tf.Tensor]:
            (parameters, state), own, moved = carry
            losses, gradients, seen = evaluate(parameters, moved, number)
            updates, state = cut(self.rule.update(gradients, state, batched=True))
            parameters = [theta + update for theta, update in zip(parameters, updates, strict=True)]
            told = [network(x, old) for network, x, old in zip(self.rule.networks, seen, own, strict=True)]
            moved = [way + update for way, (update, _) in zip(moved, told, strict=True)]
            return ((parameters, state), [new for _, new in told], moved), losses

        begin = (descent, sample.states(state), [tf.zeros_like(scale) for scale in sample.scales])
        (descent, _, moved), losses = unroll(step, begin, self.unrolled, start)
        last, *_ = evaluate(descent[0], moved, start + self.unrolled)
        return descent, tf.concat([losses[1:], last[None]], axis=0)

    def _step(
        self, descent: Descent, seed: tf.Tensor, step: tf.Tensor, problem: Problem | None = None
    ) -> tuple[Descent, tf.Tensor]:
        parameters, state = descent
        losses, gradients = self._evaluate(parameters, seed, step, problem)
        updates, state = self.rule.update(gradients, state, batched=True)
        return ([theta + update for theta, update in zip(parameters, updates, strict=True)], state), losses

    def _evaluate(
        self, parameters: Parameters, seed: tf.Tensor, step: tf.Tensor, problem: Problem | None = None
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns ``f(θ)``, ``[B]``, to be differentiated with respect to ``θ``, and ``∇f(θ)``."""
        at = parameters if self.second_derivatives else cut(parameters)
        with tf.GradientTape() as tape:
            tape.watch(at)
            losses = (problem or self.problem).loss(at, seed, step)
        gradients = tape.gradient(losses, at, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        if self.second_derivatives:
            return losses, gradients
        gradients = cut(gradients)
        return _linear(losses, at, gradients, parameters), gradients

    def _learn(self, tape: tf.GradientTape, objective: tf.Tensor) -> None:
        variables = self.rule.trainable_variables
        gradients = tape.gradient(objective, variables)
        # A descent that has run away to infinity teaches nothing, and must not spoil the rule.
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
        self.optimizer.apply(
            [tf.where(finite, gradient, tf.zeros_like(gradient)) for gradient in gradients], variables
        )


def _linear(losses: tf.Tensor, at: Parameters, gradients: Parameters, parameters: Parameters) -> tf.Tensor:
    """Returns the losses ``[B]`` as they are at `at`, with the gradient that is known already.

    f(θ) = f(a) + <∇f(a), θ - a>    where θ = a
    """
    for point, gradient, theta in zip(at, gradients, parameters, strict=True):
        product = gradient * (theta - point)  # zero, but for its derivative
        losses += tf.reduce_sum(tf.reshape(product, [tf.shape(product)[0], -1]), axis=1)
    return losses
