"""Fine-tuning: a pretrained network descends on the support set, and nothing was trained for that."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.fast_weights import Engine, FastNetwork
from tfmeta.core.inner_loop import descend
from tfmeta.core.losses import cross_entropy
from tfmeta.core.shapes import leading
from tfmeta.fewshot.embedding import EmbeddingLearner, count_ways
from tfmeta.fewshot.inputs import checked_items, checked_labels
from tfmeta.fewshot.state_size import StateSize

__all__ = ["FineTuning", "Tuned"]

Tuned = Literal["head", "all"]


@keras.saving.register_keras_serializable("tfmeta")
class FineTuning(EmbeddingLearner):
    """Puts a fresh linear head on a network, and learns a task by gradient descent on its support set.

    It is MAML's inner loop from weights that were not meta-trained: the network comes from an ordinary
    classification (`tfmeta.fewshot.pretraining.Classifier`), and the head has as many classes as the task. Batch
    normalisation keeps to its moving statistics. A class without support examples is never the answer. The task
    state is the head, ``[B, N*(D+1)]``, behind the network's weights where these descend too.

    Args:
        network: the embedding, ``[M, ...] -> [M, D]``.
        tuned: ``"head"``, or ``"all"`` for the network's weights as well.
        steps: gradient steps.
        rate: their rate.
        engine: how the tasks of a batch are computed; see `tfmeta.core.fast_weights.FastNetwork`.

    Raises:
        ValueError: for an unknown option, or a network that cannot descend.

    Example:
        >>> from tfmeta.networks import conv4
        >>> learner = FineTuning(conv4(), steps=5)
        >>> state = learner.adapt(tf.random.uniform([1, 3, 28, 28, 1]), tf.constant([[0, 1, 2]]))
        >>> learner.respond(state, tf.random.uniform([1, 4, 28, 28, 1])).shape
        TensorShape([1, 4, 3])

    Reference:
        Chen, Liu, Kira, Wang, Huang. "A Closer Look at Few-shot Classification." ICLR 2019.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        tuned: Tuned = "head",
        steps: int = 20,
        rate: float = 0.05,
        engine: Engine = "auto",
        **kwargs: Any,
    ):
        check(tuned in ("head", "all"), f"tuned={tuned!r}; expected 'head' or 'all'.")
        check(steps >= 1 and rate > 0, f"steps={steps}, rate={rate}; expected steps >= 1 and a rate > 0.")
        super().__init__(network, **kwargs)
        self.tuned = tuned
        self.steps = steps
        self.rate = rate
        self.engine = engine
        self.fast = FastNetwork(self.network, engine) if tuned == "all" else None

    def adapt(self, support_x: tf.Tensor, support_y: tf.Tensor, training: bool = False) -> tf.Tensor:
        support_x, support_y = checked_items(self.network, support_x, "support_x"), checked_labels(support_y)
        tasks, ways = leading(support_x, 1)[0], count_ways(support_y)
        slow = self.fast.slow_weights() if self.fast else []
        weights = [tf.broadcast_to(weight, [tasks, *weight.shape]) for weight in slow]
        # A class without examples starts at a bias that no step moves, since its probability is 0.
        inhabited = tf.reduce_max(tf.one_hot(support_y, ways), axis=1)[:, :, None] > 0.0
        bias = tf.cast(tf.where(inhabited, 0.0, _NEVER), self.compute_dtype)  # [B, N, 1]
        head = tf.concat([tf.zeros([tasks, ways, self.features], bias.dtype), bias], axis=-1)
        # Where only the head descends, the network is asked once.
        fixed = None if self.fast else self.embed(support_x, training)

        def loss(weights: Sequence[tf.Tensor], step: int) -> tf.Tensor:
            *body, head = weights
            features = _embed_with(self.fast, body, support_x) if self.fast else fixed
            return cross_entropy(support_y, _logits(head, features))

        start = [*weights, head]
        tuned = descend(loss, start, [[self.rate] * len(start)] * self.steps)
        flat = [tf.cast(tf.reshape(weight, [tasks, -1]), self.compute_dtype) for weight in tuned]
        return tf.concat(flat, axis=1)

    def respond(self, task_state: tf.Tensor, query_x: tf.Tensor, training: bool = False) -> tf.Tensor:
        tasks = leading(task_state, 1)[0]
        shapes = [variable.shape for variable in self.fast.variables] if self.fast else []
        sizes = [math.prod(shape) for shape in shapes]
        body, head = task_state[:, : sum(sizes)], task_state[:, sum(sizes) :]
        weights = [
            tf.reshape(part, [tasks, *shape])
            for part, shape in zip(tf.split(body, sizes, axis=1) if sizes else [], shapes, strict=True)
        ]
        query_x = checked_items(self.network, query_x, "query_x")
        features = _embed_with(self.fast, weights, query_x) if self.fast else self.embed(query_x, training)
        return _logits(tf.reshape(head, [tasks, -1, self.features + 1]), features)

    @property
    def state_size(self) -> StateSize:
        tuned = self.fast.variables if self.fast else []
        return StateSize(sum(math.prod(variable.shape) for variable in tuned), step=self.features + 1)

    @property
    def mean_rate(self) -> float:
        return self.rate

    def get_config(self) -> dict[str, Any]:
        names = ("tuned", "steps", "rate", "engine")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


_NEVER = -1e9


def _embed_with(network: FastNetwork, weights: list[tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """Embeds the items of all tasks by each task's own weights: ``[B, M, ...] -> [B, M, D]``."""
    return network(weights, x, network.stored_moments(leading(x, 1)[0]))[0]


def _logits(head: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """Applies heads ``[B, N, D+1]``, the last column of which is the bias: ``[B, M, D] -> [B, M, N]``."""
    return tf.matmul(features, head[:, :, :-1], transpose_b=True) + head[:, None, :, -1]
