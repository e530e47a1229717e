"""Minibatches of whole trials, in a loop of the graph."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfmeta.core.checks import check

__all__ = ["each_minibatch", "rows_of"]


def rows_of(trials: Any, first: int | tf.Tensor, after: int | tf.Tensor) -> Any:
    """Returns the rows from `first` to before `after` of every tensor of a nest."""
    return tf.nest.map_structure(lambda x: x[first:after], trials)


def each_minibatch(function: Callable[[Any], None], trials: Any, *, epochs: int, minibatches: int) -> None:
    """Calls a function that changes variables with each part of a batch of trials, several times over.

    Trials are never cut, since what a recurrent network remembers begins with them; and they are as good as shuffled,
    since each is drawn on its own.

    Args:
        function: is called with `trials`, of fewer rows.
        trials: a nest of tensors ``[B, ...]``; B is static.
        epochs: how often each trial comes.
        minibatches: parts of a batch.

    Raises:
        ValueError: for less than one of either, or more parts than trials.

    Example:
        >>> total = tf.Variable(0.0)
        >>> each_minibatch(lambda x: total.assign_add(tf.reduce_mean(x)), tf.range(4.0), epochs=2, minibatches=2)
        >>> float(total)
        6.0
    """
    count = tf.nest.flatten(trials)[0].shape[0]
    check(
        min(epochs, minibatches) >= 1,
        f"epochs={epochs}, minibatches={minibatches}; expected at least 1 of each.",
    )
    check(
        minibatches <= count, f"minibatches={minibatches}, but a batch holds only {count} trials; lower it."
    )

    def body(i: tf.Tensor) -> tuple[tf.Tensor]:
        part = i % minibatches
        function(rows_of(trials, part * count // minibatches, (part + 1) * count // minibatches))
        return (i + 1,)

    tf.while_loop(lambda i: i < epochs * minibatches, body, (tf.constant(0),))
