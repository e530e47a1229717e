"""Writes shards of demonstrations while a policy is trained: the expert's first, then the learner's, corrected."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import cast

import keras
import tensorflow as tf

from tfmeta.imitation.demonstration import Demonstration, Played
from tfmeta.imitation.learner import ImitationLearner
from tfmeta.imitation.shards import write_shard

__all__ = ["WriteShards", "write_shards"]


Play = Callable[[tf.Tensor, int], tuple[Demonstration, Played]]


def write_shards(play: Play, folder: str | Path, numbers: Iterable[int], *, tasks: int, seed: int) -> None:
    """Writes shards of fresh tasks; those that exist stay as they are.

    Args:
        play: plays tasks, given a seed ``[2]`` int64 and how many, as `play_tasks` does in a world. A function of
            TensorFlow is faster.
        folder: of the shards.
        numbers: of the shards, which name the files and the tasks.
        tasks: of a shard.
        seed: of all shards.
    """
    for number in numbers:
        path = Path(folder) / f"{number:05d}.tfrecord"
        if not path.exists():
            write_shard(path, *play(tf.constant([seed, number], tf.int64), tasks))


class WriteShards(keras.callbacks.Callback):
    """Writes a shard before each epoch, played by the learner and corrected by the expert (DAgger).

    So what is read grows with what the learner meets. In the first epochs it cannot do much yet, and would fill its
    shards with scenes in which it is stuck.

    Args:
        folder: of the shards.
        first: number of its first shard; those before it are there from the start.
        tasks: of a shard.
        seed: of all shards.
        after: epochs before the first shard is written.
    """

    def __init__(self, folder: str | Path, *, first: int, tasks: int, seed: int, after: int = 1):
        super().__init__()
        self.folder, self.first, self.tasks, self.seed = Path(folder), first, tasks, seed
        self.after = after

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        self._play = tf.function(partial(cast(ImitationLearner, model).play, helped=True), autograph=False)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        number = self.first + epoch - self.after
        if number >= self.first:
            write_shards(self._play, self.folder, [number], tasks=self.tasks, seed=self.seed)
