"""What modules that look at positions share: how scores become an attention, and the words they compare with."""

from typing import Any

import tensorflow as tf

from tfmeta.modules.layer import Attention, ModuleLayer, ModuleSettings

__all__ = ["Attending", "attend", "mean_features"]


def attend(scores: tf.Tensor, mask: tf.Tensor, attention: Attention) -> tf.Tensor:
    """Turns scores of positions into an attention, which is 0 where there is no position.

    Args:
        scores: ``[B, S, K]``.
        mask: ``[B, K]``.
        attention: ``"softmax"``, a distribution over positions, or ``"sigmoid"``, a probability for each.

    Returns:
        Attentions ``[B, S, K]``.
    """
    mask = mask[:, None, :]
    if attention == "sigmoid":
        return tf.sigmoid(scores) * mask
    lowest = tf.constant(-1e9, scores.dtype)
    return tf.nn.softmax(tf.where(mask > 0, scores, lowest), axis=-1) * mask


def mean_features(h: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """Sums the features of a world by the weights of an attention: ``w̄(h) = Σ_k h_k w^k``.

    Args:
        h: attentions ``[B, S, K]``.
        features: ``[B, K, D]``.

    Returns:
        ``[B, S, D]``; a mean where the attention is a distribution.
    """
    return tf.matmul(h, features)


class Attending(ModuleLayer):
    """What find and relate share: their two forms, ``v^i``, and the layers below ``σ``.

    Args:
        settings: what it is built for.
        compared: how many numbers ``v^i`` is compared with in the form ``"product"``.
        seed: of the initial weights.
    """

    def __init__(self, settings: ModuleSettings, *, compared: int, **kwargs: Any):
        super().__init__(settings, **kwargs)
        words, hidden = settings.words, settings.hidden
        if settings.form == "product":
            self.v = self.weight("v", [words, compared], "small")
            self.b = self.weight("b", [words], "zeros")
        else:
            self.v = self.weight("v", [words, hidden], "normal")
            self.B = self.weight("B", [hidden, hidden])
            self.C = self.weight("C", [settings.features, hidden])
