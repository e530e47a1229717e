"""MAML: weights from which a few gradient steps learn a task."""

from collections.abc import Callable
from typing import Any, Literal

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.fast_weights import Engine, FastNetwork
from tfmeta.core.inner_loop import descend
from tfmeta.core.shapes import EpisodeInputs, leading
from tfmeta.core.task_batch import Moments
from tfmeta.fewshot.learner import FewShotLearner

__all__ = ["MAML", "BatchStatistics"]

BatchStatistics = Literal["support", "transductive", "none"]

TaskWeights = tuple[list[tf.Tensor], list[Moments] | None]


@keras.saving.register_keras_serializable("tfmeta")
class MAML(FewShotLearner):
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
    * ``"none"``: no statistics of any batch; the network's stored ones, in the inner loop too.

    In the inner loop, ``"support"`` and ``"transductive"`` both normalise support items by their own statistics.

    Args:
        network: a built network ``[M, ...] -> [M, N]`` logits, or ``-> [M, D]`` values in regression.
        inner_rate: ``α``, or its initial value.
        inner_steps: gradient steps in meta-training.
        test_steps: gradient steps otherwise; `inner_steps` unless given.
        learn_rates: learns an ``α`` for each step and weight tensor instead of keeping it fixed.
        later_rate: factor on the rates of steps beyond those of training. Training for one step makes no step
            after it safe; with 0.5, as the paper has it for reinforcement learning, further steps go on improving.
        first_order: leaves the second derivatives out of meta-training.
        batch_statistics: ``"support"``, ``"transductive"`` or ``"none"``.
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
        batch_statistics: BatchStatistics = "support",
        task: Literal["classification", "regression"] = "classification",
        engine: Engine = "auto",
        **kwargs: Any,
    ):
        check(
            task in ("classification", "regression"),
            f"task={task!r}; expected 'classification' or 'regression'.",
        )
        check(
            batch_statistics in ("support", "transductive", "none"),
            f"batch_statistics={batch_statistics!r}; expected 'support', 'transductive' or 'none'.",
        )
        check(
            inner_steps >= 0 and inner_rate > 0,
            f"inner_steps={inner_steps}, inner_rate={inner_rate}; expected steps >= 0 and a rate > 0.",
        )
        outputs = network.output_shape[-1]
        super().__init__(network, ways=outputs if task == "classification" else None, task=task, **kwargs)
        self.inner_rate = inner_rate
        self.inner_steps = inner_steps
        self.test_steps = test_steps
        self.learn_rates = learn_rates
        self.later_rate = later_rate
        self.first_order = first_order
        self.batch_statistics = batch_statistics
        self.engine = engine
        self.fast = FastNetwork(network, engine)
        self.inner_rates = self.add_weight(
            name="inner_rates",
            shape=(max(inner_steps, 1), len(self.fast.variables)),
            initializer=keras.initializers.Constant(inner_rate),
            trainable=learn_rates,
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
        return self._pack(
            *self._learn(support_x, support_y, self._steps(training) if steps is None else steps)
        )

    def respond(self, task_state: tf.Tensor, query_x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self._answer(*self._unpack(task_state), query_x)

    def call(self, inputs: EpisodeInputs, training: bool = False) -> tf.Tensor:
        # The composition of `adapt` and `respond`, without flattening the weights in between.
        learnt = self._learn(inputs["support_x"], inputs["support_y"], self._steps(training))
        return self._answer(*learnt, inputs["query_x"])

    def get_config(self) -> dict[str, Any]:
        names = (
            "inner_rate",
            "inner_steps",
            "test_steps",
            "learn_rates",
            "later_rate",
            "first_order",
            "batch_statistics",
            "task",
            "engine",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _steps(self, training: bool) -> int:
        return self.inner_steps if training or self.test_steps is None else self.test_steps

    def _learn(self, support_x: tf.Tensor, support_y: tf.Tensor, steps: int) -> TaskWeights:
        tasks = leading(support_x, 1)[0]
        stored = self.fast.stored_moments(tasks) if self.batch_statistics == "none" else None

        def loss(evaluate: Callable[..., tuple[tf.Tensor, list[Moments]]]) -> Callable:
            return lambda weights, step: self._loss(support_y, evaluate(weights, support_x, stored)[0])

        # All tasks begin at the same weights, so the first step is taken from zero offsets to those.
        rates, slow = self._rates(steps), self.fast.slow_weights()
        start = [tf.zeros([tasks, *weight.shape], weight.dtype) for weight in slow]
        offsets = descend(loss(self.fast.at_slow_weights), start, rates[:1], first_order=self.first_order)
        weights = [weight + offset for weight, offset in zip(slow, offsets, strict=True)]
        weights = descend(loss(self.fast), weights, rates[1:], first_order=self.first_order)
        if self.batch_statistics == "support":
            return weights, self.fast(weights, support_x)[1]
        return weights, stored

    def _answer(
        self, weights: list[tf.Tensor], moments: list[Moments] | None, query_x: tf.Tensor
    ) -> tf.Tensor:
        return self.fast(weights, query_x, moments)[0]

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
            shapes += [norm.moving_mean.shape for norm in self.fast.norms for _ in range(2)]
        sizes = [tf.TensorShape(shape).num_elements() for shape in shapes]
        parts = [
            tf.reshape(part, [tasks, *shape])
            for part, shape in zip(tf.split(task_state, sizes, axis=1), shapes, strict=True)
        ]
        weights, rest = parts[: len(self.fast.variables)], parts[len(self.fast.variables) :]
        if self.batch_statistics == "none":
            return weights, self.fast.stored_moments(tasks)
        if self.batch_statistics == "transductive":
            return weights, None
        return weights, list(zip(rest[::2], rest[1::2], strict=True))
