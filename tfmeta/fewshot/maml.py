"""MAML: weights from which a few gradient steps learn a task."""

from typing import Any, Literal

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.fast_weights import Engine
from tfmeta.core.shapes import EpisodeInputs
from tfmeta.fewshot.gradient import AdaptOnly, BatchStatistics
from tfmeta.fewshot.phases import PhasedLearner

__all__ = ["MAML"]


@keras.saving.register_keras_serializable("tfmeta")
class MAML(PhasedLearner):
    """Adapts a network to a task by gradient descent, and is trained through that descent.

    A task is learned by steps on the loss of its support set (eq. 1). The initial weights ``θ`` minimise the loss of
    the queries *after* those steps (eq. 2). Keras's ordinary ``fit`` does that, since calling the model adapts and then
    answers:

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
        adapt_only: ``"all"`` weights, or those of the ``"head"``, the last trainable layer; those before it are then a
            feature extractor that all tasks share (ANIL). These may be frozen, and may have dropout.
        task: ``"classification"`` (cross-entropy) or ``"regression"`` (mean squared error).
        inner_loss: another loss of the inner loop: a `keras.losses.Loss`, a registered function, or a name.
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
        inner_loss: Any = None,
        **kwargs: Any,
    ):
        check(adapt_only in ("all", "head"), f"adapt_only={adapt_only!r}; expected 'all' or 'head'.")
        super().__init__(
            network,
            inner_rate=inner_rate,
            inner_steps=inner_steps,
            test_steps=test_steps,
            later_rate=later_rate,
            first_order=first_order,
            first_order_until=first_order_until,
            multi_step_until=multi_step_until,
            batch_statistics=batch_statistics,
            task=task,
            engine=engine,
            inner_loss=inner_loss,
            **kwargs,
        )
        self.learn_rates = learn_rates
        self.adapt_only = adapt_only
        self._set_up(learn_rates=learn_rates, adapt_only=adapt_only)

    def call(self, inputs: EpisodeInputs, training: bool = False) -> tf.Tensor | list[tf.Tensor]:
        """Learns each task of a batch and answers for its queries: `respond` after `adapt`.

        In the phase of meta-training that has a multi-step loss, answers are a list: those after every step.
        """
        if not (training and self.phase.multi_step):
            return super().call(inputs, training)
        path = self._learn(inputs["support_x"], inputs["support_y"], self.inner_steps, training)
        return [
            self._answer(learnt, inputs["query_x"], step) for step, learnt in enumerate(path[1:], start=1)
        ]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "learn_rates": self.learn_rates, "adapt_only": self.adapt_only}
