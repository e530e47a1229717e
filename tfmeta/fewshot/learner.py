"""The contract that every few-shot learner keeps."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.core.shapes import EpisodeInputs
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

    Args:
        network: the Keras model inside, built.
        ways: classes of a task, where the learner is built for a fixed number; None for any number.
        task: ``"classification"``, where answers are logits ``[B, Q, N]``, or ``"regression"``,
            where they are values ``[B, Q, D]``.

    Attributes:
        task_by_task: whether a server works on the tasks of a request one after the other, for a learner that
            gains nothing from a batch of them.
    """

    task_by_task: ClassVar[bool] = False

    def __init__(
        self, network: keras.Model, *, ways: int | None = None, task: str = "classification", **kwargs: Any
    ):
        super().__init__(**kwargs)
        # XLA on a CPU makes these graphs slower, by three times and more.
        self.supports_jit = False
        self.network = network
        self.ways = ways
        self.task = task
        # The network arrives built and subclasses add their weights in __init__, so nothing waits for a call.
        self.built = True

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
        task_state = self.adapt(inputs["support_x"], inputs["support_y"], training=training)
        return self.respond(task_state, inputs["query_x"], training=training)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FewShotLearner:
        return cls(**{**config, "network": keras.saving.deserialize_keras_object(config["network"])})
