"""The modules that give attentions: lookup, find, relate and `and`, by their equations.

An attention ``h`` weighs the K positions of a world. Each module is one set of parameters, whatever the number of its
instances in a layout, or of layouts in a batch: instances differ in their argument ``i``, which picks the row
``v^i`` of a table.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.modules.weights import Weights, linear
from tfmeta.modules.world import World

__all__ = ["Attention", "Find", "Form", "Relate", "attend", "intersect", "lookup", "mean_features"]

Attention = Literal["softmax", "sigmoid"]
Form = Literal["perceptron", "product"]


def attend(scores: tf.Tensor, mask: tf.Tensor, attention: Attention) -> tf.Tensor:
    """Turns scores of positions into an attention, which is 0 where there is no position.

    Args:
        scores: ``[B, S, K]``.
        mask: ``[B, K]``.
        attention: ``"softmax"``, a distribution over positions, or ``"sigmoid"``, a probability for each.
    """
    mask = mask[:, None, :]
    if attention == "sigmoid":
        return tf.sigmoid(scores) * mask
    lowest = tf.constant(-1e9, scores.dtype)
    return tf.nn.softmax(tf.where(mask > 0, scores, lowest), axis=-1) * mask


def lookup(arguments: tf.Tensor, world: World) -> tf.Tensor:
    """Attends to the position that has a name (eq. 2):

        lookup[i] = e_f(i).

    Args:
        arguments: names ``i``, strings ``[B, S]``, spelt as those of the world.
        world: a world of named positions.

    Returns:
        Attentions ``[B, S, K]``, all zero where no position has the name.

    Example:
        >>> florida = World(tf.zeros([1, 2, 1]), tf.ones([1, 2]), names=tf.constant([["miami", "key-largo"]]))
        >>> lookup(tf.constant([["key-largo"]]), florida).numpy().tolist()
        [[[0.0, 1.0]]]
    """
    found = tf.cast(arguments[:, :, None] == world.names[:, None, :], world.mask.dtype)
    return found * world.mask[:, None, :]


def intersect(first: tf.Tensor, *others: tf.Tensor) -> tf.Tensor:
    """Intersects attentions (eq. 5):

    and(h1, h2, ...) = h1 ⊙ h2 ⊙ ...
    """
    for other in others:
        first *= other
    return first


def mean_features(h: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """Sums the features of a world by the weights of an attention: ``w̄(h) = Σ_k h_k w^k``.

    Args:
        h: attentions ``[B, S, K]``.
        features: ``[B, K, D]``.

    Returns:
        ``[B, S, D]``; a mean where the attention is a distribution.
    """
    return tf.matmul(h, features)


class _Attending(keras.layers.Layer):
    """What find and relate share: their two forms, ``v^i``, and the layers below ``σ``.

    Args:
        words: how many arguments there are.
        features: D, features of a position.
        compared: how many numbers ``v^i`` is compared with in the form ``"product"``.
        hidden: units of the hidden layer, and numbers in ``v^i``.
        attention: ``"softmax"`` or ``"sigmoid"``: see `attend`.
        form: ``"perceptron"`` or ``"product"``.
        seed: of the initial weights.
    """

    def __init__(
        self,
        words: int,
        features: int,
        *,
        compared: int,
        hidden: int = 64,
        attention: Attention = "softmax",
        form: Form = "perceptron",
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(
            attention in ("softmax", "sigmoid"), f"attention={attention!r}; expected 'softmax' or 'sigmoid'."
        )
        check(form in ("perceptron", "product"), f"form={form!r}; expected 'perceptron' or 'product'.")
        self.attention, self.form, self.hidden = attention, form, hidden
        self._weight = weight = Weights(self, seed)
        if form == "product":
            self.v = weight("v", [words, compared], "small")
            self.b = weight("b", [words], "zeros")
        else:
            self.v = weight("v", [words, hidden], "normal")
            self.B = weight("B", [hidden, hidden])
            self.C = weight("C", [features, hidden])


@keras.saving.register_keras_serializable("tfmeta")
class Find(_Attending):
    """Attends to the positions that a word describes (eq. 3):

        find[i] = softmax(a ⊙ σ(B v^i ⊕ C W ⊕ d)),

    where ``⊕`` adds ``B v^i`` to what each position gives, and σ is a ReLU. The form ``"product"``, by which the
    authors answered GeoQA, has the score ``v^i · w^k + b^i`` instead, and no hidden layer.

    Args:
        words: how many arguments there are.
        features: D, features of a position.
        hidden: units of the hidden layer, and numbers in ``v^i``.
        attention: ``"softmax"`` as printed, or ``"sigmoid"``: see `attend`.
        form: ``"perceptron"`` as printed, or ``"product"``.
        seed: of the initial weights.

    Example:
        >>> world = World(tf.random.normal([1, 4, 8]), tf.ones([1, 4]))
        >>> Find(words=3, features=8)(tf.constant([[0, 2]]), world).shape
        TensorShape([1, 2, 4])
    """

    def __init__(self, words: int, features: int, **kwargs: Any):
        super().__init__(words, features, compared=features, **kwargs)
        if self.form == "perceptron":
            self.d = self._weight("d", [self.hidden], "zeros")
            self.a = self._weight("a", [self.hidden, 1])
        self.built = True

    def call(self, words: tf.Tensor, world: World) -> tf.Tensor:
        """Attends.

        Args:
            words: arguments ``i``, integers ``[B, S]``.
            world: the world.

        Returns:
            Attentions ``[B, S, K]``.
        """
        return attend(self.scores(words, world), world.mask, self.attention)

    def scores(self, words: tf.Tensor, world: World) -> tf.Tensor:
        """What the softmax, or the sigmoid, is taken of: ``[B, S, K]``."""
        v = tf.gather(self.v, words)  # [B, S, hidden], or [B, S, D]
        if self.form == "product":
            return tf.matmul(v, world.features, transpose_b=True) + tf.gather(self.b, words)[:, :, None]
        of_words = linear(v, self.B)[:, :, None, :]
        of_positions = (linear(world.features, self.C) + self.d)[:, None, :, :]
        return linear(tf.nn.relu(of_words + of_positions), self.a)[..., 0]  # [B, S, K, hidden] before


class Prepared(NamedTuple):
    """What `Relate` computes before it knows any attention.

    Attributes:
        words: what each instance's argument gives, ``[B, ..., hidden]``; its bias besides in the product form.
        positions: ``C W``, ``[B, 1, K, hidden]``; None in the product form.
        features: those of the world, ``[B, K, D]``.
        pairs: those of the world, laid out ``[B, K, K*R]`` as attentions are multiplied with them; or None.
        mask: that of the world.
    """

    words: tuple[tf.Tensor, ...]
    positions: tf.Tensor | None
    features: tf.Tensor
    pairs: tf.Tensor | None
    mask: tf.Tensor


@keras.saving.register_keras_serializable("tfmeta")
class Relate(_Attending):
    """Directs attention from some positions to others (eq. 4):

        relate[i](h) = softmax(a ⊙ σ(B v^i ⊕ C W ⊕ D w̄(h) ⊕ e)),        w̄(h) = Σ_k h_k w^k.

    Where a world says how its positions stand to each other, ``⊕ E r(h)`` is added within σ, with
    ``r_k(h) = Σ_j h_j R_kj`` from its pairs. The form ``"product"``, by which the authors answered GeoQA, has the
    score ``v^i · r_k(h) + b^i`` instead.

    Args:
        words: how many arguments there are.
        features: D, features of a position.
        pairs: R, features of a pair; 0 where there are none.
        hidden: units of the hidden layer, and numbers in ``v^i``.
        attention: ``"softmax"`` as printed, or ``"sigmoid"``: see `attend`.
        form: ``"perceptron"`` as printed, or ``"product"``, which needs pairs.
        seed: of the initial weights.

    Raises:
        ValueError: for the form ``"product"`` without pairs.

    Example:
        >>> world = World(tf.random.normal([1, 4, 8]), tf.ones([1, 4]))
        >>> Relate(words=3, features=8)(tf.constant([[2]]), tf.ones([1, 1, 4]) / 4, world).shape
        TensorShape([1, 1, 4])
    """

    def __init__(
        self, words: int, features: int, *, pairs: int = 0, form: Form = "perceptron", **kwargs: Any
    ):
        check(
            form != "product" or pairs > 0, "form='product' relates by pairs; expected pairs of at least 1."
        )
        super().__init__(words, features, compared=pairs, form=form, **kwargs)
        self.pairs = pairs
        if form == "perceptron":
            self.D = self._weight("D", [features, self.hidden])
            self.E = self._weight("E", [pairs, self.hidden]) if pairs else None
            self.e = self._weight("e", [self.hidden], "zeros")
            self.a = self._weight("a", [self.hidden, 1])
        self.built = True

    def call(self, words: tf.Tensor, h: tf.Tensor, world: World) -> tf.Tensor:
        """Attends.

        Args:
            words: arguments ``i``, integers ``[B, S]``.
            h: attentions ``[B, S, K]``.
            world: the world, with pairs if the layer has any.

        Returns:
            Attentions ``[B, S, K]``.
        """
        prepared = self.prepare(words, world)
        return self.attend(prepared.words, h, prepared)

    def prepare(self, words: tf.Tensor, world: World) -> Prepared:
        """Computes what does not depend on attentions, for instances ``[B, ...]`` of any layout."""
        pairs = None
        if self.pairs:
            positions = tf.shape(world.mask)[1]
            by_attended = tf.transpose(world.pairs, [0, 2, 1, 3])  # [B, K attended, K, R]
            pairs = tf.reshape(by_attended, [-1, positions, positions * self.pairs])
        v = tf.gather(self.v, words)
        if self.form == "product":
            return Prepared((v, tf.gather(self.b, words)[..., None]), None, world.features, pairs, world.mask)
        of_words = linear(v, self.B) + self.e
        return Prepared(
            (of_words,), linear(world.features, self.C)[:, None], world.features, pairs, world.mask
        )

    def attend(self, words: Sequence[tf.Tensor], h: tf.Tensor, prepared: Prepared) -> tf.Tensor:
        """Attends, given what `prepare` computed; `words` are its own for the S instances that run now."""
        related = None
        if prepared.pairs is not None:
            batch, instances, positions = tf.unstack(tf.shape(h))
            related = tf.reshape(
                tf.matmul(h, prepared.pairs), [batch, instances, positions, self.pairs]
            )  # [B, S, K, R]
        if self.form == "product":
            v, b = words
            scores = tf.matmul(related, v[..., None])[..., 0] + b
        else:
            of_attention = words[0] + linear(mean_features(h, prepared.features), self.D)
            inside = of_attention[:, :, None, :] + prepared.positions  # [B, S, K, hidden]
            if related is not None:
                inside += linear(related, self.E)
            scores = linear(tf.nn.relu(inside), self.a)[..., 0]
        return attend(scores, prepared.mask, self.attention)
