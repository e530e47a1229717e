"""and: the positions that two attentions share."""

import keras
import tensorflow as tf

from tfmeta.data.layouts import MODULES
from tfmeta.modules.layer import ModuleLayer
from tfmeta.modules.spec import ModuleSpec
from tfmeta.modules.world import World

__all__ = ["AND", "And"]


@keras.saving.register_keras_serializable("tfmeta")
class And(ModuleLayer):
    """Intersects attentions (eq. 5), two at a time:

        and(h1, h2, ...) = h1 ⊙ h2 ⊙ ...

    Example:
        >>> from tfmeta.modules.layer import ModuleSettings
        >>> both = And(ModuleSettings(words=1, features=1))
        >>> world = World(tf.zeros([1, 2, 1]), tf.ones([1, 2]))
        >>> both(None, world, tf.constant([[[0.5, 1.0]]]), tf.constant([[[0.5, 0.0]]])).numpy().tolist()
        [[[0.25, 0.0]]]
    """

    def call(self, argument: None, world: World, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """Intersects: attentions ``[B, S, K]`` to attentions ``[B, S, K]``."""
        return first * second


AND = ModuleSpec.of(MODULES["and"], And)
