"""Matching Networks: a query attends to the support set and takes over its labels."""

import math
from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.layer_checks import in_precision
from tfmeta.fewshot.embedding import EmbeddingLearner, count_ways
from tfmeta.fewshot.full_context import AttentionLSTM, SupportContext
from tfmeta.fewshot.labelled import labelled_size, pack_labelled, unpack_labelled
from tfmeta.fewshot.state_size import StateSize

__all__ = ["MatchingNetwork"]


@keras.saving.register_keras_serializable("tfmeta")
class MatchingNetwork(EmbeddingLearner):
    """Answers for a query with the labels of the support items that it resembles.

    The answer is a weighted vote of the support labels (eq. 1), with a softmax over cosine similarities ``c`` of
    embeddings as the attention:

        ŷ = sum_i a(x̂, x_i) y_i,    a(x̂, x_i) = softmax_i( τ c(f(x̂), g(x_i)) ),    f = g.

    The paper's attention is the case ``τ = 1``. A cosine lies between -1 and 1, so that with ``τ = 1`` no support
    item can win a vote clearly; ``τ`` is therefore learnt, unless `learn_scale` is off. The task state is the
    unit embeddings with their labels, ``[B, S*(D+1)]``.

    With `full_context` the embeddings depend on the support set: ``g(x_i, S)`` is read by a bidirectional LSTM
    (`SupportContext`), and ``f(x̂, S)`` by an LSTM that attends to ``g(S)`` for K steps (`AttentionLSTM`). The task
    state then holds ``g(x_i, S)`` at its own length, which the attention needs. K = 0 processes nothing, on
    either side: ``f`` and ``g`` are the embedding alone, and so the learner is the one without full context.

    Args:
        network: the embedding, ``[M, ...] -> [M, D]``.
        scale: the initial ``τ``.
        learn_scale: whether ``τ`` is learnt.
        full_context: whether embeddings depend on the support set.
        processing_steps: K, for full context.
        seed: of the initial weights of the LSTMs.

    Raises:
        ValueError: if `processing_steps` is negative.

    Example:
        >>> from tfmeta.networks import conv4
        >>> learner = MatchingNetwork(conv4())
        >>> state = learner.adapt(tf.zeros([1, 3, 28, 28, 1]), tf.constant([[0, 1, 2]]))
        >>> learner.respond(state, tf.zeros([1, 4, 28, 28, 1])).shape
        TensorShape([1, 4, 3])

    Reference:
        Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra. "Matching Networks for One Shot Learning." NIPS 2016.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        scale: float = 10.0,
        learn_scale: bool = True,
        full_context: bool = False,
        processing_steps: int = 5,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(network, **kwargs)
        check(processing_steps >= 0, f"processing_steps={processing_steps}; expected 0 or more.")
        self.scale = scale
        self.learn_scale = learn_scale
        self.full_context = full_context
        self.processing_steps = processing_steps
        self.seed = seed
        self.log_scale = self.add_weight(
            name="log_scale",
            shape=(),
            initializer=keras.initializers.Constant(math.log(scale)),
            trainable=learn_scale,
        )
        self.in_context = full_context and processing_steps > 0
        if self.in_context:
            with in_precision(self.compute_dtype):
                self.support_context = SupportContext(self.features, seed=seed)
                self.query_context = AttentionLSTM(self.features, processing_steps, seed=seed + 1)

    def adapt(self, support_x: tf.Tensor, support_y: tf.Tensor, training: bool = False) -> tf.Tensor:
        support = self.embed(support_x, training)
        support = self.support_context(support) if self.in_context else _unit(support)
        return pack_labelled(support, support_y)

    def respond(self, task_state: tf.Tensor, query_x: tf.Tensor, training: bool = False) -> tf.Tensor:
        support, labels = unpack_labelled(task_state, self.features)
        queries = self.embed(query_x, training)
        if self.in_context:
            queries, support = self.query_context(queries, support), _unit(support)
        similarity = tf.matmul(_unit(queries), support, transpose_b=True)  # [B, Q, S]
        log_attention = tf.nn.log_softmax(tf.exp(self.log_scale) * similarity)
        # log of the vote of each class: the sum over its items, in the logarithm so that the gradient survives.
        members = tf.one_hot(labels, count_ways(labels), on_value=True, off_value=False, dtype=tf.bool)
        votes = tf.where(members[:, None], log_attention[..., None], _NO_VOTE)  # [B, Q, S, N]
        return tf.reduce_logsumexp(votes, axis=2)

    @property
    def state_size(self) -> StateSize:
        return labelled_size(self.features)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "learn_scale": self.learn_scale,
            "full_context": self.full_context,
            "processing_steps": self.processing_steps,
            "seed": self.seed,
        }


def _unit(x: tf.Tensor) -> tf.Tensor:
    """Puts embeddings onto the unit sphere."""
    return tf.math.l2_normalize(x, axis=-1)


_NO_VOTE = -1e9
