"""measure: how much there is, from the attention itself."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.data.layouts import MODULES
from tfmeta.modules.layer import ModuleSettings
from tfmeta.modules.perceptron import Perceptron
from tfmeta.modules.spec import ModuleSpec
from tfmeta.modules.world import World

__all__ = ["MEASURE", "Measure"]


@keras.saving.register_keras_serializable("tfmeta")
class Measure(Perceptron):
    """Answers from the attention itself, e.g. how many positions it holds:

        measure[i](h) = softmax(A σ(B h + v^i)),        σ a ReLU.

    It looks at each position of its own, so worlds must have as many positions as it was built for.

    Args:
        settings: what it is built for.
        seed: of the initial weights.

    Raises:
        ValueError: without a number of positions.

    Example:
        >>> world = World(tf.random.normal([1, 4, 8]), tf.ones([1, 4]))
        >>> measure = Measure(ModuleSettings(words=3, features=8, answers=("0", "1"), positions=4))
        >>> measure(tf.constant([[1]]), world, tf.ones([1, 1, 4])).shape
        TensorShape([1, 1, 2])

    Reference:
        Andreas, Rohrbach, Darrell, Klein. "Neural Module Networks." CVPR 2016.
    """

    def __init__(self, settings: ModuleSettings, **kwargs: Any):
        check(bool(settings.positions), "positions=None; measure expects a number of positions.")
        super().__init__(settings, inputs=settings.positions or 0, **kwargs)

    def call(self, words: tf.Tensor, world: World, h: tf.Tensor) -> tf.Tensor:
        """Answers: arguments ``[B, S]`` and attentions ``[B, S, K]`` to scores of the labels ``[B, S, A]``."""
        return self.scores(words, h)


MEASURE = ModuleSpec.of(MODULES["measure"], Measure, needs=("positions",), seed=4)
