"""How well a learner does on many tasks: the mean, with its confidence interval."""

import math

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.estimate import Estimate
from tfmeta.core.losses import align
from tfmeta.core.shapes import leading

__all__ = ["TaskAccuracy", "TaskError", "TaskMean", "evaluate_tasks"]


class TaskMean(keras.metrics.Metric):
    """The mean over tasks of a number that each task has, and the interval around it.

    Subclasses say in `score` what the number of each item is. A task's number is the mean over its items. With sample
    weights it is the weighted mean, and a task whose weights are all zero does not count. All other tasks count alike.

    In ``compile``, give it as one of the `weighted_metrics` where there are sample weights: Keras tells the others
    nothing of them.

    Attributes:
        better: ``"up"`` where higher numbers are better, ``"down"`` where lower ones are. Callbacks that keep the best
            model read it.
    """

    better = "up"

    def __init__(self, name: str | None = None, dtype: str | None = None):
        super().__init__(name=name, dtype=dtype)
        self._direction = self.better  # where Keras looks for it
        # The variance is a small difference of large numbers, for which float32 has too few digits.
        self.sum, self.squares, self.tasks = (
            self.add_variable(shape=(), initializer="zeros", dtype="float64", name=name)
            for name in ("sum", "squares", "tasks")
        )

    def score(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the numbers of each item, ``[B, Q]`` or ``[B, Q, ...]``, or of each task, ``[B]``.

        Args:
            y_true: targets of the queries, ``[B, Q, ...]``.
            y_pred: answers, ``[B, Q, ...]``.
        """
        raise NotImplementedError

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Adds a batch of tasks.

        Args:
            y_true: targets of the queries, ``[B, Q, ...]``.
            y_pred: answers, ``[B, Q, ...]``.
            sample_weight: weights of tasks, ``[B]``, or of their queries, ``[B, Q]``; 1 unless given.

        Raises:
            ValueError: for weights of another rank.
        """
        scores = self.score(tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred))  # [B, Q, ...]
        scores = scores[:, None] if scores.shape.rank == 1 else scores
        tasks, items = leading(scores, 2)
        scores = tf.reduce_mean(tf.cast(tf.reshape(scores, [tasks, items, -1]), tf.float64), axis=2)  # [B, Q]
        weights = _weights(sample_weight, scores)
        totals = tf.reduce_sum(weights, axis=1)  # [B]
        of_tasks = tf.math.divide_no_nan(tf.reduce_sum(weights * scores, axis=1), totals)
        counted = tf.cast(totals > 0, tf.float64)
        self.sum.assign_add(tf.reduce_sum(of_tasks))
        self.squares.assign_add(tf.reduce_sum(of_tasks**2))
        self.tasks.assign_add(tf.reduce_sum(counted))

    def result(self) -> tf.Tensor:
        mean = tf.math.divide_no_nan(tf.convert_to_tensor(self.sum), tf.convert_to_tensor(self.tasks))
        return tf.cast(mean, self.dtype)

    def estimate(self) -> Estimate:
        """Returns the mean over all tasks seen since the last reset, with its interval.

        Raises:
            ValueError: if no task was seen.
        """
        total, squares, tasks = (float(v.numpy()) for v in (self.sum, self.squares, self.tasks))
        check(tasks > 0, f"the metric {self.name!r} has seen no tasks; evaluate some first.")
        mean = total / tasks
        variance = max(squares / tasks - mean**2, 0.0) * tasks / max(tasks - 1.0, 1.0)
        return Estimate(mean, 1.96 * math.sqrt(variance / tasks), int(tasks))


@keras.saving.register_keras_serializable("tfmeta")
class TaskAccuracy(TaskMean):
    """The fraction of a task's queries that are answered rightly, from logits ``[B, Q, N]``.

    Example:
        >>> metric = TaskAccuracy()
        >>> metric.update_state([[0, 1]], [[[2.0, 1.0], [2.0, 1.0]]])
        >>> float(metric.result())
        0.5
    """

    def __init__(self, name: str = "accuracy", dtype: str | None = None):
        super().__init__(name, dtype)

    def score(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        # Compared as they are: a label of 1.5 is no class, and so never right.
        return tf.cast(tf.cast(tf.argmax(y_pred, axis=-1), y_true.dtype) == y_true, tf.float64)


@keras.saving.register_keras_serializable("tfmeta")
class TaskError(TaskMean):
    """The mean squared error of a task's answers, from values ``[B, Q, ...]``."""

    better = "down"

    def __init__(self, name: str = "mse", dtype: str | None = None):
        super().__init__(name, dtype)

    def score(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return tf.math.squared_difference(align(y_true, y_pred), y_pred)


def _weights(given: tf.Tensor | None, scores: tf.Tensor) -> tf.Tensor:
    """Returns a weight for each score ``[B, Q]``."""
    if given is None:
        return tf.ones_like(scores)
    given = tf.cast(given, tf.float64)
    if given.shape.rank == 1:
        given = given[:, None]
    check(
        given.shape.rank == 2,
        f"sample_weight has the shape {given.shape.as_list()}; expected [B] for tasks, or [B, Q] for queries.",
    )
    return tf.broadcast_to(given, tf.shape(scores))


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
