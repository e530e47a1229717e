"""Prototypical Networks: a class is the mean of its examples."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.shapes import leading
from tfmeta.fewshot.embedding import EmbeddingLearner, count_ways, squared_distances
from tfmeta.fewshot.inputs import checked_labels
from tfmeta.fewshot.state_size import StateSize

__all__ = ["PrototypicalNetwork"]


@keras.saving.register_keras_serializable("tfmeta")
class PrototypicalNetwork(EmbeddingLearner):
    """Classifies a query by its distance to the mean embedding of each class.

    With the embedding ``f``, the prototype of class ``k`` is the mean over its support examples (eq. 1), and a
    query belongs to ``k`` with probability (eq. 2)

        p(y = k | x) = softmax_k( -τ d(f(x), c_k) ),    c_k = mean of f(x_i) over the support items of class k,

    where ``d`` is the squared Euclidean distance and ``τ`` is 1 in the paper. The number of ways and shots is free
    at every call. A class with no support example is never the answer. The task state is the prototypes,
    ``[B, N*D]``.

    Args:
        network: the embedding, ``[M, ...] -> [M, D]``. Its batch normalisation is Keras's ordinary one, so that
            after training an embedding does not depend on what else is in the batch.
        scale: ``τ``. The distance grows with D; ``1 / D`` lets training start where the softmax is still soft.

    Example:
        >>> from tfmeta.networks import conv4
        >>> learner = PrototypicalNetwork(conv4())
        >>> logits = learner({
        ...     "support_x": tf.zeros([1, 3, 28, 28, 1]),
        ...     "support_y": tf.constant([[0, 1, 2]]),
        ...     "query_x": tf.zeros([1, 4, 28, 28, 1]),
        ... })
        >>> logits.shape
        TensorShape([1, 4, 3])

    Reference:
        Snell, Swersky, Zemel. "Prototypical Networks for Few-shot Learning." NIPS 2017.
    """

    def __init__(self, network: keras.Model, *, scale: float = 1.0, **kwargs: Any):
        super().__init__(network, **kwargs)
        self.scale = scale

    def adapt(self, support_x: tf.Tensor, support_y: tf.Tensor, training: bool = False) -> tf.Tensor:
        embedded, support_y = self.embed(support_x, training), checked_labels(support_y)  # [B, S, D], [B, S]
        members = tf.one_hot(support_y, count_ways(support_y), dtype=embedded.dtype)  # [B, S, N]
        counts = tf.reduce_sum(members, axis=1)[:, :, None]  # [B, N, 1]
        prototypes = tf.math.divide_no_nan(tf.matmul(members, embedded, transpose_a=True), counts)
        # An infinitely far prototype has probability zero; squares of it must stay finite for the gradient.
        prototypes = tf.where(counts > 0, prototypes, _FAR)
        return tf.reshape(prototypes, [leading(prototypes, 1)[0], -1])  # [B, N*D]

    def respond(self, task_state: tf.Tensor, query_x: tf.Tensor, training: bool = False) -> tf.Tensor:
        prototypes = tf.reshape(task_state, [leading(task_state, 1)[0], -1, self.features])  # [B, N, D]
        embedded = self.embed(query_x, training)  # [B, Q, D]
        return -self.scale * squared_distances(embedded, prototypes)

    @property
    def state_size(self) -> StateSize:
        return StateSize(0, step=self.features)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


_FAR = 1e6
