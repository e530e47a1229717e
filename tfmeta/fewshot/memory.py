"""The key-value-age memory of "Learning to Remember Rare Events", as pure functions.

A memory holds unit keys, the integers they stand for, and how long ago each was written to. It is a plain value
that goes in and comes out: `tfmeta.fewshot.lifelong` keeps one for each task, and
`tfmeta.fewshot.memory_layer` one for the life of a model.

Reference:
    Kaiser, Nachum, Roy, Bengio. "Learning to Remember Rare Events." ICLR 2017.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import leading
from tfmeta.fewshot.embedding import count_ways

__all__ = ["Memory", "check_memory", "empty_memory", "memory_losses", "recall", "remember", "write"]


class Memory(NamedTuple):
    """The contents of B separate memories of M slots each, a plain value that goes in and comes out.

    Attributes:
        keys: unit vectors, ``[B, M, D]``; zero where a slot is empty.
        values: what the keys stand for, integers ``[B, M]`` from 0 on; -1 where a slot is empty.
        ages: presentations since a slot was last written to, ``[B, M]``.
    """

    keys: tf.Tensor
    values: tf.Tensor
    ages: tf.Tensor


def check_memory(size: int, neighbours: int) -> None:
    """Raises `ValueError` unless a memory can have `size` slots, and be asked for so many `neighbours`."""
    check(size >= 1, f"size={size}: such a memory holds nothing; give it at least 1 slot.")
    check(
        1 <= neighbours <= size,
        f"neighbours={neighbours}, but the memory has size={size} slots; expected 1 to {size} neighbours,"
        " so lower neighbours or raise size.",
    )


def empty_memory(rows: int | tf.Tensor, size: int, features: int) -> Memory:
    """Makes `rows` memories with nothing in them.

    Args:
        rows: how many, B.
        size: slots of each, M.
        features: numbers of a key, D.

    Returns:
        The memories.

    Raises:
        ValueError: for a memory without slots.

    Example:
        >>> empty_memory(1, size=4, features=2).values.numpy().tolist()
        [[-1, -1, -1, -1]]
    """
    check_memory(size, neighbours=size)
    return Memory(tf.zeros([rows, size, features]), -tf.ones([rows, size], tf.int64), tf.zeros([rows, size]))


def write(memory: Memory, query: tf.Tensor, value: tf.Tensor, noise: tf.Tensor | float = 0.0) -> Memory:
    """Presents one query and its value to each memory: the update rule (section 2.2).

    If the nearest key has the right value, that key moves halfway to the query. If not, the query is written over
    the oldest slot, an empty one if there is any. The slot's age is then 0, and every other slot is older by one.

    Args:
        memory: the memories.
        query: a unit vector for each, ``[B, D]``.
        value: the integer that it stands for, ``[B]``.
        noise: is added to the ages that are compared, ``[B, M]``; with some, writers that share a memory do not
            choose the same slot.

    Returns:
        The memories afterwards.

    Example:
        >>> before = empty_memory(1, size=3, features=2)
        >>> after = write(before, tf.constant([[0.6, 0.8]]), tf.constant([7], tf.int64))
        >>> after.values.numpy().tolist(), after.ages.numpy().tolist()
        ([[7, -1, -1]], [[0.0, 1.0, 1.0]])
    """
    size = memory.values.shape[1]
    nearest = tf.argmax(_similarities(memory, query[:, None])[:, 0], axis=1)  # [B]
    right = tf.gather(memory.values, nearest, batch_dims=1) == value
    oldest = tf.argmax(tf.where(memory.values < 0, float("inf"), memory.ages + noise), axis=1)
    moved = tf.math.l2_normalize(query + tf.gather(memory.keys, nearest, batch_dims=1), axis=1)
    key = tf.where(right[:, None], moved, query)
    here = tf.one_hot(tf.where(right, nearest, oldest), size, on_value=True, off_value=False)  # [B, M]
    return Memory(
        tf.where(here[:, :, None], key[:, None], memory.keys),
        tf.where(here, value[:, None], memory.values),
        tf.where(here, 0.0, memory.ages + 1.0),
    )


def remember(memory: Memory, queries: tf.Tensor, values: tf.Tensor, noise: tf.Tensor | None = None) -> Memory:
    """Presents a stream of queries and values to each memory, one after the other.

    Args:
        memory: the memories.
        queries: unit vectors in the order of their presentation, ``[B, T, D]``.
        values: the integers that they stand for, ``[B, T]``.
        noise: as in `write`, ``[B, T, M]``.

    Returns:
        The memories afterwards. No gradient flows through what they hold.
    """
    return _present(memory, queries, values, noise, lambda *_: ())[0]


def memory_losses(
    memory: Memory,
    queries: tf.Tensor,
    values: tf.Tensor,
    *,
    margin: float,
    neighbours: int,
    noise: tf.Tensor | None = None,
) -> tuple[tf.Tensor, Memory]:
    """Presents a stream as `remember` does, and says what each presentation loses (eq. 4).

    With ``p`` the nearest slot of the right value and ``b`` the nearest of a wrong one, as the query finds them,

        loss(q, v) = max( q · K[b] - q · K[p] + α, 0 ).

    ``b`` is looked for among the nearest `neighbours`, and ``p`` in all of the memory. Where there is no ``p`` or
    no ``b`` nothing is lost. Keys are constants: what is trained is where queries fall.

    Args:
        memory: the memories.
        queries: unit vectors in the order of their presentation, ``[B, T, D]``.
        values: the integers that they stand for, ``[B, T]``.
        margin: ``α``.
        neighbours: ``k``.
        noise: as in `write`, ``[B, T, M]``.

    Returns:
        The losses ``[B, T]``, and the memories afterwards.

    Example:
        >>> queries = tf.constant([[[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]])
        >>> stream = queries, tf.constant([[0, 1, 0]], tf.int64)
        >>> losses, _ = memory_losses(empty_memory(1, 8, 2), *stream, margin=0.1, neighbours=8)
        >>> losses.numpy().round(2).tolist()
        [[0.0, 0.0, 0.30000001192092896]]
    """

    def pull(memory: Memory, query: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What a query is drawn along, ``K[b] - K[p]`` ``[B, D]``, and whether there are both ``[B]``."""
        similarity = _similarities(memory, query[:, None])[:, 0]  # [B, M]
        right = memory.values == value[:, None]
        wrong = _nearest(similarity, neighbours) & (memory.values >= 0) & ~right
        slots = [tf.argmax(tf.where(which, similarity, _NOTHING), axis=1) for which in (wrong, right)]
        b, p = (tf.gather(memory.keys, slot, batch_dims=1) for slot in slots)
        return b - p, tf.reduce_any(wrong, axis=1) & tf.reduce_any(right, axis=1)

    after, (pulls, both) = _present(memory, queries, values, noise, pull, (tf.float32, tf.bool))
    losses = tf.nn.relu(tf.reduce_sum(queries * pulls, axis=-1) + margin)  # [B, T]
    return tf.where(both, losses, 0.0), after


def recall(memory: Memory, queries: tf.Tensor, *, neighbours: int, temperature: float) -> tf.Tensor:
    """Answers for queries with the values of the keys that they resemble.

    The nearest `neighbours` vote for their values, weighted by a softmax over cosines times the `temperature`
    (eq. 2 and 3; the paper's inverse temperature). Where it is high, the answer is the value of the nearest.

    Args:
        memory: the memories.
        queries: unit vectors, ``[B, Q, D]``.
        neighbours: ``k``.
        temperature: factor on the cosines.

    Returns:
        Logits ``[B, Q, N]``, where N - 1 is the largest value of any memory. The logarithm of each value's vote.
    """
    similarity = _similarities(memory, queries)  # [B, Q, M]
    near = tf.where(_nearest(similarity, neighbours), temperature * similarity, _NOTHING)
    values = tf.one_hot(memory.values, tf.maximum(count_ways(memory.values), 1))  # [B, M, N]
    return tf.math.log(tf.maximum(tf.matmul(tf.nn.softmax(near), values), _NO_VOTE))


_NOTHING = -1e9  # what an empty slot resembles a query by
_NO_VOTE = 1e-30


def _similarities(memory: Memory, queries: tf.Tensor) -> tf.Tensor:
    """Cosines of queries ``[B, Q, D]`` with all keys: ``[B, Q, M]``."""
    cosines = tf.matmul(queries, memory.keys, transpose_b=True)
    return tf.where(memory.values[:, None] >= 0, cosines, _NOTHING)


def _nearest(similarity: tf.Tensor, count: int) -> tf.Tensor:
    """Marks the `count` largest of the last axis."""
    if count >= similarity.shape[-1]:
        return tf.ones_like(similarity, tf.bool)
    return similarity >= tf.math.top_k(similarity, count).values[..., -1:]


def _present(
    memory: Memory,
    queries: tf.Tensor,
    values: tf.Tensor,
    noise: tf.Tensor | None,
    note: Callable[..., tuple],
    notes: tuple[tf.DType, ...] = (),
) -> tuple[Memory, list[tf.Tensor]]:
    """Writes a stream into the memories, and keeps what `note` says of each presentation before it is written.

    Returns:
        The memories afterwards, and of each kind of note ``[B, T, ...]``.
    """
    steps = leading(queries, 2)[1]

    def by_step(x: tf.Tensor) -> tf.TensorArray:
        x = tf.stop_gradient(_swap(x))
        return tf.TensorArray(x.dtype, steps, element_shape=x.shape[1:]).unstack(x)

    queries, values = by_step(queries), by_step(tf.cast(values, memory.values.dtype))
    noises = None if noise is None else by_step(noise)

    def step(t: tf.Tensor, memory: Memory, noted: tuple) -> tuple:
        query, value = queries.read(t), values.read(t)
        noted = tuple(array.write(t, x) for array, x in zip(noted, note(memory, query, value), strict=True))
        after = write(memory, query, value, 0.0 if noises is None else noises.read(t))
        # What is known of the shape before is known after.
        return (
            t + 1,
            Memory(*(tf.ensure_shape(x, was.shape) for x, was in zip(after, memory, strict=True))),
            noted,
        )

    arrays = tuple(tf.TensorArray(dtype, steps) for dtype in notes)
    memory = Memory(*map(tf.stop_gradient, memory))
    _, memory, noted = tf.while_loop(lambda t, *_: t < steps, step, (0, memory, arrays))
    return memory, [_swap(array.stack()) for array in noted]


def _swap(x: tf.Tensor) -> tf.Tensor:
    """Puts the memories before the steps, or the steps before the memories."""
    return tf.transpose(x, [1, 0, *range(2, len(x.shape))])
