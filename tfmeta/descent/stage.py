"""What the learning of one stage needs beside the model: its sums, and the callback that ends it in time."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.descent.ridge import NormalEquations

__all__ = ["OneStageAnEpoch", "StageSums"]


class StageSums:
    """The sums of one stage, and how many batches were added. It is no part of the model, so it is not saved.

    Args:
        sums: empty sums.
    """

    def __init__(self, sums: NormalEquations):
        self.sums = sums
        self._count = tf.Variable(0, trainable=False)

    @property
    def batches(self) -> int:
        """How many batches were added."""
        return int(self._count.numpy())

    @property
    def fold(self) -> tf.Tensor:
        """The fold of the next batch, a scalar."""
        return self._count % self.sums.folds

    def add(self, features: tf.Tensor, targets: tf.Tensor) -> None:
        """Adds a batch to its fold.

        Args:
            features: ``[N, D]``.
            targets: ``[N, P]``.
        """
        self.sums.add(features, targets, self.fold)
        self._count.assign_add(1)


class OneStageAnEpoch(keras.callbacks.Callback):
    """Lets a `SupervisedDescent` learn a stage from each epoch, before validation and before other callbacks."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._found: dict[str, Any] = {}
        self.model.begin_stage()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.model.end_stage(self._found)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.end_stage(self._found)
        (logs if logs is not None else {}).update(self._found)
