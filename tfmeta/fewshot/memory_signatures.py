"""Signatures of a life-long memory: to remember, and to recall. The client keeps the memory and sends it along."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tfmeta.core.export import Signature
from tfmeta.core.graph_checks import after, check_finite, check_leading, check_shape, require
from tfmeta.data.encoded import encode_drawings
from tfmeta.fewshot.lifelong import LifelongMemory
from tfmeta.fewshot.memory import Memory, remember
from tfmeta.fewshot.requests import Requests

__all__ = ["memory_signatures"]

Answer = dict[str, tf.Tensor]


def memory_signatures(learner: LifelongMemory, requests: Requests) -> Mapping[str, Signature]:
    """Makes the signatures through which memories go in and come out.

    ================  =======================  ================================================
    signature         inputs                   outputs
    ================  =======================  ================================================
    ``empty_memory``  rows ``[B]``             a memory for each row
    ``remember``      a memory, x, y           the memory afterwards
    ``recall``        a memory, x              probabilities ``[B, Q, N]``, labels ``[B, Q]``
    ================  =======================  ================================================

    A memory is ``memory_keys [B, M, D]``, ``memory_values [B, M]`` and ``memory_ages [B, M]``, under the same
    names where it goes in and comes out; rows are separate memories. ``x`` is float32 ``[B, S, ...]``, and ``y``
    int64 ``[B, S]``, from 0 and below M. A memory that is still empty recalls probabilities of 0 and labels of
    -1. Where items are drawings there are also ``remember_png`` and ``recall_png``, which take encoded images as
    ``x_png`` in place of ``x``.

    Args:
        learner: the learner.
        requests: checks and decodes the items, and has examples of them.

    Returns:
        The signatures by name.
    """
    size, features = learner.size, learner.features
    specs = {
        "memory_keys": tf.TensorSpec([None, size, features], tf.float32, "memory_keys"),
        "memory_values": tf.TensorSpec([None, size], tf.int64, "memory_values"),
        "memory_ages": tf.TensorSpec([None, size], tf.float32, "memory_ages"),
        "rows": tf.TensorSpec([None], tf.int64, "rows"),
        "x": tf.TensorSpec([None, None, *requests.item], tf.float32, "x"),
        "y": tf.TensorSpec([None, None], tf.int64, "y"),
        "x_png": tf.TensorSpec([None, None], tf.string, "x_png"),
    }

    def checked(memory_keys: tf.Tensor, memory_values: tf.Tensor, memory_ages: tf.Tensor) -> Memory:
        fix = "send back what remember or empty_memory returned, unchanged"
        keys = check_finite(
            "memory_keys", check_shape("memory_keys", memory_keys, ("B", size, features), fix)
        )
        values = check_shape("memory_values", memory_values, ("B", size), fix)
        ages = check_finite("memory_ages", check_shape("memory_ages", memory_ages, ("B", size), fix))
        low, high = tf.reduce_min(values), tf.reduce_max(values)
        fits = require((low >= -1) & (high < size), "memory_values holds ", low, " to ", high,
                       f"; expected -1 (an empty slot) to {size - 1}; {fix}.")  # fmt: skip
        return Memory(keys, after([fits], values)[0], ages)

    def named(memory: Memory) -> Answer:
        return {f"memory_{field}": value for field, value in memory._asdict().items()}

    def with_rows(memory: Memory, **inputs: tf.Tensor) -> tuple[Memory, list[tf.Tensor]]:
        """Checks that there is a row of each input for each memory."""
        passed = check_leading(**named(memory), **inputs)
        return Memory(*passed[:3]), list(passed[3:])

    def written(memory: Memory, name: str, items: tf.Tensor, y: tf.Tensor) -> Answer:
        x = requests.items(name, items, "S")
        y = check_shape("y", y, ("B", "S"), f"one label for each item of {name}")
        memory, (x, y) = with_rows(memory, **{name: x}, y=y)
        count, labels = tf.shape(x)[1], tf.shape(y)[1]
        low, high = tf.reduce_min(y), tf.reduce_max(y)
        fits = (labels == 0) | ((low >= 0) & (high < size))
        x, y = after([
            require(count == labels, f"{name} holds ", count, " items but y ", labels,
                    " labels; expected one label for each item."),
            require(fits, "y holds labels from ", low, " to ", high,
                    f"; expected 0 to {size - 1}, since this memory has {size} slots."),
        ], x, y)  # fmt: skip
        return named(remember(memory, learner.embed(x), y))

    def read(memory: Memory, name: str, items: tf.Tensor) -> Answer:
        memory, (x,) = with_rows(memory, **{name: requests.items(name, items, "Q")})
        logits = learner.recall(memory, x)  # [B, Q, N]
        known = tf.reduce_any(memory.values >= 0, axis=1)[:, None]
        return {
            "probabilities": tf.where(known[:, :, None], tf.nn.softmax(logits), 0.0),
            "labels": tf.where(known, tf.argmax(logits, axis=-1), -1),
        }

    def empty(rows: tf.Tensor) -> Answer:
        return named(learner.empty(tf.shape(check_shape("rows", rows, ("B",)))[0]))

    def remember_x(x: tf.Tensor, y: tf.Tensor, **memory: tf.Tensor) -> Answer:
        return written(checked(**memory), "x", x, y)

    def remember_png(x_png: tf.Tensor, y: tf.Tensor, **memory: tf.Tensor) -> Answer:
        return written(checked(**memory), "x_png", x_png, y)

    def recall_x(x: tf.Tensor, **memory: tf.Tensor) -> Answer:
        return read(checked(**memory), "x", x)

    def recall_png(x_png: tf.Tensor, **memory: tf.Tensor) -> Answer:
        return read(checked(**memory), "x_png", x_png)

    x, y = requests.example["support_x"], requests.example["support_y"]
    known = named(remember(learner.empty(len(x)), learner.embed(tf.constant(x)), tf.constant(y)))
    example = {"rows": np.zeros(1, np.int64), "x": x, "y": y, **{k: v.numpy() for k, v in known.items()}}
    if requests.takes_drawings:
        example["x_png"] = encode_drawings(x).numpy()

    def signature(function: Callable[..., Answer], *names: str) -> Signature:
        return Signature(function, tuple(specs[n] for n in names), {n: example[n] for n in names})

    memory = tuple(known)
    signatures = {
        "empty_memory": signature(empty, "rows"),
        "remember": signature(remember_x, *memory, "x", "y"),
        "recall": signature(recall_x, *memory, "x"),
    }
    if requests.takes_drawings:
        signatures |= {
            "remember_png": signature(remember_png, *memory, "x_png", "y"),
            "recall_png": signature(recall_png, *memory, "x_png"),
        }
    return signatures
