"""How well a learner does on many tasks: the mean, with its confidence interval."""

import math

import keras
import tensorflow as tf

from tfmeta.core.estimate import Estimate

__all__ = ["TaskAccuracy", "TaskError", "TaskMean", "evaluate_tasks"]


class TaskMean(keras.metrics.Metric):
    """The mean over tasks of a number that each task has, and the interval around it.

    Subclasses say in `score` what the number is.
    """

    def __init__(self, name: str | None = None, dtype: str | None = None):
        super().__init__(name=name, dtype=dtype)
        self.sum = self.add_weight(name="sum", shape=(), initializer="zeros")
        self.squares = self.add_weight(name="squares", shape=(), initializer="zeros")
        self.tasks = self.add_weight(name="tasks", shape=(), initializer="zeros")

    def score(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the number of each task, ``[B]``, from its targets and its answers."""
        raise NotImplementedError

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: None = None) -> None:
        scores = self.score(tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred))
        self.sum.assign_add(tf.reduce_sum(scores))
        self.squares.assign_add(tf.reduce_sum(scores**2))
        self.tasks.assign_add(tf.cast(tf.size(scores), self.tasks.dtype))

    def result(self) -> tf.Tensor:
        return tf.math.divide_no_nan(tf.convert_to_tensor(self.sum), tf.convert_to_tensor(self.tasks))

    def estimate(self) -> Estimate:
        """Returns the mean over all tasks seen since the last reset, with its interval."""
        total, squares, tasks = (float(v.numpy()) for v in (self.sum, self.squares, self.tasks))
        mean = total / tasks
        variance = max(squares / tasks - mean**2, 0.0) * tasks / max(tasks - 1.0, 1.0)
        return Estimate(mean, 1.96 * math.sqrt(variance / tasks), int(tasks))


@keras.saving.register_keras_serializable("tfmeta")
class TaskAccuracy(TaskMean):
    """The fraction of a task's queries that are answered rightly, from logits ``[B, Q, N]``."""

    def __init__(self, name: str = "accuracy", dtype: str | None = None):
        super().__init__(name, dtype)

    def score(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        right = tf.equal(tf.argmax(y_pred, axis=-1, output_type=tf.int32), tf.cast(y_true, tf.int32))
        return tf.reduce_mean(tf.cast(right, self.dtype), axis=1)


@keras.saving.register_keras_serializable("tfmeta")
class TaskError(TaskMean):
    """The mean squared error of a task's answers, from values ``[B, Q, D]``."""

    def __init__(self, name: str = "mse", dtype: str | None = None):
        super().__init__(name, dtype)

    def score(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.math.squared_difference(y_true, y_pred), axis=[1, 2])


def evaluate_tasks(
    model: keras.Model, tasks: tf.data.Dataset, metric: TaskMean, *, batches: int, verbose: int | str = "auto"
) -> Estimate:
    """Evaluates a model on batches of tasks, with Keras's own ``evaluate``.

    The model is compiled with `metric` alone, so that what it was compiled with for training is replaced.

    Args:
        model: takes what `tasks` yields.
        tasks: pairs ``(inputs, query_y)`` of batches of tasks.
        metric: what to measure of each task.
        batches: how many batches to draw.
        verbose: whether Keras shows its progress bar.

    Returns:
        The mean over ``batches * B`` tasks, with its 95% confidence interval.
    """
    model.compile(loss=_nothing, metrics=[metric])
    metric.reset_state()
    model.evaluate(tasks, steps=batches, verbose=verbose)
    return metric.estimate()


def _nothing(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Stands in for a loss, without which Keras evaluates no model that was never compiled with one."""
    return tf.zeros(tf.shape(y_pred)[:1])
