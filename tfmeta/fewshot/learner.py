"""The contract that every few-shot learner keeps."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, check
from tfmeta.core.layer_checks import precision
from tfmeta.core.shapes import EpisodeInputs
from tfmeta.fewshot.inputs import fitting_episode, known_network
from tfmeta.fewshot.state_size import StateSize

__all__ = ["FewShotLearner"]


class FewShotLearner(keras.Model):
    """A model that is called with a task's labelled examples and answers for its queries.

    A learner is two functions, and calling it composes them:

    * `adapt` learns a task: ``(support_x, support_y) -> task_state [B, D]``;
    * `respond` answers with what was learnt: ``(task_state, query_x) -> [B, Q, N]``.

    The task state is a plain tensor, and holds all that `respond` needs besides the weights. It can be kept, sent over
    a wire and used by another process with the same weights. `state_size` declares how many numbers it has. A learner
    is a `keras.Model` over batches of tasks, so ``compile``, ``fit``, ``evaluate``, callbacks and ``save`` are Keras's
    own.

    The served signature of `respond` is called ``predict``. The method is not, because `keras.Model.predict` means
    something else. A learner knows nothing of signatures: `tfmeta.fewshot.servable` makes those that every learner
    has, and `tfmeta.fewshot.extras` is where a kind of learner gets more.

    Subclasses define `adapt`, `respond`, `state_size` and, where the constructor takes more, `get_config`.

    A learner computes in float32, or in float64 where its network has such weights. So its gradient steps, distances
    and task states lose nothing where the network computes in half precision (``mixed_float16``).

    Args:
        network: the Keras model inside, built, with one input and one output.
        ways: classes of a task, where the learner is built for a fixed number; None for any number.
        task: ``"classification"``, where answers are logits ``[B, Q, N]``, or ``"regression"``,
            where they are values ``[B, Q, D]``.

    Attributes:
        task_by_task: whether a server works on the tasks of a request one after the other, for a learner that
            gains nothing from a batch of them.
    """

    task_by_task: ClassVar[bool] = False
    optimizer: Any  # what Keras keeps of `compile`

    def __init__(
        self, network: keras.Model, *, ways: int | None = None, task: str = "classification", **kwargs: Any
    ):
        network = known_network(network)
        # An older file may name the policy of its network here.
        super().__init__(**{**kwargs, "dtype": precision(network)})
        # XLA on a CPU makes these graphs slower, by three times and more.
        self.supports_jit = False
        self.network = network
        self.ways = ways
        self.task = task
        # The network arrives built and subclasses add their weights in __init__, so nothing waits for a call.
        self.built = True
        self._frozen = _frozen_layers(network)

    def adapt(self, support_x: tf.Tensor, support_y: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Learns each task of a batch from its support set.

        Args:
            support_x: labelled examples, ``[B, S, ...]``.
            support_y: labels ``[B, S]`` in ``0..N-1``, or targets ``[B, S, D]``.
            training: whether this call is part of meta-training.

        Returns:
            The task states, ``[B, D]``.
        """
        raise NotImplementedError

    def respond(self, task_state: tf.Tensor, query_x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Answers for the queries of each task.

        Args:
            task_state: what `adapt` returned, ``[B, D]``.
            query_x: examples to answer for, ``[B, Q, ...]``.
            training: whether this call is part of meta-training.

        Returns:
            Logits ``[B, Q, N]``, or values ``[B, Q, D]`` in regression.
        """
        raise NotImplementedError

    @property
    def state_size(self) -> StateSize:
        """How many numbers a task state has. Servers check the states that clients send back against it.

        Raises:
            TfmetaError: if the class does not declare it.
        """
        name = type(self).__name__
        raise TfmetaError(
            f"{name} does not declare the size of its task states; give it a property state_size that returns"
            " StateSize(D), or StateSize(0, step=D) for D numbers a class or a support item."
        )

    @property
    def mean_rate(self) -> float:
        """The mean rate of the gradient steps that `adapt` takes, as ``describe`` tells it; 0 where it takes none."""
        return 0.0

    def call(self, inputs: EpisodeInputs, training: bool = False) -> tf.Tensor:
        """Learns each task of a batch and answers for its queries: `respond` after `adapt`."""
        inputs = fitting_episode(inputs)
        task_state = self.adapt(inputs["support_x"], inputs["support_y"], training=training)
        return self.respond(task_state, inputs["query_x"], training=training)

    def compile(self, *args: Any, auto_scale_loss: bool = True, **kwargs: Any) -> None:
        """Compiles as Keras does, and scales the loss where the network computes in float16."""
        super().compile(*args, auto_scale_loss=auto_scale_loss, **kwargs)
        scaled = keras.optimizers.LossScaleOptimizer
        halved = any(layer.compute_dtype == "float16" for layer in self.network._flatten_layers())
        if auto_scale_loss and halved and self.optimizer and not isinstance(self.optimizer, scaled):
            self.optimizer = scaled(self.optimizer, name="loss_scale_optimizer")

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles a learner that was read from a file; Keras asks for this where `compile` is overridden."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains as Keras does.

        Raises:
            ValueError: for weights of classes, or for tasks without end and without a number of steps.
        """
        _check_class_weight(kwargs)
        _check_end(x, kwargs, "steps_per_epoch", "fit")
        _check_end(kwargs.get("validation_data"), kwargs, "validation_steps", "fit")
        return super().fit(x, *args, **kwargs)

    def evaluate(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Evaluates as Keras does.

        Raises:
            ValueError: for tasks without end and without a number of steps.
        """
        _check_end(x, kwargs, "steps", "evaluate")
        return super().evaluate(x, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Answers as Keras does.

        Raises:
            ValueError: for tasks without end and without a number of steps.
        """
        _check_end(x, kwargs, "steps", "predict")
        return super().predict(x, *args, **kwargs)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Takes a training step as Keras does.

        Raises:
            ValueError: for weights of classes.
        """
        _check_class_weight(kwargs)
        return super().train_on_batch(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "network": keras.saving.serialize_keras_object(self.network)}
        # What adapts was settled when the learner was built, so it is built again with the layers frozen that were so.
        frozen = self._frozen
        return config if frozen == _frozen_layers(self.network) else {**config, "frozen": frozen}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FewShotLearner:
        network = keras.saving.deserialize_keras_object(config["network"])
        config = {**config, "network": network}
        frozen = config.pop("frozen", None)
        if frozen is None:
            return cls(**config)
        now = _frozen_layers(network)
        _freeze(network, frozen)
        try:
            return cls(**config)
        finally:
            _freeze(network, now)


def _frozen_layers(network: keras.Model) -> list[int]:
    """Returns which layers of a network are frozen, by their number."""
    return [number for number, layer in enumerate(network._flatten_layers()) if not layer.trainable]


def _freeze(network: keras.Model, frozen: list[int]) -> None:
    """Freezes these layers of a network, and no others."""
    for number, layer in enumerate(list(network._flatten_layers())):
        layer.trainable = number not in frozen  # and with it what is inside, which comes later


def _check_class_weight(options: dict[str, Any]) -> None:
    check(
        options.get("class_weight") is None,
        "class_weight has no meaning here, since class 0 of one task is not class 0 of another; give a weight"
        " [B, Q] for each query as sample_weight, or as the third of what a data set yields.",
    )


def _check_end(data: Any, options: dict[str, Any], name: str, verb: str) -> None:
    endless = isinstance(data, tf.data.Dataset) and data.cardinality() == tf.data.INFINITE_CARDINALITY
    check(
        not endless or options.get(name) is not None,
        f"these tasks have no end, so {verb} would not end either; say how many batches it takes, as {name}=100.",
    )
