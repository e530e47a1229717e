"""Checks of a request inside the graph, whose messages reach the client that sent it.

TF Serving compares a request with nothing but the names and types of a signature's inputs. What else must
hold is asked here, by ops that are part of the graph and run wherever it runs. A failed check is an
`INVALID_ARGUMENT`.
"""

from collections.abc import Mapping, Sequence

import tensorflow as tf

__all__ = ["after", "check_answer", "check_finite", "check_leading", "check_shape", "require"]


def require(condition: tf.Tensor, *message: str | tf.Tensor) -> tf.Operation | None:
    """Makes an op that fails unless `condition` holds. Tie it to what is computed with `after`.

    Args:
        condition: a boolean scalar.
        message: texts, and integers or vectors of integers, which are joined. No quotes: TensorFlow escapes
            them.

    Returns:
        The op (None when executing eagerly, where it has already run).

    Example:
        >>> require(tf.constant(3) < 5, "3 is not below ", tf.constant(5))
    """
    if all(isinstance(part, str) for part in message):
        text = tf.constant("".join(message))  # XLA compiles a check with no numbers in its text
    else:
        text = tf.strings.join([part if isinstance(part, str) else _text(part) for part in message])
    return tf.raw_ops.Assert(condition=condition, data=[text])


def after(checks: Sequence[tf.Operation | None], *tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the tensors, which exist only once the checks have passed.

    Without this tie a check may be pruned, or may lose the race against the op that it should have guarded.
    """
    with tf.control_dependencies([op for op in checks if op is not None]):
        return tuple(tf.identity(tensor) for tensor in tensors)


def check_shape(name: str, x: tf.Tensor, dims: Sequence[int | str], fix: str = "") -> tf.Tensor:
    """Checks the rank and the known dimensions of an input.

    Args:
        name: what the client calls the input.
        x: the input.
        dims: sizes, and letters for sizes that are free, e.g. ``("B", "S", 28, 28, 1)``.
        fix: how to mend it.

    Returns:
        The input, once it has passed.

    Example:
        >>> check_shape("query_x", tf.zeros([2, 3]), ("B", 3)).shape
        TensorShape([2, 3])
    """
    # The declared shape is a promise that TF Serving does not hold requests to. It must be forgotten, or
    # TensorFlow would answer the question from the promise.
    sent = tf.raw_ops.PlaceholderWithDefault(input=x, shape=tf.TensorShape(None))
    shape = tf.shape(sent)
    free = -1
    expected = tf.constant([free if isinstance(dim, str) else dim for dim in dims])
    comparable = tf.concat([shape, tf.fill([len(dims)], free)], axis=0)[: len(dims)]
    fits = (tf.size(shape) == len(dims)) & tf.reduce_all((expected == free) | (comparable == expected))
    wanted = ", ".join(map(str, dims))
    ending = f"; {fix}." if fix else "."
    (sent,) = after([require(fits, f"{name} has the shape ", shape, f", expected [{wanted}]{ending}")], sent)
    return tf.ensure_shape(sent, [None if isinstance(dim, str) else dim for dim in dims])


def check_finite(name: str, x: tf.Tensor) -> tf.Tensor:
    """Checks that no number of an input is NaN or infinite, and returns the input once it has passed."""
    odd = tf.math.count_nonzero(~tf.math.is_finite(x))
    message = f" numbers that are NaN or infinite; expected finite numbers, so clean {name} first."
    return after([require(odd == 0, f"{name} holds ", odd, message)], x)[0]


def check_answer(outputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Checks that an answer is of finite numbers, and returns it once it has passed.

    Inputs of finite numbers can still be too large for what is computed from them, and a client would take the NaN that
    comes of it for an answer.

    Args:
        outputs: the answer, by name.
    """
    floats = {name: x for name, x in outputs.items() if x.dtype.is_floating}
    odd = {name: tf.math.count_nonzero(~tf.math.is_finite(x)) for name, x in floats.items()}
    message = " numbers that are NaN or infinite; expected inputs of a usual size, and a state as the model gave it."
    checks = [
        require(count == 0, f"the answer would hold in {name} ", count, message)
        for name, count in odd.items()
    ]
    return dict(zip(outputs, after(checks, *outputs.values()), strict=True))


def check_leading(**inputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Checks that all inputs hold the same number of tasks, at least one, and returns them afterwards."""
    counts = tf.stack([tf.shape(x)[0] for x in inputs.values()])
    agree = tf.reduce_all(counts == counts[0]) & (counts[0] > 0)
    message = " tasks in the first dimension; expected the same number, at least 1."
    return after([require(agree, f"{', '.join(inputs)} hold ", counts, message)], *inputs.values())


def _text(value: tf.Tensor) -> tf.Tensor:
    if value.shape.rank == 0:
        return tf.as_string(value)
    return tf.strings.join(["[", tf.strings.reduce_join(tf.as_string(value), separator=", "), "]"])
