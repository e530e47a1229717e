"""MAML: weights from which a few gradient steps learn a task."""

from collections.abc import Callable
from typing import Any, Literal

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.fast_weights import Engine, FastNetwork
from tfmeta.core.inner_loop import trajectory
from tfmeta.core.shapes import EpisodeInputs, leading
from tfmeta.core.task_batch import Moments
from tfmeta.fewshot.head import split_head
from tfmeta.fewshot.per_step import PerStepMoments
from tfmeta.fewshot.phases import PhasedLearner

__all__ = ["MAML", "AdaptOnly", "BatchStatistics"]

BatchStatistics = Literal["support", "transductive", "per_step", "none"]
AdaptOnly = Literal["all", "head"]

# The weights of each task of a batch, and the moments that its queries are normalised by: None for their own.
TaskWeights = tuple[list[tf.Tensor], list[Moments] | None]


@keras.saving.register_keras_serializable("tfmeta")
class MAML(PhasedLearner):
    """Adapts a network to a task by gradient descent, and is trained through that descent.

    A task is learnt by steps on the loss of its support set (eq. 1), and the initial weights ``θ`` minimise the
    loss of the queries *after* those steps (eq. 2), which Keras's ordinary ``fit`` does, since calling the model
    adapts and then answers:

        θ'_i = θ - α ∇_θ L_i(f_θ),        min_θ  Σ_i L_i(f_{θ'_i}).

    The task state is the adapted weights, flattened, with the support set's batch statistics where those are used.

    Which statistics normalise the *queries* is an argument, since results depend on it:

    * ``"support"``: those of the support set under the adapted weights. An answer depends on its own query only.
    * ``"transductive"``: those of the queries of the task together, as in the paper's code. Answers then depend
      on which other queries came along, and a single query cannot be answered well.
    * ``"per_step"``: moving averages that meta-training keeps for each inner step apart, in the inner loop too; while
      it trains, all items are normalised as in ``"transductive"``. Needs no statistics of a task (MAML++).
    * ``"none"``: no statistics of any batch; the network's stored ones, in the inner loop too.

    In the inner loop, ``"support"`` and ``"transductive"`` both normalise support items by their own statistics.

    Options of MAML++ make the training steadier or cheaper: `learn_rates`, `multi_step_until`, `first_order_until` and
    ``batch_statistics="per_step"``. With ``adapt_only="head"`` it is ANIL, whose inner loop costs next to nothing.

    Args:
        network: a built network ``[M, ...] -> [M, N]`` logits, or ``-> [M, D]`` values in regression.
        inner_rate: ``α``, or its initial value.
        inner_steps: gradient steps in meta-training.
        test_steps: gradient steps otherwise; `inner_steps` unless given.
        learn_rates: learns an ``α`` for each step and weight tensor instead of keeping it fixed.
        later_rate: factor on the rates of steps beyond those of training. Training for one step makes no step
            after it safe; with 0.5, as the paper has it for reinforcement learning, further steps go on improving.
        first_order: leaves the second derivatives out of meta-training.
        first_order_until: leaves them out of that many optimizer steps at the start.
        multi_step_until: begins with a loss of the queries after every inner step, all counting alike, of which
            only the last is left after that many optimizer steps; see `multi_step_weights`.
        batch_statistics: ``"support"``, ``"transductive"``, ``"per_step"`` or ``"none"``.
        adapt_only: ``"all"`` weights, or those of the ``"head"``, the last layer of a `keras.Sequential`; the layers
            before it are then a feature extractor that all tasks share (ANIL).
        task: ``"classification"`` (cross-entropy) or ``"regression"`` (mean squared error).
        engine: how the tasks of a batch are computed; see `tfmeta.core.fast_weights.FastNetwork`.

    Raises:
        ValueError: for an unknown option, or a network that cannot be adapted.

    Example:
        >>> from tfmeta.networks import conv4
        >>> learner = MAML(conv4(filters=8, downsampling="stride", outputs=5))
        >>> state = learner.adapt(tf.random.uniform([2, 5, 28, 28, 1]), tf.constant([[0, 1, 2, 3, 4]] * 2))
        >>> learner.respond(state, tf.random.uniform([2, 3, 28, 28, 1])).shape
        TensorShape([2, 3, 5])

    Reference:
        Finn, Abbeel, Levine. "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks." ICML 2017.
        Antoniou, Edwards, Storkey. "How to train your MAML." ICLR 2019.
        Raghu, Raghu, Bengio, Vinyals. "Rapid Learning or Feature Reuse?" ICLR 2020 (ANIL).
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        inner_rate: float = 0.4,
        inner_steps: int = 1,
        test_steps: int | None = None,
        learn_rates: bool = False,
        later_rate: float = 1.0,
        first_order: bool = False,
        first_order_until: int = 0,
        multi_step_until: int = 0,
        batch_statistics: BatchStatistics = "support",
        adapt_only: AdaptOnly = "all",
        task: Literal["classification", "regression"] = "classification",
        engine: Engine = "auto",
        **kwargs: Any,
    ):
        check(
            task in ("classification", "regression"),
            f"task={task!r}; expected 'classification' or 'regression'.",
        )
        check(
            batch_statistics in ("support", "transductive", "per_step", "none"),
            f"batch_statistics={batch_statistics!r}; expected 'support', 'transductive', 'per_step' or 'none'.",
        )
        check(adapt_only in ("all", "head"), f"adapt_only={adapt_only!r}; expected 'all' or 'head'.")
        check(
            inner_steps >= 0 and inner_rate > 0,
            f"inner_steps={inner_steps}, inner_rate={inner_rate}; expected steps >= 0 and a rate > 0.",
        )
        outputs = network.output_shape[-1]
        super().__init__(
            network,
            inner_steps=inner_steps,
            first_order=first_order,
            first_order_until=first_order_until,
            multi_step_until=multi_step_until,
            ways=outputs if task == "classification" else None,
            task=task,
            **kwargs,
        )
        self.inner_rate = inner_rate
        self.test_steps = test_steps
        self.learn_rates = learn_rates
        self.later_rate = later_rate
        self.batch_statistics = batch_statistics
        self.adapt_only = adapt_only
        self.engine = engine
        self.body: FastNetwork | None = None  # what all tasks share
        if adapt_only == "head":
            body, head = split_head(network)
            self.body, self.fast = FastNetwork(body, engine, variables=[]), FastNetwork(head, engine)
        else:
            self.fast = FastNetwork(network, engine)
        self.norms = [*(self.body.norms if self.body else []), *self.fast.norms]
        self.inner_rates = self.add_weight(
            name="inner_rates",
            shape=(max(inner_steps, 1), len(self.fast.variables)),
            initializer=keras.initializers.Constant(inner_rate),
            trainable=learn_rates,
        )
        self.step_moments = (
            PerStepMoments(self.norms, inner_steps + 1) if batch_statistics == "per_step" else None
        )

    def adapt(
        self, support_x: tf.Tensor, support_y: tf.Tensor, training: bool = False, steps: int | None = None
    ) -> tf.Tensor:
        """Learns each task of a batch by gradient descent on its support set.

        Args:
            support_x: labelled examples, ``[B, S, ...]``.
            support_y: labels ``[B, S]`` in ``0..N-1``, or targets ``[B, S, D]``.
            training: whether this call is part of meta-training, which takes `inner_steps` and not `test_steps`.
            steps: gradient steps, where neither is meant. Steps beyond `inner_steps` take the last rates times
                `later_rate`.

        Returns:
            The task states, ``[B, D]``.
        """
        steps = self._steps(training) if steps is None else steps
        return self._pack(*self._learn(support_x, support_y, steps, training)[-1])

    def respond(self, task_state: tf.Tensor, query_x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self._answer(self._unpack(task_state), query_x)

    def call(self, inputs: EpisodeInputs, training: bool = False) -> tf.Tensor | list[tf.Tensor]:
        """Learns each task of a batch and answers for its queries: `respond` after `adapt`.

        In the phase of meta-training that has a multi-step loss, answers are a list: those after every step.
        """
        # Without flattening the weights between the two.
        steps = self._steps(training)
        path = self._learn(inputs["support_x"], inputs["support_y"], steps, training)
        if training and self.phase.multi_step:
            return [
                self._answer(learnt, inputs["query_x"], step) for step, learnt in enumerate(path[1:], start=1)
            ]
        return self._answer(path[-1], inputs["query_x"], steps if training else None)

    def get_config(self) -> dict[str, Any]:
        names = (
            "inner_rate",
            "test_steps",
            "learn_rates",
            "later_rate",
            "batch_statistics",
            "adapt_only",
            "task",
            "engine",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _steps(self, training: bool) -> int:
        return self.inner_steps if training or self.test_steps is None else self.test_steps

    def _learn(
        self, support_x: tf.Tensor, support_y: tf.Tensor, steps: int, training: bool = False
    ) -> list[TaskWeights]:
        """Returns what is learnt before the first step and after each."""
        tasks = leading(support_x, 1)[0]
        first_order = self.phase.first_order
        x, of_body = self._embed(support_x, self._given(0, tasks, training))
        seen: list[list[Moments]] = []  # the support set's, under the weights before each step

        def run(evaluate: Callable, weights: list[tf.Tensor], step: int) -> tf.Tensor:
            given = self._given(step, tasks, training)
            outputs, moments = evaluate(weights, x, given and given[len(of_body) :])
            seen.append([*of_body, *moments])
            if given is None and self.step_moments:
                self.step_moments.observe(step, seen[-1])
            return outputs

        def loss(evaluate: Callable, first: int) -> Callable:
            return lambda weights, step: self._loss(support_y, run(evaluate, weights, first + step))

        # All tasks begin at the same weights, so the first step is taken from zero offsets to those.
        rates, slow = self._rates(steps), self.fast.slow_weights()
        zeros = [tf.zeros([tasks, *weight.shape], weight.dtype) for weight in slow]
        offsets = trajectory(loss(self.fast.at_slow_weights, 0), zeros, rates[:1], first_order=first_order)
        path = [[a + b for a, b in zip(slow, offset, strict=True)] for offset in [zeros, *offsets]]
        path += trajectory(loss(self.fast, 1), path[-1], rates[1:], first_order=first_order)
        if self.batch_statistics == "support":
            run(self.fast, path[-1], steps)
            return list(zip(path, seen, strict=True))
        return [(weights, self._given(step, tasks, training)) for step, weights in enumerate(path)]

    def _answer(self, learnt: TaskWeights, query_x: tf.Tensor, observed: int | None = None) -> tf.Tensor:
        """Answers for queries; `observed` is the number of steps after which meta-training does so."""
        weights, moments = learnt
        x, of_body = self._embed(query_x, moments)
        outputs, of_head = self.fast(weights, x, moments and moments[len(of_body) :])
        if observed is not None and self.step_moments:
            self.step_moments.observe(observed, [*of_body, *of_head])
        return outputs

    def _embed(self, x: tf.Tensor, moments: list[Moments] | None) -> tuple[tf.Tensor, list[Moments]]:
        """Runs the layers that all tasks share, if there are any, and returns the moments that were used."""
        if self.body is None:
            return x, []
        return self.body([], x, moments and moments[: len(self.body.norms)])

    def _given(self, step: int, tasks: int | tf.Tensor, training: bool) -> list[Moments] | None:
        """The moments that normalise items under the weights after `step` steps: None for the items' own."""
        if self.batch_statistics == "none":
            of_body = self.body.stored_moments(tasks) if self.body else []
            return of_body + self.fast.stored_moments(tasks)
        if self.batch_statistics == "per_step" and not training:
            return self.step_moments.at(step, tasks)
        return None

    def _loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The loss of each task on its support set: ``[B]``."""
        if self.task == "regression":
            return tf.reduce_mean(tf.math.squared_difference(targets, outputs), axis=[1, 2])
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(targets, tf.int32), outputs)
        return tf.reduce_mean(entropy, axis=1)

    def _rates(self, steps: int) -> list[list[tf.Tensor]]:
        rows = [tf.unstack(row) for row in tf.unstack(tf.convert_to_tensor(self.inner_rates))]
        later = [rate * self.later_rate for rate in rows[-1]]
        return [rows[step] if step < len(rows) else later for step in range(steps)]

    def _pack(self, weights: list[tf.Tensor], moments: list[Moments] | None) -> tf.Tensor:
        """Flattens a task's weights, and its support statistics if queries need them, into ``[B, D]``."""
        parts = [*weights, *tf.nest.flatten(moments if self.batch_statistics == "support" else [])]
        tasks = leading(weights[0], 1)[0]
        return tf.concat([tf.reshape(part, [tasks, -1]) for part in parts], axis=1)

    def _unpack(self, task_state: tf.Tensor) -> TaskWeights:
        tasks = leading(task_state, 1)[0]
        shapes = [variable.shape for variable in self.fast.variables]
        if self.batch_statistics == "support":
            shapes += [norm.moving_mean.shape for norm in self.norms for _ in range(2)]
        sizes = [tf.TensorShape(shape).num_elements() for shape in shapes]
        parts = [
            tf.reshape(part, [tasks, *shape])
            for part, shape in zip(tf.split(task_state, sizes, axis=1), shapes, strict=True)
        ]
        weights, rest = parts[: len(self.fast.variables)], parts[len(self.fast.variables) :]
        if self.batch_statistics == "support":
            return weights, list(zip(rest[::2], rest[1::2], strict=True))
        return weights, self._given(self._steps(training=False), tasks, training=False)
