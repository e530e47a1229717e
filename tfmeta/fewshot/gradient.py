"""What learners by gradient steps share: how a network descends on the support set of each task."""

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.fast_weights import Engine, FastNetwork
from tfmeta.core.graph_checks import after, require
from tfmeta.core.inner_loop import trajectory
from tfmeta.core.losses import align, cross_entropy, item_loss, mean_of_tasks, squared_error
from tfmeta.core.shapes import EpisodeInputs, leading, pack_tasks, unpack_tasks
from tfmeta.core.task_batch import Moments
from tfmeta.fewshot.head import split_head
from tfmeta.fewshot.inputs import check_logits, checked_items, checked_labels, fitting_episode, known_network
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.per_step import PerStepMoments
from tfmeta.fewshot.state_size import StateSize

__all__ = ["AdaptOnly", "BatchStatistics", "GradientLearner"]

BatchStatistics = Literal["support", "transductive", "per_step", "none"]
AdaptOnly = Literal["all", "head"]

# The weights of each task of a batch, and the moments that its queries are normalised by: None for their own.
TaskWeights = tuple[list[tf.Tensor], list[Moments] | None]


class GradientLearner(FewShotLearner):
    """Adapts a network to a task by gradient descent on the task's support set.

    A step changes the weights ``θ`` of each task of a batch by the gradient of its own loss:

        θ ← θ - α ∇_θ L_i(f_θ).

    The task state is the adapted weights, flattened, with the support set's batch statistics where those are used.
    How the initial weights are trained is left to the subclass, which also decides whether rates are learnt and which
    layers adapt (`_set_up`).

    Args:
        network: a built network ``[M, ...] -> [M, N]`` logits, or ``-> [M, D]`` values in regression.
        inner_rate: ``α``, or its initial value.
        inner_steps: gradient steps in meta-training.
        test_steps: gradient steps otherwise; `inner_steps` if None.
        later_rate: factor on the rates of steps beyond those of training.
        batch_statistics: ``"support"``, ``"transductive"``, ``"per_step"`` or ``"none"``; see
            `tfmeta.fewshot.maml.MAML`.
        task: ``"classification"`` (cross-entropy) or ``"regression"`` (mean squared error).
        inner_loss: the loss of the inner loop in place of these: a `keras.losses.Loss`, a registered function of
            targets and outputs, or a name that Keras knows. Its mean over the items of a task is taken.
        engine: how the tasks of a batch are computed; see `tfmeta.core.fast_weights.FastNetwork`.

    Raises:
        ValueError: for an unknown option, or a network that cannot be adapted.
    """

    task_by_task: ClassVar[bool] = True

    def __init__(
        self,
        network: keras.Model,
        *,
        inner_rate: float,
        inner_steps: int,
        test_steps: int | None,
        later_rate: float,
        batch_statistics: BatchStatistics,
        task: Literal["classification", "regression"],
        engine: Engine,
        inner_loss: Any = None,
        **kwargs: Any,
    ):
        network = known_network(network)
        check(
            task in ("classification", "regression"),
            f"task={task!r}; expected 'classification' or 'regression'.",
        )
        check(
            batch_statistics in ("support", "transductive", "per_step", "none"),
            f"batch_statistics={batch_statistics!r}; expected 'support', 'transductive', 'per_step' or 'none'.",
        )
        check(
            inner_steps >= 0 and inner_rate > 0,
            f"inner_steps={inner_steps}, inner_rate={inner_rate}; expected steps >= 0 and a rate > 0.",
        )
        if task == "classification":
            check_logits(network)
        ways = network.output_shape[-1] if task == "classification" else None
        super().__init__(network, ways=ways, task=task, **kwargs)
        self.inner_rate = inner_rate
        self.inner_steps = inner_steps
        self.test_steps = test_steps
        self.later_rate = later_rate
        self.batch_statistics = batch_statistics
        self.engine = engine
        self.inner_loss = keras.losses.deserialize(inner_loss) if isinstance(inner_loss, dict) else inner_loss
        self._item_loss = None if inner_loss is None else item_loss(self.inner_loss)

    def _set_up(self, *, learn_rates: bool = False, adapt_only: AdaptOnly = "all") -> None:
        """Makes the fast network and the rates; each subclass calls it at the end of its constructor."""
        network, engine = self.network, self.engine
        self.body: FastNetwork | None = None  # what all tasks share
        if adapt_only == "head":
            body, head = split_head(network)
            self.body, self.fast = FastNetwork(body, engine, variables=[]), FastNetwork(head, engine)
        else:
            self.fast = FastNetwork(network, engine)
        check(
            bool(self.fast.variables),
            f"The network {network.name!r} has no trainable weights, so gradient steps would change nothing; unfreeze"
            " a layer.",
        )
        self.norms = [*(self.body.norms if self.body else []), *self.fast.norms]
        self.inner_rates = self.add_weight(
            name="inner_rates",
            shape=(max(self.inner_steps, 1), len(self.fast.variables)),
            initializer=keras.initializers.Constant(self.inner_rate),
            trainable=learn_rates,
        )
        self.step_moments = (
            PerStepMoments(self.norms, self.inner_steps + 1) if self.batch_statistics == "per_step" else None
        )

    @property
    def in_first_order(self) -> bool:
        """Whether a gradient through the adaptation leaves out the second derivatives."""
        return False

    @property
    def state_size(self) -> StateSize:
        return StateSize(sum(map(math.prod, self._state_shapes())))

    @property
    def mean_rate(self) -> float:
        return float(np.mean(self.inner_rates))

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

    def call(self, inputs: EpisodeInputs, training: bool = False) -> tf.Tensor:
        """Learns each task of a batch and answers for its queries: `respond` after `adapt`."""
        # Without flattening the weights between the two.
        inputs = fitting_episode(inputs)
        steps = self._steps(training)
        path = self._learn(inputs["support_x"], inputs["support_y"], steps, training)
        return self._answer(path[-1], inputs["query_x"], steps if training else None)

    def get_config(self) -> dict[str, Any]:
        names = (
            "inner_rate",
            "inner_steps",
            "test_steps",
            "later_rate",
            "batch_statistics",
            "task",
            "engine",
        )
        config = {**super().get_config(), **{name: getattr(self, name) for name in names}}
        if self.inner_loss is not None:
            config["inner_loss"] = keras.losses.serialize(keras.losses.get(self.inner_loss))
        return config

    def _steps(self, training: bool) -> int:
        return self.inner_steps if training or self.test_steps is None else self.test_steps

    def _learn(
        self, support_x: tf.Tensor, support_y: tf.Tensor, steps: int, training: bool = False
    ) -> list[TaskWeights]:
        """Returns what is learnt before the first step and after each."""
        support_x = checked_items(self.network, support_x, "support_x")
        tasks = leading(support_x, 1)[0]
        support_y = self._fitting(support_y)
        first_order = self.in_first_order
        x, of_body = self._embed(support_x, self._given(0, tasks, training), training)
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

    def _fitting(self, support_y: tf.Tensor) -> tf.Tensor:
        """Checks that the head has an output for each label."""
        if self.ways is None:
            return tf.convert_to_tensor(support_y)
        support_y = checked_labels(support_y)
        low, high = tf.reduce_min(support_y), tf.reduce_max(support_y)
        rule = f"; expected 0 to {self.ways - 1}, since this learner tells {self.ways} classes apart."
        fits = (tf.size(support_y) == 0) | ((low >= 0) & (high < self.ways))
        return after([require(fits, "support_y holds labels from ", low, " to ", high, rule)], support_y)[0]

    def _answer(self, learnt: TaskWeights, query_x: tf.Tensor, observed: int | None = None) -> tf.Tensor:
        """Answers for queries; `observed` is the number of steps after which meta-training does so."""
        weights, moments = learnt
        query_x = checked_items(self.network, query_x, "query_x")
        x, of_body = self._embed(query_x, moments, observed is not None)
        outputs, of_head = self.fast(weights, x, moments and moments[len(of_body) :])
        if observed is not None and self.step_moments:
            self.step_moments.observe(observed, [*of_body, *of_head])
        return outputs

    def _embed(
        self, x: tf.Tensor, moments: list[Moments] | None, training: bool
    ) -> tuple[tf.Tensor, list[Moments]]:
        """Runs the layers that all tasks share, if there are any, and returns the moments that were used."""
        if self.body is None:
            return x, []
        return self.body([], x, moments and moments[: len(self.body.norms)], training)

    def _given(self, step: int, tasks: int | tf.Tensor, training: bool) -> list[Moments] | None:
        """The moments that normalise items under the weights after `step` steps: None for the items' own."""
        if self.batch_statistics == "none":
            of_body = self.body.stored_moments(tasks) if self.body else []
            return of_body + self.fast.stored_moments(tasks)
        if self.step_moments and not training:
            return self.step_moments.at(step, tasks)
        return None

    def _loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The loss of each task on its support set: ``[B]``."""
        if self._item_loss is not None:
            targets = align(targets, outputs) if self.ways is None else targets
            return mean_of_tasks(self._item_loss(targets, outputs))
        return squared_error(targets, outputs) if self.ways is None else cross_entropy(targets, outputs)

    def _rates(self, steps: int) -> list[list[tf.Tensor]]:
        rows = [tf.unstack(row) for row in tf.unstack(tf.convert_to_tensor(self.inner_rates))]
        later = [rate * self.later_rate for rate in rows[-1]]
        return [rows[step] if step < len(rows) else later for step in range(steps)]

    def _pack(self, weights: list[tf.Tensor], moments: list[Moments] | None) -> tf.Tensor:
        """Flattens a task's weights, and its support statistics if queries need them, into ``[B, D]``."""
        return pack_tasks([*weights, *tf.nest.flatten(moments if self.batch_statistics == "support" else [])])

    def _unpack(self, task_state: tf.Tensor) -> TaskWeights:
        tasks, parts = leading(task_state, 1)[0], unpack_tasks(task_state, self._state_shapes())
        weights, rest = parts[: len(self.fast.variables)], parts[len(self.fast.variables) :]
        if self.batch_statistics == "support":
            return weights, list(zip(rest[::2], rest[1::2], strict=True))
        return weights, self._given(self._steps(training=False), tasks, training=False)

    def _state_shapes(self) -> list[tuple[int, ...]]:
        """The shapes of a task's weights, and of the means and variances where the support set gives them."""
        shapes = [tuple(variable.shape) for variable in self.fast.variables]
        if self.batch_statistics == "support":
            shapes += [tuple(norm.moving_mean.shape) for norm in self.norms for _ in range(2)]
        return shapes
