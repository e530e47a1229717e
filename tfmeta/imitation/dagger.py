"""Writes shards of demonstrations while a policy is trained: the expert's first, then the learner's, corrected."""

from collections.abc import Callable, Iterable
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
        play: plays tasks, given a seed and how many, as `play_tasks` does in a world.
        folder: of the shards.
        numbers: of the shards, which name the files and the tasks.
        tasks: of a shard.
        seed: of all shards.
    """
    played = tf.function(play, autograph=False)
    for number in numbers:
        path = Path(folder) / f"{number:05d}.tfrecord"
        if not path.exists():
            write_shard(path, *played(tf.constant([seed, number], tf.int64), tasks))


class WriteShards(keras.callbacks.Callback):
    """Writes a shard before each epoch, played by the learner and corrected by the expert (DAgger).

    So what is read grows with what the learner meets.

    Args:
        folder: of the shards.
        first: the number of the shard before the first epoch; it comes after those that are there from the start.
        tasks: of a shard.
        seed: of all shards.
    """

    def __init__(self, folder: str | Path, *, first: int, tasks: int, seed: int):
        super().__init__()
        self.folder, self.first, self.tasks, self.seed = Path(folder), first, tasks, seed

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        learner = cast(ImitationLearner, self.model)
        if epoch:  # before that the learner knows nothing
            write_shards(
                learner.play, self.folder, [self.first + epoch - 1], tasks=self.tasks, seed=self.seed
            )
