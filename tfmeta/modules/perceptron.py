"""What describe and measure share: a hidden layer between what they look at and the labels."""

from typing import Any

import tensorflow as tf

from tfmeta.modules.layer import ModuleLayer, ModuleSettings
from tfmeta.modules.weights import linear

__all__ = ["Perceptron"]


class Perceptron(ModuleLayer):
    """Answers by ``A σ(B x + v^i)``; a subclass says what ``x`` is.

    Args:
        settings: what it is built for.
        inputs: how many numbers ``x`` has.
        seed: of the initial weights.
    """

    def __init__(self, settings: ModuleSettings, *, inputs: int, **kwargs: Any):
        super().__init__(settings, **kwargs)
        self.v = self.weight("v", [settings.words, settings.hidden], "small")
        self.B = self.weight("B", [inputs, settings.hidden])
        self.A = self.weight("A", [settings.hidden, len(settings.answers)])

    def scores(self, words: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """What the softmax is taken of: arguments ``[B, S]`` and ``x [B, S, inputs]`` to ``[B, S, A]``."""
        return linear(tf.nn.relu(linear(x, self.B) + tf.gather(self.v, words)), self.A)
