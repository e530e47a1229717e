"""MonolithicNetwork: one network for all questions, the plain baseline beside networks that are composed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.modules.vocabulary import Vocabulary, split_words

__all__ = ["MonolithicNetwork"]


@keras.saving.register_keras_serializable("tfmeta")
class MonolithicNetwork(keras.Model):
    """Answers questions about images by a convolution network, an LSTM and a hidden layer:

        logits = A σ(B [cnn(image), lstm(question)] + d) + e.

    It looks with the same eyes as a `tfmeta.modules.ModuleNetwork` may, and reads the same words; only nothing is
    composed. It is called with a dict of ``question [B]``, strings, and ``image [B, H, W, C]``; anything else in it is
    left aside, so that both kinds of networks learn from one pipeline.

    Args:
        question_words: words that it tells apart, see `tfmeta.modules.vocabulary.question_words`; all others are one.
        answers: the labels.
        front: a built network from images to features, such as `tfmeta.modules.cell_network`; of several outputs,
            the one called ``features`` is taken.
        units: of the LSTM, and numbers in the vector of a word.
        hidden: units of the hidden layer.
        seed: of the initial weights.

    Raises:
        ValueError: where the front is not built or has no features, or there are not two answers.

    Example:
        >>> from tfmeta.modules.cells import cell_network
        >>> network = MonolithicNetwork(["is", "it", "red"], ["no", "yes"], front=cell_network(reach=0))
        >>> asked = {"question": tf.constant(["is it red", "is it round"]), "image": tf.zeros([2, 30, 30, 3])}
        >>> network(asked).shape
        TensorShape([2, 2])

    Reference:
        Ren, Kiros, Zemel. "Exploring Models and Data for Image Question Answering." NeurIPS, 2015. Their VIS+LSTM
        reads the image as a word before the others.
    """

    def __init__(
        self,
        question_words: Sequence[str],
        answers: Sequence[str],
        *,
        front: keras.Model,
        units: int = 64,
        hidden: int = 128,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check(len(answers) >= 2, f"answers={list(answers)}; expected two at least.")
        self.settings = {
            "question_words": list(question_words), "answers": list(answers),
            "units": units, "hidden": hidden, "seed": seed,
        }  # fmt: skip
        self.front = front
        self.question_vocabulary = Vocabulary(question_words)
        self.answers = tuple(answers)
        glorot = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(seed))
        small = keras.initializers.RandomNormal(stddev=0.1, seed=keras.random.SeedGenerator(seed))
        orthogonal = keras.initializers.Orthogonal(seed=keras.random.SeedGenerator(seed))
        self.words = keras.layers.Embedding(
            self.question_vocabulary.size, units, embeddings_initializer=small
        )
        self.lstm = keras.layers.LSTM(units, kernel_initializer=glorot, recurrent_initializer=orthogonal)
        self.hidden = keras.layers.Dense(hidden, activation="relu", kernel_initializer=glorot)
        self.scores = keras.layers.Dense(len(answers), kernel_initializer=glorot)
        self.words.build([None, None])
        self.lstm.build([None, None, units])
        self.hidden.build([None, self._seen() + units])
        self.scores.build([None, hidden])
        self.built = True

    def call(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        missing = [name for name in ("question", "image") if name not in inputs]
        check(
            not missing, f"the inputs are {sorted(inputs)}, without {missing}; expected question and image."
        )
        asked = split_words(tf.convert_to_tensor(inputs["question"]))
        read = self.lstm(self.words(self.question_vocabulary.ids(asked)), mask=asked != "")  # [B, units]
        seen = self.front(inputs["image"], training=training)
        seen = seen["features"] if isinstance(seen, Mapping) else seen
        seen = tf.reshape(seen, [-1, self._seen()])
        return self.scores(self.hidden(tf.concat([seen, read], axis=-1)))

    def compile(self, optimizer: Any = "adam", loss: Any = None, **kwargs: Any) -> None:
        """Makes the model ready for fit: see `keras.Model.compile`; without a loss, by the likelihood of answers."""
        if loss is None:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(
            **keras.saving.deserialize_keras_object(config)
        )  # Keras skips it where compile is overridden
        self.optimizer.build(self.trainable_variables)

    def get_config(self) -> dict[str, Any]:
        front = keras.saving.serialize_keras_object(self.front)
        return {**super().get_config(), **self.settings, "front": front}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MonolithicNetwork:
        return cls(**{**config, "front": keras.saving.deserialize_keras_object(config["front"])})

    def _seen(self) -> int:
        """How many numbers the front makes of an image."""
        shape = self.front.compute_output_shape(self.front.input_shape)
        if isinstance(shape, Mapping):
            check(
                "features" in shape, f"the front has outputs {sorted(shape)}; expected features among them."
            )
            shape = shape["features"]
        check(None not in shape[1:], f"the front makes features {shape}; expected a fixed number of them.")
        return math.prod(shape[1:])
