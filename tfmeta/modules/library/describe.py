"""describe: what is there, from the features that are attended to."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.data.layouts import MODULES
from tfmeta.modules.attending import mean_features
from tfmeta.modules.layer import ModuleSettings
from tfmeta.modules.perceptron import Perceptron
from tfmeta.modules.spec import ModuleSpec
from tfmeta.modules.world import World

__all__ = ["DESCRIBE", "Describe"]


@keras.saving.register_keras_serializable("tfmeta")
class Describe(Perceptron):
    """Answers from the features that are attended to (eq. 6):

        describe[i](h) = softmax(A σ(B w̄(h) + v^i)),        w̄(h) = Σ_k h_k w^k,        σ a ReLU.

    Args:
        settings: what it is built for.
        seed: of the initial weights.

    Example:
        >>> world = World(tf.random.normal([1, 4, 8]), tf.ones([1, 4]))
        >>> describe = Describe(ModuleSettings(words=3, features=8, answers=("red", "green")))
        >>> describe(tf.constant([[1]]), world, tf.ones([1, 1, 4]) / 4).shape
        TensorShape([1, 1, 2])
    """

    def __init__(self, settings: ModuleSettings, **kwargs: Any):
        super().__init__(settings, inputs=settings.features, **kwargs)

    def call(self, words: tf.Tensor, world: World, h: tf.Tensor) -> tf.Tensor:
        """Answers: arguments ``[B, S]`` and attentions ``[B, S, K]`` to scores of the labels ``[B, S, A]``."""
        return self.scores(words, mean_features(h, world.features))


DESCRIBE = ModuleSpec.of(MODULES["describe"], Describe, seed=2)
