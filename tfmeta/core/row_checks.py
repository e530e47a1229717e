"""A bound on inputs that hold nothing but how many rows are wanted: a few bytes could ask for gigabytes of answer."""

import tensorflow as tf

from tfmeta.core.graph_checks import after, require

__all__ = ["MOST_ROWS", "check_most_rows"]

MOST_ROWS = 65_536
"""How many rows a request may ask for where it sends nothing to be answered."""


def check_most_rows(rows: tf.Tensor, name: str) -> tf.Tensor:
    """Checks that a request asks for no more rows than `MOST_ROWS`, and returns the input once it has passed.

    Args:
        rows: one of anything for each row that is wanted, ``[B]``.
        name: what the client calls it, for messages.

    Returns:
        The input. The graph fails, with words, for more rows.

    Example:
        >>> check_most_rows(tf.zeros([3], tf.int64), "rows").shape
        TensorShape([3])
    """
    count = tf.shape(rows)[0]
    message = f" rows; expected at most {MOST_ROWS}: ask in several requests."
    return after([require(count <= MOST_ROWS, f"{name} holds ", count, message)], rows)[0]
