"""Reptile: move the initial weights towards those that tasks end at."""

from typing import Any, Literal

import keras
import tensorflow as tf

from tfmeta.core.fast_weights import Engine
from tfmeta.core.shapes import EpisodeInputs
from tfmeta.fewshot.gradient import BatchStatistics, GradientLearner

__all__ = ["Reptile"]


@keras.saving.register_keras_serializable("tfmeta")
class Reptile(GradientLearner):
    """Adapts as `MAML` does, and is trained without differentiating through the adaptation.

    The meta-gradient is the way back from where the tasks of a batch ended (eq. 1 of the paper, as a gradient for any
    optimizer):

        g = mean_i (θ - θ'_i),    so that a step of size ε with plain SGD is    θ ← θ + ε mean_i (θ'_i - θ).

    Queries take no part in training: the loss that ``fit`` shows is theirs, and its gradient is `g`. With one inner
    step this is training on all tasks at once, so it takes several, on more examples of each class than MAML.

    Args:
        network: a built network ``[M, ...] -> [M, N]`` logits, or ``-> [M, D]`` values in regression.
        inner_rate: the rate of the gradient steps. It stays fixed, since no gradient says how to change it.
        inner_steps: gradient steps in training.
        test_steps: gradient steps otherwise; `inner_steps` unless given.
        later_rate: factor on the rate of steps beyond those of training.
        batch_statistics: what normalises the queries, as for `MAML`: ``"support"``, ``"transductive"``, ``"per_step"``
            or ``"none"``.
        task: ``"classification"`` (cross-entropy) or ``"regression"`` (mean squared error).
        inner_loss: another loss of the inner loop: a `keras.losses.Loss`, a registered function, or a name.
        engine: how the tasks of a batch are computed; see `tfmeta.core.fast_weights.FastNetwork`.

    Raises:
        ValueError: for an unknown option, or a network that cannot be adapted.

    Example:
        >>> from tfmeta.networks import conv4
        >>> learner = Reptile(conv4(filters=8, downsampling="stride", outputs=5), inner_rate=0.1, inner_steps=5)
        >>> state = learner.adapt(tf.random.uniform([2, 5, 28, 28, 1]), tf.constant([[0, 1, 2, 3, 4]] * 2))

    Reference:
        Nichol, Achiam, Schulman. "On First-Order Meta-Learning Algorithms." arXiv:1803.02999, 2018.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        inner_rate: float = 0.4,
        inner_steps: int = 1,
        test_steps: int | None = None,
        later_rate: float = 1.0,
        batch_statistics: BatchStatistics = "support",
        task: Literal["classification", "regression"] = "classification",
        engine: Engine = "auto",
        inner_loss: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            network,
            inner_rate=inner_rate,
            inner_steps=inner_steps,
            test_steps=test_steps,
            later_rate=later_rate,
            batch_statistics=batch_statistics,
            task=task,
            engine=engine,
            inner_loss=inner_loss,
            **kwargs,
        )
        self._set_up()

    def call(self, inputs: EpisodeInputs, training: bool = False) -> tf.Tensor:
        """Answers for the queries after learning each task; in training, adds the loss that moves the weights."""
        if not training:
            return super().call(inputs)
        learnt = self._learn(inputs["support_x"], inputs["support_y"], self.inner_steps, training)[-1]
        slow = self.fast.slow_weights()
        way_back = [
            tf.stop_gradient(start - tf.reduce_mean(end, axis=0))
            for start, end in zip(slow, learnt[0], strict=True)
        ]
        # A product of which one factor is a constant has it for its gradient; its value is of no interest.
        product = tf.add_n([tf.reduce_sum(g * start) for g, start in zip(way_back, slow, strict=True)])
        nothing = tf.cast(product - tf.stop_gradient(product), keras.config.floatx())  # as Keras's losses are
        self.add_loss(nothing)
        return tf.stop_gradient(self._answer(learnt, inputs["query_x"], self.inner_steps))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Reptile":
        # Files of earlier versions list MAML's options, at the values that leave them out.
        return super().from_config({name: value for name, value in config.items() if name not in _OF_MAML})


_OF_MAML = ("learn_rates", "first_order", "first_order_until", "multi_step_until", "adapt_only")
