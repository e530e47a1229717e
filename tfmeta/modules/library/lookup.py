"""lookup: the position of a name."""

import keras
import tensorflow as tf

from tfmeta.data.layouts import MODULES
from tfmeta.modules.layer import ModuleLayer
from tfmeta.modules.spec import ModuleSpec
from tfmeta.modules.world import World

__all__ = ["LOOKUP", "Lookup"]


@keras.saving.register_keras_serializable("tfmeta")
class Lookup(ModuleLayer):
    """Attends to the position that has a name (eq. 2):

        lookup[i] = e_f(i).

    Example:
        >>> from tfmeta.modules.layer import ModuleSettings
        >>> florida = World(tf.zeros([1, 2, 1]), tf.ones([1, 2]), names=tf.constant([["miami", "key-largo"]]))
        >>> lookup = Lookup(ModuleSettings(words=1, features=1))
        >>> lookup(tf.constant([["key-largo"]]), florida).numpy().tolist()
        [[[0.0, 1.0]]]
    """

    def call(self, names: tf.Tensor, world: World) -> tf.Tensor:
        """Attends.

        Args:
            names: ``i``, strings ``[B, S]``, spelt as those of the world.
            world: a world of named positions.

        Returns:
            Attentions ``[B, S, K]``, all zero where no position has the name.
        """
        known = tf.convert_to_tensor(world.names)
        found = tf.cast(names[:, :, None] == known[:, None, :], world.mask.dtype)
        return found * world.mask[:, None, :]


LOOKUP = ModuleSpec.of(MODULES["lookup"], Lookup)
