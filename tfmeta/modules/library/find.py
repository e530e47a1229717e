"""find: the positions that a word describes."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.data.layouts import MODULES
from tfmeta.modules.attending import Attending, attend
from tfmeta.modules.layer import ModuleSettings
from tfmeta.modules.spec import ModuleSpec
from tfmeta.modules.weights import linear
from tfmeta.modules.world import World

__all__ = ["FIND", "Find"]


@keras.saving.register_keras_serializable("tfmeta")
class Find(Attending):
    """Attends to the positions that a word describes (eq. 3):

        find[i] = softmax(a ⊙ σ(B v^i ⊕ C W ⊕ d)),

    where ``⊕`` adds ``B v^i`` to what each position gives, and σ is a ReLU. The form ``"product"``, by which the
    authors answered GeoQA, has the score ``v^i · w^k + b^i`` instead, and no hidden layer.

    Args:
        settings: what it is built for.
        seed: of the initial weights.

    Example:
        >>> world = World(tf.random.normal([1, 4, 8]), tf.ones([1, 4]))
        >>> Find(ModuleSettings(words=3, features=8))(tf.constant([[0, 2]]), world).shape
        TensorShape([1, 2, 4])
    """

    def __init__(self, settings: ModuleSettings, **kwargs: Any):
        super().__init__(settings, compared=settings.features, **kwargs)
        if settings.form == "perceptron":
            self.d = self.weight("d", [settings.hidden], "zeros")
            self.a = self.weight("a", [settings.hidden, 1])

    def call(self, words: tf.Tensor, world: World) -> tf.Tensor:
        """Attends.

        Args:
            words: arguments ``i``, integers ``[B, S]``.
            world: the world.

        Returns:
            Attentions ``[B, S, K]``.
        """
        return attend(self.scores(words, world), world.mask, self.settings.attention)

    def scores(self, words: tf.Tensor, world: World) -> tf.Tensor:
        """What the softmax, or the sigmoid, is taken of: ``[B, S, K]``."""
        v = tf.gather(self.v, words)  # [B, S, hidden], or [B, S, D]
        if self.settings.form == "product":
            return tf.matmul(v, world.features, transpose_b=True) + tf.gather(self.b, words)[:, :, None]
        of_words = linear(v, self.B)[:, :, None, :]
        of_positions = (linear(world.features, self.C) + self.d)[:, None, :, :]
        return linear(tf.nn.relu(of_words + of_positions), self.a)[..., 0]  # [B, S, K, hidden] before


FIND = ModuleSpec.of(MODULES["find"], Find, seed=0)
