"""The modules that answer: describe, measure and exists, by their equations.

Each returns what the softmax of its equation is taken of, so that a loss may be computed from it exactly;
`tfmeta.modules.executor` takes the softmax, once for all three.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.modules.attention_modules import mean_features
from tfmeta.modules.weights import Weights, linear
from tfmeta.modules.world import World

__all__ = ["Describe", "Exists", "Measure"]

_YES, _NO = ("yes", "true"), ("no", "false")


class _Perceptron(keras.layers.Layer):
    """Answers by ``A σ(B x + v^i)``: what describe and measure share, who differ in their ``x``."""

    def __init__(
        self,
        words: int,
        inputs: int,
        answers: int,
        *,
        hidden: int = 64,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        weight = Weights(self, seed)
        self.v = weight("v", [words, hidden], "small")
        self.B = weight("B", [inputs, hidden])
        self.A = weight("A", [hidden, answers])
        self.built = True

    def scores(self, words: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """What the softmax is taken of: arguments ``[B, S]`` and ``x [B, S, inputs]`` to ``[B, S, answers]``."""
        return linear(tf.nn.relu(linear(x, self.B) + tf.gather(self.v, words)), self.A)


@keras.saving.register_keras_serializable("tfmeta")
class Describe(_Perceptron):
    """Answers from the features that are attended to (eq. 6):

        describe[i](h) = softmax(A σ(B w̄(h) + v^i)),        w̄(h) = Σ_k h_k w^k,        σ a ReLU.

    Args:
        words: how many arguments there are.
        features: D, features of a position.
        answers: how many labels there are.
        hidden: units of the hidden layer, and numbers in ``v^i``.
        seed: of the initial weights.

    Example:
        >>> world = World(tf.random.normal([1, 4, 8]), tf.ones([1, 4]))
        >>> Describe(words=3, features=8, answers=2)(tf.constant([[1]]), tf.ones([1, 1, 4]) / 4, world).shape
        TensorShape([1, 1, 2])
    """

    def __init__(self, words: int, features: int, answers: int, **kwargs: Any):
        super().__init__(words, features, answers, **kwargs)

    def call(self, words: tf.Tensor, h: tf.Tensor, world: World) -> tf.Tensor:
        """Answers.

        Args:
            words: arguments ``i``, integers ``[B, S]``.
            h: attentions ``[B, S, K]``.
            world: the world.

        Returns:
            Scores of the labels, ``[B, S, A]``.
        """
        w = mean_features(h, world.features)
        return self.scores(words, w)


@keras.saving.register_keras_serializable("tfmeta")
class Measure(_Perceptron):
    """Answers from the attention itself, e.g. how many positions it holds:

        measure[i](h) = softmax(A σ(B h + v^i)),        σ a ReLU.

    It looks at each position of its own, so worlds must have as many positions as it was built for.

    Args:
        words: how many arguments there are.
        positions: K.
        answers: how many labels there are.
        hidden: units of the hidden layer, and numbers in ``v^i``.
        seed: of the initial weights.

    Example:
        >>> Measure(words=3, positions=4, answers=2)(tf.constant([[1]]), tf.ones([1, 1, 4])).shape
        TensorShape([1, 1, 2])

    Reference:
        Andreas, Rohrbach, Darrell, Klein. "Neural Module Networks." CVPR 2016.
    """

    def __init__(self, words: int, positions: int, answers: int, **kwargs: Any):
        super().__init__(words, positions, answers, **kwargs)

    def call(self, words: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        """Answers: arguments ``[B, S]`` and attentions ``[B, S, K]`` to scores of the labels ``[B, S, A]``."""
        return self.scores(words, h)


@keras.saving.register_keras_serializable("tfmeta")
class Exists(keras.layers.Layer):
    """Answers by the highest weight of an attention (eq. 7):

        exists(h) = softmax((max_k h_k) a + b).

    Where labels say yes and no, ``a`` and ``b`` start as the words mean, with even odds at a weight of a half; the
    authors' code fixes them so on GeoQA.

    Args:
        answers: the labels.
        seed: of the initial weights of other labels.

    Example:
        >>> exists = Exists(["yes", "no"])
        >>> tf.argmax(exists(tf.constant([[[0.0, 1.0], [0.0, 0.0]]])), axis=-1).numpy().tolist()
        [[0, 1]]
    """

    def __init__(self, answers: Sequence[str], *, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.answers = tuple(answers)
        weight = Weights(self, seed)
        self.a = weight("a", [len(answers)], "small")
        self.b = weight("b", [len(answers)], "zeros")
        signs = {**dict.fromkeys(_YES, 1.0), **dict.fromkeys(_NO, -1.0)}
        if all(answer.lower() in signs for answer in self.answers):
            meaning = tf.constant([signs[answer.lower()] for answer in self.answers], self.a.dtype)
            self.a.assign(4.0 * meaning)
            self.b.assign(-2.0 * meaning)
        self.built = True

    def call(self, h: tf.Tensor) -> tf.Tensor:
        """Answers: attentions ``[B, S, K]`` to scores of the labels ``[B, S, A]``."""
        return tf.reduce_max(h, axis=-1, keepdims=True) * self.a + self.b
