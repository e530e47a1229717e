"""Life-long memory: a network whose embeddings are written into a memory, and read from it."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.graph_checks import after, require
from tfmeta.core.shapes import leading
from tfmeta.fewshot.embedding import EmbeddingLearner
from tfmeta.fewshot.inputs import checked_labels
from tfmeta.fewshot.memory import Memory, check_memory, empty_memory, memory_losses, recall, remember
from tfmeta.fewshot.state_size import StateSize

__all__ = ["LifelongMemory"]


@keras.saving.register_keras_serializable("tfmeta")
class LifelongMemory(EmbeddingLearner):
    """Learns a task by presenting its support items to a memory, in the order in which they come.

    An item is a query to the memory (`tfmeta.fewshot.memory.write`): if the nearest key has its label, the key
    moves towards it, and if not, the item is written over the oldest slot. Queries of the task are then answered
    with the labels of the keys nearest to them. The task state is the memory, ``[B, M*(D+2)]``: what a memory of M
    slots does not hold is forgotten, and a state is as large after a thousand examples as after one.

    In training each task is a stream from an empty memory, in which every class is seen once before any is seen
    twice. The loss is the mean of the memory losses of all presentations of the support set (eq. 4). A call with
    ``training=True`` adds it to the model's losses, so compile the learner without one. Let tasks have shots enough for
    rare events to recur. Queries are for the metrics.

    Served, it also takes and returns memories, so that a client may go on adding to one: see
    `tfmeta.fewshot.memory_signatures`.

    Args:
        network: the embedding, ``[M, ...] -> [M, D]``.
        size: slots of the memory, M; it also bounds the classes that can be told apart at a time.
        neighbours: ``k``, how many keys are compared.
        margin: ``α`` of the memory loss.
        temperature: the paper's inverse temperature.

    Raises:
        ValueError: for a memory without slots, or with fewer than `neighbours`.

    Example:
        >>> from tfmeta.networks import conv4
        >>> learner = LifelongMemory(conv4(), size=32, neighbours=8)
        >>> state = learner.adapt(tf.random.uniform([1, 3, 28, 28, 1]), tf.constant([[0, 1, 2]]))
        >>> learner.respond(state, tf.random.uniform([1, 4, 28, 28, 1])).shape
        TensorShape([1, 4, 3])

    Reference:
        Kaiser, Nachum, Roy, Bengio. "Learning to Remember Rare Events." ICLR 2017.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        size: int = 128,
        neighbours: int = 128,
        margin: float = 0.1,
        temperature: float = 40.0,
        **kwargs: Any,
    ):
        check_memory(size, neighbours)
        super().__init__(network, **kwargs)
        self.size = size
        self.neighbours = neighbours
        self.margin = margin
        self.temperature = temperature

    def adapt(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        training: bool = False,
        memory: Memory | None = None,
    ) -> tf.Tensor:
        """Learns each task of a batch by presenting its support items in turn.

        Args:
            support_x: labelled examples, ``[B, S, ...]``.
            support_y: labels ``[B, S]``, from 0 and below `size`.
            training: whether this call is part of meta-training, which adds the memory loss to the model's.
            memory: the memories that are written to; empty ones if None.

        Returns:
            The memories as task states, ``[B, D]``.
        """
        if memory is None:
            memory = self.empty(leading(support_x, 1)[0])
        values = self._fitting(tf.cast(checked_labels(support_y), tf.int64))
        queries = self.embed(support_x, training)
        if training:
            order = _rounds(values)
            queries, values = (tf.gather(x, order, batch_dims=1) for x in (queries, values))
            losses, memory = memory_losses(
                memory, queries, values, margin=self.margin, neighbours=self.neighbours
            )
            self.add_loss(tf.cast(tf.reduce_mean(losses), keras.config.floatx()))  # as Keras's losses are
        else:
            memory = remember(memory, queries, values)
        return self.pack(memory)

    def respond(self, task_state: tf.Tensor, query_x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.recall(self.unpack(task_state), query_x, training)

    @property
    def state_size(self) -> StateSize:
        return StateSize(self.size * (self.features + 2))

    def recall(self, memory: Memory, query_x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Answers for queries ``[B, Q, ...]`` from memories, with logits ``[B, Q, N]``."""
        return recall(
            memory, self.embed(query_x, training), neighbours=self.neighbours, temperature=self.temperature
        )

    def embed(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Embeds onto the unit sphere: ``[B, M, ...] -> [B, M, D]``, in float32 as memories are."""
        return tf.cast(tf.math.l2_normalize(super().embed(x, training), axis=-1), tf.float32)

    def empty(self, rows: int | tf.Tensor) -> Memory:
        """Returns memories with nothing in them."""
        return empty_memory(rows, self.size, self.features)

    def pack(self, memory: Memory) -> tf.Tensor:
        """Lays memories out as task states ``[B, M*(D+2)]``."""
        slots = [memory.keys, tf.cast(memory.values, tf.float32)[:, :, None], memory.ages[:, :, None]]
        return tf.reshape(tf.concat(slots, axis=2), [-1, self.state_size.base])

    def unpack(self, task_state: tf.Tensor) -> Memory:
        """Undoes `pack`."""
        slots = tf.reshape(tf.cast(task_state, tf.float32), [-1, self.size, self.features + 2])
        keys, values, ages = tf.split(slots, [self.features, 1, 1], axis=2)
        # A state that holds other values did not come from `adapt`.
        values = tf.clip_by_value(tf.round(values[:, :, 0]), -1.0, float(self.size - 1))
        return Memory(keys, tf.cast(values, tf.int64), ages[:, :, 0])

    def get_config(self) -> dict[str, Any]:
        names = ("size", "neighbours", "margin", "temperature")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _fitting(self, values: tf.Tensor) -> tf.Tensor:
        largest = tf.reduce_max(values)
        message = (
            f", but a memory of {self.size} slots tells labels from 0 to {self.size - 1} apart;"
            " number the classes anew, or build the learner with a larger size."
        )
        return after([require(largest < self.size, "support_y holds the label ", largest, message)], values)[
            0
        ]


def _rounds(values: tf.Tensor) -> tf.Tensor:
    """Orders a stream ``[B, T]`` so that every value is presented once before any is presented twice."""
    same = values[:, :, None] == values[:, None, :]
    earlier = tf.linalg.band_part(tf.cast(same, tf.int32), -1, 0)  # [B, T, T], the past and oneself
    return tf.argsort(tf.reduce_sum(earlier, axis=2), axis=1, stable=True)
