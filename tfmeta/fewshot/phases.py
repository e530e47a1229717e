"""Meta-training that changes while it goes on: from first order to second, from many losses to one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import EpisodeInputs
from tfmeta.fewshot.gradient import GradientLearner
from tfmeta.fewshot.multi_step import multi_step_weights

__all__ = ["Phase", "PhasedLearner"]


class Phase(NamedTuple):
    """What a training step computes.

    Attributes:
        first_order: leaves the second derivatives out.
        multi_step: takes the loss of the queries after every inner step, and not after the last alone.
    """

    first_order: bool
    multi_step: bool


class PhasedLearner(GradientLearner):
    """A learner by gradient descent, whose meta-training may begin otherwise than it ends.

    The phase of a step depends on the optimizer's count of steps alone, so a run that is resumed goes on in it. Each
    phase is a graph of its own, traced when it begins: none pays for what another computes, as it would for both
    branches of a condition, and a learner without phases is what it would be without this class. Where Keras takes
    several steps in one execution, they share the phase of the first.

    Subclasses ask `phase` in a call with ``training=True`` and return, where it says so, a list of answers.

    Args:
        network: the Keras model inside, built.
        first_order: leaves the second derivatives out of meta-training.
        first_order_until: leaves them out of that many optimizer steps at the start.
        multi_step_until: optimizer steps that take the multi-step loss; see `multi_step_weights`.
        **kwargs: as for `GradientLearner`.

    Raises:
        ValueError: for negative numbers of steps.
    """

    train_function: Any  # Keras makes it, and a function of ours takes its place

    def __init__(
        self,
        network: keras.Model,
        *,
        first_order: bool,
        first_order_until: int,
        multi_step_until: int,
        **kwargs: Any,
    ):
        check(
            first_order_until >= 0 and multi_step_until >= 0,
            f"first_order_until={first_order_until}, multi_step_until={multi_step_until}; expected numbers of"
            " optimizer steps, 0 for none.",
        )
        super().__init__(network, **kwargs)
        self.first_order = first_order
        self.first_order_until = first_order_until
        self.multi_step_until = multi_step_until
        self._phase: Phase | None = None

    @property
    def phase(self) -> Phase:
        """The phase of the training step that is being taken; outside of training, the last one."""
        return self._phase or Phase(self.first_order, multi_step=False)

    @property
    def in_first_order(self) -> bool:
        return self.phase.first_order

    def phase_of(self, step: int) -> Phase:
        """Returns the phase of an optimizer step."""
        return Phase(
            first_order=self.first_order or step < self.first_order_until,
            multi_step=self.inner_steps > 1 and step < self.multi_step_until,
        )

    def make_train_function(self, force: bool = False) -> None:
        """Makes what `fit` calls for a step: the train function of the step's phase."""
        if self.train_function is not None and not force:
            return
        make = super().make_train_function
        if not self.first_order_until and not self.multi_step_until:
            make(force)
            return
        functions: dict[Phase, Callable[[Any], Any]] = {}

        def take_step(iterator: Any) -> Any:
            self._phase = phase = self.phase_of(int(self.optimizer.iterations))
            try:
                if phase not in functions:
                    make(force=True)
                    functions[phase], self.train_function = self.train_function, take_step
                return functions[phase](iterator)
            finally:
                self._phase = None

        self.train_function = take_step

    def compute_loss(
        self,
        x: EpisodeInputs | None = None,
        y: tf.Tensor | None = None,
        y_pred: tf.Tensor | list[tf.Tensor] | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        """Returns the loss of the answers, or the multi-step loss of a list of them."""
        loss = super().compute_loss
        if not isinstance(y_pred, list):
            return loss(x, y, y_pred, sample_weight, training)
        losses = tf.stack([loss(x, y, answers, sample_weight, training) for answers in y_pred])
        weights = multi_step_weights(self.optimizer.iterations, len(y_pred), self.multi_step_until)
        return tf.reduce_sum(tf.cast(weights, losses.dtype) * losses)

    def compute_metrics(
        self,
        x: EpisodeInputs,
        y: tf.Tensor,
        y_pred: tf.Tensor | list[tf.Tensor],
        sample_weight: tf.Tensor | None = None,
    ) -> dict[str, Any]:
        """Returns the metrics of the answers, or of the last of a list of them."""
        last = y_pred[-1] if isinstance(y_pred, list) else y_pred
        return super().compute_metrics(x, y, last, sample_weight)

    def get_config(self) -> dict[str, Any]:
        names = ("first_order", "first_order_until", "multi_step_until")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
