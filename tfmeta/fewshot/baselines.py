"""Baselines that compare embeddings which no meta-learning has made: what a method must beat to be worth it."""

from typing import Any, Literal

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.fewshot.embedding import EmbeddingLearner, count_ways, squared_distances
from tfmeta.fewshot.labelled import labelled_size, pack_labelled, unpack_labelled
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.fewshot.state_size import StateSize

__all__ = ["Metric", "NearestCentroid", "NearestNeighbour", "pixels"]

Metric = Literal["cosine", "euclidean"]


def pixels(shape: tuple[int, ...] = (28, 28, 1)) -> keras.Sequential:
    """Builds the network that has nothing to learn: an item is its own embedding, laid out as a vector.

    Args:
        shape: of an item.

    Example:
        >>> pixels((28, 28, 1)).output_shape
        (None, 784)
    """
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten()], name="pixels")


@keras.saving.register_keras_serializable("tfmeta")
class NearestNeighbour(EmbeddingLearner):
    """Answers for a query with the label of the support item that is nearest to it.

    On `pixels`, it is the baseline without any learning. The logit of a class is minus the squared distance to
    the nearest of its items. The task state is the embeddings with their labels, ``[B, S*(D+1)]``.

    Args:
        network: the embedding, ``[M, ...] -> [M, D]``.
        metric: ``"cosine"``, which compares directions, or ``"euclidean"``.
        scale: factor on the squared distances.

    Raises:
        ValueError: for an unknown metric.

    Example:
        >>> learner = NearestNeighbour(pixels())
        >>> state = learner.adapt(tf.ones([1, 3, 28, 28, 1]), tf.constant([[0, 1, 2]]))
        >>> learner.respond(state, tf.ones([1, 4, 28, 28, 1])).shape
        TensorShape([1, 4, 3])
    """

    def __init__(self, network: keras.Model, *, metric: Metric = "cosine", scale: float = 1.0, **kwargs: Any):
        super().__init__(network, **kwargs)
        self.metric = _known(metric)
        self.scale = scale

    def adapt(self, support_x: tf.Tensor, support_y: tf.Tensor, training: bool = False) -> tf.Tensor:
        return pack_labelled(self.embed(support_x, training), support_y)

    def respond(self, task_state: tf.Tensor, query_x: tf.Tensor, training: bool = False) -> tf.Tensor:
        support, labels = unpack_labelled(task_state, self.features)
        distances = squared_distances(self.embed(query_x, training), support)  # [B, Q, S]
        members = tf.one_hot(labels, count_ways(labels), on_value=True, off_value=False)[:, None]
        return -self.scale * tf.reduce_min(tf.where(members, distances[..., None], _FAR), axis=2)

    @property
    def state_size(self) -> StateSize:
        return labelled_size(self.features)

    def embed(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Embeds the items of all tasks, onto the unit sphere where directions are compared."""
        return _directions(super().embed(x, training), self.metric)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "metric": self.metric, "scale": self.scale}


@keras.saving.register_keras_serializable("tfmeta")
class NearestCentroid(PrototypicalNetwork):
    """Answers for a query with the class whose mean embedding is nearest: on features that were trained otherwise.

    It is a Prototypical Network that was not trained as one. Its network comes from an ordinary classification of
    all training classes (`tfmeta.fewshot.pretraining.Classifier`), and learns nothing here.

    Args:
        network: the embedding, ``[M, ...] -> [M, D]``.
        metric: ``"cosine"``, which compares directions, or ``"euclidean"``.
        scale: factor on the squared distances.

    Raises:
        ValueError: for an unknown metric.

    Example:
        >>> learner = NearestCentroid(pixels((2,)), metric="euclidean")
        >>> state = learner.adapt(tf.constant([[[0.0, 1.0], [2.0, 1.0]]]), tf.constant([[0, 0]]))
        >>> state.numpy().tolist()
        [[1.0, 1.0]]

    Reference:
        Chen, Liu, Kira, Wang, Huang. "A Closer Look at Few-shot Classification." ICLR 2019.
    """

    def __init__(self, network: keras.Model, *, metric: Metric = "cosine", scale: float = 1.0, **kwargs: Any):
        super().__init__(network, scale=scale, **kwargs)
        self.metric = _known(metric)

    def embed(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Embeds the items of all tasks, onto the unit sphere where directions are compared."""
        return _directions(super().embed(x, training), self.metric)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "metric": self.metric}


_FAR = 1e9


def _known(metric: str) -> str:
    check(metric in ("cosine", "euclidean"), f"metric={metric!r}; expected 'cosine' or 'euclidean'.")
    return metric


def _directions(embedded: tf.Tensor, metric: str) -> tf.Tensor:
    return tf.math.l2_normalize(embedded, axis=-1) if metric == "cosine" else embedded
