"""The layout chooser: which of a question's candidates is to be composed."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.data.layouts import ModuleType
from tfmeta.modules.program import NO_STEP, Program
from tfmeta.modules.spec import kinds
from tfmeta.modules.standard import STANDARD
from tfmeta.modules.weights import Weights, linear

__all__ = ["LayoutChooser"]


@keras.saving.register_keras_serializable("tfmeta")
class LayoutChooser(keras.layers.Layer):
    """Scores the candidate layouts of a question:

        s(z_i | x) = aᵀ σ(B h_q(x) + C f(z_i) + d),        p(z_i | x) = e^{s(z_i | x)} / Σ_j e^{s(z_j | x)},

    where ``h_q`` is an LSTM's last output after the question, σ a ReLU, and the features ``f(z)`` count how often
    each module and each argument comes in the candidate. To the score comes what is believed beforehand, that a
    candidate which says more of the question is the likelier one: ``κ n(z_i)``, where ``n`` counts arguments.

    Args:
        question_words: how many words of questions there are, unknown ones included.
        arguments: how many arguments of modules there are, unknown ones included.
        modules: those of the inventory, in the order of their numbers.
        units: of the LSTM, and numbers in the vector of a word.
        hidden: units of the hidden layer.
        completeness: κ, by how many nats a candidate is likelier beforehand for each argument that it names.
        seed: of the initial weights.

    Reference:
        Andreas, Rohrbach, Darrell, Klein. "Learning to Compose Neural Networks for Question Answering." NAACL 2016,
        section 4.2.
    """

    def __init__(
        self,
        question_words: int,
        arguments: int,
        *,
        modules: Sequence[ModuleType] = STANDARD,
        units: int = 64,
        hidden: int = 64,
        completeness: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units, self.completeness = units, completeness
        self.named = kinds(modules, argument="word") + kinds(modules, argument="name")
        weight = Weights(self, seed)
        glorot = keras.initializers.GlorotUniform(seed=seed)
        orthogonal = keras.initializers.Orthogonal(seed=seed)
        self.words = weight("words", [question_words, units], "small")
        self.lstm = keras.layers.LSTM(
            units, kernel_initializer=glorot, recurrent_initializer=orthogonal, dtype=self.dtype_policy
        )
        self.lstm.build([None, None, units])
        self.B = weight("B", [units, hidden])
        self.C_modules = weight("C_modules", [len(modules), hidden], "small")
        self.C_arguments = weight("C_arguments", [arguments, hidden], "small")
        self.d = weight("d", [hidden], "zeros")
        self.a = weight("a", [hidden, 1])
        self.built = True

    def call(self, question: tf.Tensor, asked: tf.Tensor, program: Program) -> tf.Tensor:
        """Scores candidates.

        Args:
            question: the words' numbers, ``[B, T]``.
            asked: which of them there are, ``[B, T]`` bool; the others fill up.
            program: the candidates.

        Returns:
            Scores ``[B, M]``; -1e9 for candidates that only fill up.
        """
        prior = self.prior(program)
        h = self.lstm(tf.gather(self.words, question), mask=asked)
        inside = linear(h, self.B)[:, None] + self._features(program) + self.d
        return linear(tf.nn.relu(inside), self.a)[..., 0] + prior

    def prior(self, program: Program) -> tf.Tensor:
        """Scores candidates before the question is read, ``[B, M]``; -1e9 for those that only fill up."""
        arguments = tf.reduce_sum(tf.cast(program.is_any(self.named), self.compute_dtype), axis=2)
        return tf.where(program.candidates(), self.completeness * arguments, -1e9)

    def _features(self, program: Program) -> tf.Tensor:
        """``C f(z)``, ``[B, M, hidden]``: what is counted is summed, so that counts of no word are written down."""
        of_kinds = tf.gather(self.C_modules, tf.maximum(program.kinds, 0))
        of_modules = tf.where((program.kinds != NO_STEP)[..., None], of_kinds, 0.0)
        of_words = tf.gather(self.C_arguments, program.words)
        of_arguments = tf.where(program.is_any(self.named)[..., None], of_words, 0.0)
        return tf.reduce_sum(of_modules + of_arguments, axis=2)
