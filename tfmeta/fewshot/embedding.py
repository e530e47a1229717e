"""What learners share that compare embeddings, for any number of ways."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import leading, merge_tasks, split_tasks
from tfmeta.fewshot.inputs import checked_items
from tfmeta.fewshot.learner import FewShotLearner

__all__ = ["EmbeddingLearner", "count_ways", "squared_distances"]


class EmbeddingLearner(FewShotLearner):
    """A classifier that learns a task by looking at embeddings of its support set.

    The network is the same for every task, so its batch normalisation is Keras's ordinary one: after training,
    an embedding does not depend on what else is in the batch.

    Args:
        network: the embedding, ``[M, ...] -> [M, D]``.

    Raises:
        ValueError: for a network that returns no vectors.
    """

    def __init__(self, network: keras.Model, **kwargs: Any):
        super().__init__(network, **kwargs)
        shape = self.network.output_shape
        check(
            len(shape) == 2 and shape[1] is not None,
            f"The network {self.network.name!r} returns {list(shape[1:])} numbers for an item; expected a vector of"
            " known length, so end it with keras.layers.Flatten or a global pooling.",
        )
        self.features = shape[1]

    def embed(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Embeds the items of all tasks: ``[B, M, ...] -> [B, M, D]``."""
        x = checked_items(self.network, x)
        embedded = split_tasks(self.network(merge_tasks(x), training=training), leading(x, 1)[0])
        return tf.cast(embedded, self.compute_dtype)


def count_ways(support_y: tf.Tensor) -> tf.Tensor:
    """Returns the number of classes that the labels of a batch of tasks name, N."""
    return tf.cast(tf.reduce_max(support_y), tf.int32) + 1


def squared_distances(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the squared Euclidean distances of all pairs: ``[B, Q, D], [B, N, D] -> [B, Q, N]``."""
    squares = tf.reduce_sum(a * a, -1)[:, :, None] + tf.reduce_sum(b * b, -1)[:, None, :]
    return squares - 2.0 * tf.matmul(a, b, transpose_b=True)
