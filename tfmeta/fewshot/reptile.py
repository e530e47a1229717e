"""Reptile: move the initial weights towards those that tasks end at."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import EpisodeInputs
from tfmeta.fewshot.maml import MAML

__all__ = ["Reptile"]


@keras.saving.register_keras_serializable("tfmeta")
class Reptile(MAML):
    """Adapts as MAML does, and is trained without differentiating through the adaptation.

    The meta-gradient is the way back from where the tasks of a batch ended (eq. 1 of the paper, as a gradient for any
    optimizer):

        g = mean_i (θ - θ'_i),    so that a step of size ε with plain SGD is    θ ← θ + ε mean_i (θ'_i - θ).

    Queries take no part in training: the loss that ``fit`` shows is theirs, and its gradient is `g`. With one inner
    step this is training on all tasks at once, so it takes several, on more examples of each class than MAML.

    Args:
        network: a built network, as for `MAML`.
        **kwargs: as for `MAML`. Rates stay fixed, since no gradient says how to change them.

    Raises:
        ValueError: for an option of MAML's meta-gradient.

    Example:
        >>> from tfmeta.networks import conv4
        >>> learner = Reptile(conv4(filters=8, downsampling="stride", outputs=5), inner_rate=0.1, inner_steps=5)
        >>> state = learner.adapt(tf.random.uniform([2, 5, 28, 28, 1]), tf.constant([[0, 1, 2, 3, 4]] * 2))

    Reference:
        Nichol, Achiam, Schulman. "On First-Order Meta-Learning Algorithms." arXiv:1803.02999, 2018.
    """

    def __init__(self, network: keras.Model, **kwargs: Any):
        for option, plain in _OF_THE_META_GRADIENT.items():
            given = kwargs.get(option, plain)
            check(
                given == plain,
                f"{option}={given!r} shapes MAML's meta-gradient, which Reptile does not take; leave it out.",
            )
        super().__init__(network, **kwargs)

    def call(self, inputs: EpisodeInputs, training: bool = False) -> tf.Tensor:
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
        self.add_loss(product - tf.stop_gradient(product))
        return tf.stop_gradient(self._answer(learnt, inputs["query_x"], self.inner_steps))


_OF_THE_META_GRADIENT = {
    "learn_rates": False,
    "first_order": False,
    "first_order_until": 0,
    "multi_step_until": 0,
    "adapt_only": "all",
}
