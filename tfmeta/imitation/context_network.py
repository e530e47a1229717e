"""Relates what is observed now to a demonstration: which steps matter, and then which objects."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta.imitation.neighbourhood import NeighbourhoodAttention, attend
from tfmeta.imitation.world import Observation

__all__ = ["Context", "ContextNetwork"]

_VERY_NEGATIVE = -1e9


class Context(NamedTuple):
    """What the context network has found for R scenes.

    Attributes:
        vector: the places of the objects that were attended to, their embeddings, and the body: ``[R, C]``.
        of_steps: how much the steps of the demonstration were attended to, ``[R, reads, heads, K]``.
        of_objects: how much the objects were attended to, ``[R, sources, N]``.
    """

    vector: tf.Tensor
    of_steps: tf.Tensor
    of_objects: tf.Tensor


@keras.saving.register_keras_serializable("tfmeta")
class ContextNetwork(keras.Layer):
    r"""Attends to steps of the demonstration, several times, and then to objects of the scene.

    A read compares each object now with the same object at each step. The weights of all objects at a step are added
    up, so that one weight for the step remains (the second index of w is an object):

    .. math::
        w_{tj} = v^\top \tanh(q_j + c_{tj}), \qquad
        a_t = \sum_j \operatorname{softmax}_{tj}(w_{tj}), \qquad
        r_j = \sum_t a_t\, d_{tj}

    An LSTM cell takes in what each object has read, and neighbourhood attention spreads it among the objects. After
    the last read each of some heads weighs the objects, and takes the weighted mean of their places.

    Args:
        units: numbers of a hidden state, H.
        reads: how many times steps are attended to; each time has weights of its own.
        sources: how many heads choose objects at the end.
        keys: of the attentions.
        heads: of the attentions.
        seed: of the initial weights.

    Example:
        >>> network = ContextNetwork(units=8, seed=0)
        >>> network.build((3, 2))
        >>> seen = Observation(tf.ones([5, 3, 3]), tf.ones([5, 3], tf.bool), tf.ones([5, 2]))
        >>> found = network.call(tf.ones([1, 6, 3, 64]), tf.ones([1, 6, 3, 8]), seen)
        >>> found.vector.shape, found.of_steps.shape, found.of_objects.shape
        (TensorShape([5, 46]), TensorShape([5, 2, 2, 6]), TensorShape([5, 4, 3]))

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning, section 4.2, "attention over demonstration" and "attention over
        current state".
    """

    def __init__(
        self,
        units: int,
        reads: int = 2,
        *,
        sources: int = 4,
        keys: int = 32,
        heads: int = 2,
        seed: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units, self.reads, self.sources = units, reads, sources
        self.keys, self.heads, self.seed = keys, heads, seed
        glorot = keras.initializers.GlorotUniform(seed)

        def dense(size: int, activation: str | None = None, bias: bool = True) -> keras.layers.Dense:
            return keras.layers.Dense(size, activation, use_bias=bias, kernel_initializer=glorot)

        def spread() -> NeighbourhoodAttention:
            return NeighbourhoodAttention(units, keys=keys, heads=heads, seed=seed)

        self.enter = dense(units, "relu")
        self.first = spread()
        self.queries = [dense(keys) for _ in range(reads)]
        self.scores = [dense(heads, bias=False) for _ in range(reads)]
        self.cells = [
            keras.layers.LSTMCell(
                units,
                kernel_initializer=glorot,
                recurrent_initializer=keras.initializers.Orthogonal(seed=seed),
            )
            for _ in range(reads)
        ]
        self.spreads = [spread() for _ in range(reads)]
        self.norms = [keras.layers.LayerNormalization() for _ in range(reads + 1)]
        self.choice = [dense(units, "relu"), dense(sources)]

    def build(self, sizes: tuple[int, int]) -> None:
        """Makes the weights.

        Args:
            sizes: numbers of an object and of the body, D and E.
        """
        objects, body = sizes
        self.enter.build([None, objects + body])
        for layer in (self.first, *self.spreads):
            layer.build((None, None, self.units), (None, None, objects), (None, body))
        for read in range(self.reads):
            self.queries[read].build([None, self.units])
            self.scores[read].build([None, self.keys])
            self.cells[read].build([None, self.heads * self.units])
        for norm in self.norms:
            norm.build((None, None, self.units))
        self.choice[0].build([None, self.units])
        self.choice[1].build([None, self.units])
        self.built = True

    def call(self, keys: tf.Tensor, memory: tf.Tensor, seen: Observation) -> Context:
        """Finds the context of each scene. The scenes of a demonstration follow each other.

        Args:
            keys: c, of each read: ``[B, K, N, reads * keys]``.
            memory: d: ``[B, K, N, H]``.
            seen: what is observed of R scenes, where R is a multiple of B.

        Returns:
            What was found.
        """
        batch, most = tf.shape(memory)[0], memory.shape[2]
        objects, present, body = seen
        robot = tf.repeat(body[:, None], most, axis=1)
        hidden = self.enter(tf.concat([objects, robot], axis=-1))
        hidden = self.norms[0](hidden + tf.nn.relu(self.first(hidden, objects, body, present)))
        rows = tf.shape(body)[0]
        cell = [tf.reshape(hidden, [rows * most, self.units]), tf.zeros([rows * most, self.units])]
        of_steps = []
        for read in range(self.reads):
            query = tf.reshape(self.queries[read](hidden), [batch, -1, 1, most, self.keys])
            key = keys[:, None, ..., read * self.keys : (read + 1) * self.keys]
            weights = self._weights_of_steps(read, query, key, present)  # [B, M, K, heads]
            found = tf.einsum("bmkh,bkno->bmnho", weights, memory)
            found = tf.reshape(found, [rows * most, self.heads * self.units])
            told, cell = self.cells[read](found, cell)
            told = tf.reshape(told, [rows, most, self.units])
            spread = self.spreads[read](told, objects, body, present)
            hidden = self.norms[read + 1](told + tf.nn.relu(spread))
            cell = [tf.reshape(hidden, [rows * most, self.units]), cell[1]]
            of_steps.append(tf.reshape(tf.transpose(weights, [0, 1, 3, 2]), [rows, self.heads, -1]))
        scores = tf.transpose(self.choice[1](self.choice[0](hidden)), [0, 2, 1])  # [R, sources, N]
        of_objects = tf.nn.softmax(tf.where(present[:, None], scores, _VERY_NEGATIVE))
        chosen = attend(of_objects[:, :, None], tf.concat([objects, hidden], axis=-1))[:, 0]
        return Context(tf.concat([chosen, body], axis=-1), tf.stack(of_steps, axis=1), of_objects)

    def _weights_of_steps(self, read: int, query: tf.Tensor, key: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        scores = self.scores[read](tf.tanh(query + key))  # [B, M, K, N, heads]
        shape = tf.shape(scores)
        there = tf.reshape(present, [shape[0], shape[1], 1, shape[3], 1])
        scores = tf.where(there, scores, _VERY_NEGATIVE)
        flat = tf.reshape(scores, [shape[0], shape[1], shape[2] * shape[3], self.heads])
        return tf.reduce_sum(tf.reshape(tf.nn.softmax(flat, axis=2), shape), axis=3)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "reads": self.reads,
            "sources": self.sources,
            "keys": self.keys,
            "heads": self.heads,
            "seed": self.seed,
        }
