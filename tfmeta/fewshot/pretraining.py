"""Ordinary classification of all training classes, after which a network's features are kept."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.layer_checks import precision
from tfmeta.core.shapes import leading, merge_tasks, split_tasks
from tfmeta.fewshot.inputs import checked_items, known_network

__all__ = ["Classifier"]


@keras.saving.register_keras_serializable("tfmeta")
class Classifier(keras.Model):
    """A network with a linear head over all training classes: what there is without meta-learning.

    What it learns to tell apart will not be met again. Its `network` may serve learners that meet new classes:
    `tfmeta.fewshot.baselines.NearestCentroid` and `tfmeta.fewshot.finetuning.FineTuning`.

    Args:
        network: the embedding, ``[M, ...] -> [M, D]``.
        classes: how many there are to tell apart.
        seed: of the head's initial weights.

    Example:
        >>> from tfmeta.networks import conv4
        >>> Classifier(conv4(), classes=30)(tf.zeros([1, 4, 28, 28, 1])).shape
        TensorShape([1, 4, 30])
    """

    def __init__(self, network: keras.Model, *, classes: int, seed: int | None = None, **kwargs: Any):
        network = known_network(network)
        super().__init__(**{**kwargs, "dtype": precision(network)})
        self.supports_jit = False
        self.network = network
        self.classes = classes
        self.seed = seed
        self.head = keras.layers.Dense(
            classes,
            kernel_initializer=keras.initializers.GlorotUniform(keras.random.SeedGenerator(seed)),
            dtype=self.compute_dtype,
        )
        self.head.build(network.output_shape)
        self.built = True

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns logits ``[B, M, classes]`` for items ``[B, M, ...]``."""
        x = checked_items(self.network, x)
        return split_tasks(self.head(self.network(merge_tasks(x), training=training)), leading(x, 1)[0])

    def get_config(self) -> dict[str, Any]:
        network = keras.saving.serialize_keras_object(self.network)
        return {**super().get_config(), "network": network, "classes": self.classes, "seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Classifier":
        return cls(**{**config, "network": keras.saving.deserialize_keras_object(config["network"])})
