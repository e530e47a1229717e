"""exists: whether there is anything."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.data.layouts import MODULES
from tfmeta.modules.layer import ModuleLayer, ModuleSettings
from tfmeta.modules.spec import ModuleSpec
from tfmeta.modules.world import World

__all__ = ["EXISTS", "Exists"]

_YES, _NO = ("yes", "true"), ("no", "false")


@keras.saving.register_keras_serializable("tfmeta")
class Exists(ModuleLayer):
    """Answers by the highest weight of an attention (eq. 7):

        exists(h) = softmax((max_k h_k) a + b).

    Where labels say yes and no, ``a`` and ``b`` start as the words mean, with even odds at a weight of a half; the
    authors' code fixes them so on GeoQA.

    Args:
        settings: what it is built for.
        seed: of the initial weights of other labels.

    Example:
        >>> exists = Exists(ModuleSettings(words=1, features=1, answers=("yes", "no")))
        >>> world = World(tf.zeros([1, 2, 1]), tf.ones([1, 2]))
        >>> tf.argmax(exists(None, world, tf.constant([[[0.0, 1.0], [0.0, 0.0]]])), axis=-1).numpy().tolist()
        [[0, 1]]
    """

    def __init__(self, settings: ModuleSettings, **kwargs: Any):
        super().__init__(settings, **kwargs)
        answers = [answer.lower() for answer in settings.answers]
        self.a = self.weight("a", [len(answers)], "small")
        self.b = self.weight("b", [len(answers)], "zeros")
        signs = {**dict.fromkeys(_YES, 1.0), **dict.fromkeys(_NO, -1.0)}
        if all(answer in signs for answer in answers):
            meaning = tf.constant([signs[answer] for answer in answers], self.a.dtype)
            self.a.assign(4.0 * meaning)
            self.b.assign(-2.0 * meaning)

    def call(self, argument: None, world: World, h: tf.Tensor) -> tf.Tensor:
        """Answers: attentions ``[B, S, K]`` to scores of the labels ``[B, S, A]``."""
        return tf.reduce_max(h, axis=-1, keepdims=True) * self.a + self.b


EXISTS = ModuleSpec.of(MODULES["exists"], Exists, seed=3)
