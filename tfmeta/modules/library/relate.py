"""relate: the positions that stand in a relation to others."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.data.layouts import MODULES
from tfmeta.modules.attending import Attending, attend, mean_features
from tfmeta.modules.layer import ModuleSettings
from tfmeta.modules.spec import ModuleSpec
from tfmeta.modules.weights import linear
from tfmeta.modules.world import World

__all__ = ["RELATE", "Relate"]


class Shared(NamedTuple):
    """What all instances share that knows of no attention.

    Attributes:
        positions: ``C W``, ``[B, 1, K, hidden]``; None in the product form.
        features: those of the world, ``[B, K, D]``.
        pairs: those of the world, laid out ``[B, K, K*R]`` as attentions are multiplied with them; or None.
        mask: that of the world.
    """

    positions: tf.Tensor | None
    features: tf.Tensor
    pairs: tf.Tensor | None
    mask: tf.Tensor


@keras.saving.register_keras_serializable("tfmeta")
class Relate(Attending):
    """Directs attention from some positions to others (eq. 4):

        relate[i](h) = softmax(a ⊙ σ(B v^i ⊕ C W ⊕ D w̄(h) ⊕ e)),        w̄(h) = Σ_k h_k w^k.

    Where a world says how its positions stand to each other, ``⊕ E r(h)`` is added within σ, with
    ``r_k(h) = Σ_j h_j R_kj`` from its pairs. The form ``"product"``, by which the authors answered GeoQA, has the
    score ``v^i · r_k(h) + b^i`` instead.

    Args:
        settings: what it is built for.
        seed: of the initial weights.

    Raises:
        ValueError: for the form ``"product"`` without pairs.

    Example:
        >>> world = World(tf.random.normal([1, 4, 8]), tf.ones([1, 4]))
        >>> Relate(ModuleSettings(words=3, features=8))(tf.constant([[2]]), world, tf.ones([1, 1, 4]) / 4).shape
        TensorShape([1, 1, 4])
    """

    def __init__(self, settings: ModuleSettings, **kwargs: Any):
        check(
            settings.form != "product" or settings.pairs > 0,
            "form='product' relates by pairs; expected pairs of at least 1.",
        )
        super().__init__(settings, compared=settings.pairs, **kwargs)
        hidden, pairs = settings.hidden, settings.pairs
        if settings.form == "perceptron":
            self.D = self.weight("D", [settings.features, hidden])
            self.E = self.weight("E", [pairs, hidden]) if pairs else None
            self.e = self.weight("e", [hidden], "zeros")
            self.a = self.weight("a", [hidden, 1])

    def call(self, words: tf.Tensor, world: World, h: tf.Tensor) -> tf.Tensor:
        """Attends.

        Args:
            words: arguments ``i``, integers ``[B, S]``.
            world: the world, with pairs if the layer has any.
            h: attentions ``[B, S, K]``.

        Returns:
            Attentions ``[B, S, K]``.
        """
        return self.finish(*self.prepare(words, world), h)

    def prepare(self, words: tf.Tensor, world: World) -> tuple[tuple[tf.Tensor, ...], Shared]:
        pairs = None
        if self.settings.pairs:
            positions = tf.shape(world.mask)[1]
            by_attended = tf.transpose(world.pairs, [0, 2, 1, 3])  # [B, K attended, K, R]
            pairs = tf.reshape(by_attended, [-1, positions, positions * self.settings.pairs])
        v = tf.gather(self.v, words)
        if self.settings.form == "product":
            b = tf.gather(self.b, words)[..., None]
            return (v, b), Shared(None, world.features, pairs, world.mask)
        of_positions = linear(world.features, self.C)[:, None]
        return (linear(v, self.B) + self.e,), Shared(of_positions, world.features, pairs, world.mask)

    def finish(self, prepared: tuple[tf.Tensor, ...], shared: Shared, *attentions: tf.Tensor) -> tf.Tensor:
        (h,) = attentions
        related = None
        if shared.pairs is not None:
            batch, instances, positions = tf.unstack(tf.shape(h))
            related = tf.reshape(
                tf.matmul(h, shared.pairs), [batch, instances, positions, self.settings.pairs]
            )  # [B, S, K, R]
        if self.settings.form == "product":
            v, b = prepared
            scores = tf.matmul(related, v[..., None])[..., 0] + b
        else:
            of_attention = prepared[0] + linear(mean_features(h, shared.features), self.D)
            inside = of_attention[:, :, None, :] + shared.positions  # [B, S, K, hidden]
            if related is not None:
                inside += linear(related, self.E)
            scores = linear(tf.nn.relu(inside), self.a)[..., 0]
        return attend(scores, shared.mask, self.settings.attention)


RELATE = ModuleSpec.of(MODULES["relate"], Relate, seed=1)
