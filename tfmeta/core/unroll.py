"""Runs a step again and again inside the graph, so that one can differentiate through all of it."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["cut", "unroll"]

_ANY = tf.TensorSpec(None, tf.float32)


def unroll(
    step: Callable[[Any, tf.Tensor], tuple[Any, Any]],
    state: Any,
    length: int | tf.Tensor,
    start: int | tf.Tensor = 0,
    output: Any = _ANY,
) -> tuple[Any, Any]:
    """Takes `length` steps, and gathers what each gives out.

    The steps are a loop of the graph: it is traced once however long it is, and differentiating through it is
    back-propagation through time. Truncate that by `cut` between two calls.

    Args:
        step: maps the state and the number of the step, an int32 scalar, to the next state and an output. States
            keep their structure, shapes and types.
        state: where the steps begin; a nest of tensors.
        length: how many steps, T; at least 1.
        start: number of the first step.
        output: structure, shapes and types of an output, a nest of `tf.TensorSpec`; one float32 tensor unless given.

    Returns:
        The state after the last step, and the outputs, each with a leading dimension of T.

    Example:
        >>> double = lambda x, step: (2.0 * x, x)
        >>> last, path = unroll(double, tf.constant(1.0), length=4)
        >>> float(last), path.numpy().tolist()
        (16.0, [1.0, 2.0, 4.0, 8.0])
    """
    length, start = tf.convert_to_tensor(length, tf.int32), tf.convert_to_tensor(start, tf.int32)
    # One array an output: indexing a tensor in a loop would cost a gradient of its whole size at every step.
    arrays = [
        tf.TensorArray(spec.dtype, length, element_shape=spec.shape) for spec in tf.nest.flatten(output)
    ]

    def body(count: tf.Tensor, state: Any, arrays: list) -> tuple[tf.Tensor, Any, list]:
        state, out = step(state, start + count)
        flat = tf.nest.flatten(out)
        return count + 1, state, [array.write(count, x) for array, x in zip(arrays, flat, strict=True)]

    _, state, arrays = tf.while_loop(lambda count, *_: count < length, body, (tf.constant(0), state, arrays))
    return state, tf.nest.pack_sequence_as(output, [array.stack() for array in arrays])


def cut(state: Any) -> Any:
    """Returns the state as a constant: what comes later is not differentiated with respect to what was before.

    Example:
        >>> x = tf.constant(3.0)
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * cut(x)
        >>> float(tape.gradient(y, x))
        3.0
    """
    return tf.nest.map_structure(tf.stop_gradient, state)
