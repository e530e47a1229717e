"""Sine waves of random amplitude and phase: the regression tasks of MAML's paper."""

import dataclasses
import math
from typing import ClassVar

import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.tasks import Part
from tfmeta.data.episode_tasks import EpisodeTasks

__all__ = ["SinusoidTasks", "sinusoid"]

_AMPLITUDE = (0.1, 5.0)
_PHASE = (0.0, math.pi)
_DOMAIN = (-5.0, 5.0)


@dataclasses.dataclass(frozen=True)
class SinusoidTasks(EpisodeTasks):
    """Sine waves, each to be continued from a few of its points. There are no classes, so `ways` is ignored."""

    items = "sine waves"
    name = "sinusoid"
    task = "regression"
    test_batch: ClassVar[int] = 50

    @property
    def source(self) -> str:
        return "sine waves, drawn as they are needed"

    @property
    def item_shape(self) -> tuple[int]:
        return (1,)

    def sizes(self, part: Part) -> tuple[int, int]:
        return 0, 0

    def load(self, part: Part) -> None:
        """Nothing is read: waves are drawn."""

    def episodes(
        self, part: Part, *, ways: int, shots: int, queries: int, batch_size: int, seed: int, start: int = 0,
        augment: bool = False,
    ) -> tf.data.Dataset:  # fmt: skip
        return sinusoid(shots, queries, batch_size, seed, start)

    def drawn(self, ways: int, shots: int, queries: int, test_queries: int) -> str:
        return (
            f"{shots} points of a wave with amplitude in [0.1, 5] and phase in [0, pi], x in [-5, 5]; tested on fresh"
            f" waves, at {test_queries} points each"
        )

    def tested_on(self, ways: int, shots: int) -> str:
        return f"{shots} points"


def sinusoid(shots: int, queries: int, batch_size: int, seed: int = 0, start: int = 0) -> tf.data.Dataset:
    """Draws batches of regression tasks without end; batch ``i`` is a pure function of ``(seed, i)``.

    A task is ``y = amplitude * sin(x - phase)``, with the amplitude uniform on [0.1, 5], the phase on
    [0, pi], and each ``x`` on [-5, 5].

    Args:
        shots: labelled points of a task, K.
        queries: points to answer for, Q.
        batch_size: tasks of a batch, B.
        seed: names the sequence of batches.
        start: number of the first batch.

    Returns:
        An infinite dataset of ``(inputs, query_y)``, all float32: `inputs` is a dict of ``support_x
        [B, K, 1]``, ``support_y [B, K, 1]`` and ``query_x [B, Q, 1]``; ``query_y`` is ``[B, Q, 1]``.

    Raises:
        ValueError: if a number is below 1, or `start` below 0.

    Example:
        >>> inputs, query_y = next(iter(sinusoid(shots=10, queries=15, batch_size=4)))
        >>> inputs["support_x"].shape, query_y.shape
        (TensorShape([4, 10, 1]), TensorShape([4, 15, 1]))

    Reference:
        Finn, Abbeel, Levine. "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks." ICML 2017,
        section 5.1.
    """
    check(
        min(shots, queries, batch_size) >= 1,
        f"shots={shots}, queries={queries}, batch_size={batch_size}: each must be at least 1.",
    )
    check(start >= 0, f"start={start}; batches are numbered from 0.")

    def batch(index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        seeds = tf.random.experimental.stateless_split([tf.cast(seed, tf.int64), index], 3)
        amplitude = tf.random.stateless_uniform([batch_size, 1, 1], seeds[0], *_AMPLITUDE)
        phase = tf.random.stateless_uniform([batch_size, 1, 1], seeds[1], *_PHASE)
        x = tf.random.stateless_uniform([batch_size, shots + queries, 1], seeds[2], *_DOMAIN)
        y = amplitude * tf.sin(x - phase)
        inputs = {"support_x": x[:, :shots], "support_y": y[:, :shots], "query_x": x[:, shots:]}
        return inputs, y[:, shots:]

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)
