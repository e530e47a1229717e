"""Few-shot learners as servables: adapt and answer in one request, or adapt once and predict often."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.checks import check
from tfmeta.core.export import Servable, Signature
from tfmeta.core.graph_checks import after, check_finite, check_leading, check_shape, require
from tfmeta.fewshot.learner import FewShotLearner

__all__ = ["few_shot_servable"]

Answer = dict[str, tf.Tensor]


def few_shot_servable(
    learner: FewShotLearner, name: str, *, example_episode: Mapping[str, np.ndarray], card: Card
) -> Servable:
    """Makes the signatures of a learner.

    ===================  =============================  =============================================
    signature            inputs                         outputs
    ===================  =============================  =============================================
    ``classify``         support_x, support_y, query_x  probabilities ``[B, Q, N]``, labels ``[B, Q]``
    ``regress``          the same, in regression        predictions ``[B, Q, D]``
    ``serving_default``  as ``classify`` or ``regress``
    ``adapt``            support_x, support_y           task_state ``[B, D]``
    ``predict``          task_state, query_x            as ``classify`` or ``regress``
    ``describe``         rows ``[B]``, may be left out  see below, a row each
    ===================  =============================  =============================================

    ``support_x`` and ``query_x`` are float32 ``[B, S, ...]`` and ``[B, Q, ...]``; ``support_y`` is int64
    ``[B, S]``, or float32 ``[B, S, D]`` in regression. A request that does not fit fails with a message that
    says what came, what was expected, and how to mend it.

    ``describe`` says ``task``, ``ways`` (0: any number), ``input_shape``, ``inner_rate`` (0: no gradient
    steps), ``git_hash`` and ``card`` (JSON). Its input counts nothing but rows: TF Serving's batching refuses
    requests without inputs, and tensors without a leading dimension.

    Args:
        learner: the learner, with its trained weights.
        name: name of the model.
        example_episode: ``support_x``, ``support_y`` and ``query_x`` of a task or more, for the warm-up.
        card: the model card.

    Returns:
        A servable for `tfmeta.core.export.export`.

    Raises:
        ValueError: if the example does not fit the learner.

    Example:
        >>> import keras
        >>> from tfmeta.fewshot.prototypical import PrototypicalNetwork
        >>> learner = PrototypicalNetwork(keras.Sequential([keras.Input([2]), keras.layers.Dense(3)]))
        >>> points = np.random.rand(1, 5, 2)
        >>> episode = {"support_x": points[:, :4], "support_y": [[0, 1, 2, 3]], "query_x": points[:, 4:]}
        >>> servable = few_shot_servable(learner, "points", example_episode=episode, card=Card("Points."))
        >>> sorted(servable.signatures)
        ['adapt', 'classify', 'describe', 'predict', 'serving_default']
    """
    requests = _Requests(learner, example_episode)

    def answer(outputs: tf.Tensor) -> Answer:
        if learner.task == "regression":
            return {"predictions": outputs}
        return {"probabilities": tf.nn.softmax(outputs), "labels": tf.argmax(outputs, axis=-1)}

    def learn_and_answer(support_x: tf.Tensor, support_y: tf.Tensor, query_x: tf.Tensor) -> Answer:
        support_x, support_y, query_x = requests.episode(support_x, support_y, query_x)
        return answer(
            learner({"support_x": support_x, "support_y": support_y, "query_x": query_x}, training=False)
        )

    def adapt(support_x: tf.Tensor, support_y: tf.Tensor) -> Answer:
        return {"task_state": learner.adapt(*requests.support(support_x, support_y))}

    def predict(task_state: tf.Tensor, query_x: tf.Tensor) -> Answer:
        return answer(learner.respond(*requests.query(task_state, query_x)))

    support_x, support_y, query_x = requests.specs
    example = requests.example
    support = {key: example[key] for key in ("support_x", "support_y")}
    state = learner.adapt(**{key: tf.constant(value) for key, value in support.items()}).numpy()
    task_state = tf.TensorSpec(
        [None, None if requests.free_state else requests.state_size], name="task_state"
    )

    whole = Signature(learn_and_answer, requests.specs, example)
    return Servable(
        name,
        {
            "serving_default": whole,
            "regress" if learner.task == "regression" else "classify": whole,
            "adapt": Signature(adapt, (support_x, support_y), support),
            "predict": Signature(
                predict, (task_state, query_x), {"task_state": state, "query_x": example["query_x"]}
            ),
            "describe": _describe(learner, requests.item, card),
        },
        tracked=[learner],
        card=card,
    )


class _Requests:
    """What the requests of a learner look like, and the checks that say so in the graph."""

    def __init__(self, learner: FewShotLearner, example_episode: Mapping[str, Any]):
        self.regression = learner.task == "regression"
        self.ways = learner.ways
        self.item = tuple(learner.network.input_shape[1:])
        target = np.float32 if self.regression else np.int64
        self.example = {
            "support_x": np.asarray(example_episode["support_x"], np.float32),
            "support_y": np.asarray(example_episode["support_y"], target),
            "query_x": np.asarray(example_episode["query_x"], np.float32),
        }
        for key in ("support_x", "query_x"):
            check(
                self.example[key].shape[2:] == self.item and self.example[key].size > 0,
                f"the example's {key} has the shape {self.example[key].shape}; the network needs"
                f" [B, M, {', '.join(map(str, self.item))}], with at least one item.",
            )
        self.target = self.example["support_y"].shape[2:]
        self.specs = (
            tf.TensorSpec([None, None, *self.item], tf.float32, "support_x"),
            tf.TensorSpec([None, None, *self.target], target, "support_y"),
            tf.TensorSpec([None, None, *self.item], tf.float32, "query_x"),
        )
        # A state either has one size, or grows with the task: tasks of one item and of two tell which.
        self.state_size, larger = (self._state_size(learner, items) for items in (1, 2))
        self.free_state = larger != self.state_size

    def _state_size(self, learner: FewShotLearner, items: int) -> int:
        y = np.zeros([1, items, *self.target], np.float32) if self.regression else np.arange(items)[None]
        return learner.adapt(tf.zeros([1, items, *self.item]), tf.constant(y)).shape[-1]

    def support(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, ...]:
        x = self._items("support_x", x, "S")
        y = check_shape("support_y", y, ("B", "S", *self.target), "one label for each item of support_x")
        x, y = check_leading(support_x=x, support_y=y)
        items, labels = tf.shape(x)[1], tf.shape(y)[1]
        x, y = after([
            require(items > 0, "the support set is empty, support_x has the shape ", tf.shape(x),
                    "; expected at least one labelled example of each class."),
            require(items == labels, "support_x holds ", items, " items but support_y ", labels,
                    " labels; expected one label for each item."),
        ], x, y)  # fmt: skip
        return x, check_finite("support_y", y) if self.regression else self._labels(y)

    def query(self, task_state: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        fix = "send back what adapt returned, unchanged"
        unit = self.state_size
        task_state = check_shape("task_state", task_state, ("B", "D" if self.free_state else unit), fix)
        if self.free_state:
            size = tf.shape(task_state)[1]
            whole = (size > 0) & (size % unit == 0)
            rule = f" numbers a task, expected a multiple of {unit}; {fix}."
            (task_state,) = after([require(whole, "task_state has ", size, rule)], task_state)
        x = self._items("query_x", x, "Q")
        return check_leading(task_state=check_finite("task_state", task_state), query_x=x)

    def episode(
        self, support_x: tf.Tensor, support_y: tf.Tensor, query_x: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        support_x, support_y = self.support(support_x, support_y)
        query_x = self._items("query_x", query_x, "Q")
        return check_leading(support_x=support_x, support_y=support_y, query_x=query_x)

    def _items(self, name: str, x: tf.Tensor, letter: str) -> tf.Tensor:
        image = len(self.item) == 3
        fix = f"resize the images to {self.item[0]}x{self.item[1]}" if image else ""
        return check_finite(name, check_shape(name, x, ("B", letter, *self.item), fix))

    def _labels(self, y: tf.Tensor) -> tf.Tensor:
        low, high = tf.reduce_min(y), tf.reduce_max(y)
        if self.ways is not None:
            rule = f"expected 0 to {self.ways - 1}, since this learner tells {self.ways} classes apart."
            most = tf.constant(self.ways, y.dtype)
        else:  # Each class has an example; without a bound, one huge label would take all memory.
            rule = "expected classes numbered 0, 1, 2, ... without gaps, so labels below the number of items."
            most = tf.shape(y, out_type=y.dtype)[1]
        fits = (low >= 0) & (high < most)
        return after([require(fits, "support_y holds labels from ", low, " to ", high, "; ", rule)], y)[0]


def _describe(learner: FewShotLearner, item: tuple[int, ...], card: Card) -> Signature:
    # Learnt rates are one for each step and tensor; their mean is what a reader wants to know.
    rates = getattr(learner, "inner_rates", None)
    facts = {
        "task": learner.task,
        "ways": np.int64(learner.ways or 0),
        "input_shape": np.array(item, np.int64),
        "inner_rate": np.float32(0.0 if rates is None else np.mean(rates)),
        "git_hash": card.git_hash,
        "card": card.to_json(),
    }
    any_row = tf.constant([0], tf.int64)

    def describe(rows: tf.Tensor = any_row) -> Answer:
        count = tf.shape(check_shape("rows", rows, ("B",)))[0]
        return {key: _repeat(fact, count) for key, fact in facts.items()}

    return Signature(describe, (tf.TensorSpec([None], tf.int64, "rows"),), {"rows": np.zeros(1, np.int64)})


def _repeat(fact: Any, count: tf.Tensor) -> tf.Tensor:
    constant = tf.constant(fact)
    return tf.broadcast_to(constant, tf.concat([[count], constant.shape], axis=0))
