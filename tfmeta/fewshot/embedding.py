"""What learners share that compare embeddings, for any number of ways."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.shapes import leading, merge_tasks, split_tasks
from tfmeta.fewshot.learner import FewShotLearner

__all__ = ["EmbeddingLearner", "count_ways"]


class EmbeddingLearner(FewShotLearner):
    """A classifier that learns a task by looking at embeddings of its support set.

    The network is the same for every task, so its batch normalisation is Keras's ordinary one: after training,
    an embedding does not depend on what else is in the batch.

    Args:
        network: the embedding, ``[M, ...] -> [M, D]``.
    """

    def __init__(self, network: keras.Model, **kwargs: Any):
        super().__init__(network, **kwargs)
        self.features = network.output_shape[-1]

    def embed(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Embeds the items of all tasks: ``[B, M, ...] -> [B, M, D]``."""
        return split_tasks(self.network(merge_tasks(x), training=training), leading(x, 1)[0])


def count_ways(support_y: tf.Tensor) -> tf.Tensor:
    """Returns the number of classes that the labels of a batch of tasks name, N."""
    return tf.cast(tf.reduce_max(support_y), tf.int32) + 1
