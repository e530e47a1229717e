"""Runs one network with different weights for every task, all tasks at once.

Evaluating ``B`` tasks that each have weights of their own is, layer by layer, a batched matrix product: weights
carry the tasks as a leading dimension, ``[B, ...]``, and so do the inputs, ``[B, M, ...]``. One rule for each kind
of layer says how; a layer without variables needs no rule, for it treats the items of all tasks alike.
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfmeta.core.shapes import leading, merge_tasks, split_tasks

__all__ = ["Moments", "chain_of", "run_chain"]

Moments = tuple[tf.Tensor, tf.Tensor]
"""Mean and variance that a batch normalisation uses, each ``[B, F]``."""

Lookup = Callable[[keras.Variable], tf.Tensor]
"""Gives a variable's value for every task, ``[B, ...]``, or ``[1, ...]`` where the tasks share it."""


def chain_of(network: keras.Model) -> list[keras.Layer] | None:
    """Returns the layers of `network` in order if `run_chain` can run it, and None if not.

    It can run a `keras.Sequential`, nested ones included, of Dense, Conv2D (one group, no dilation, channels
    last), BatchNormalization over the last axis, and layers without variables.
    """
    if not isinstance(network, keras.Sequential):
        return None
    chain: list[keras.Layer] = []
    for layer in network.layers:
        inner = chain_of(layer) if isinstance(layer, keras.Model) else [layer]
        if inner is None or not all(map(_can_run, inner)):
            return None
        chain += inner
    return chain


def run_chain(
    chain: Sequence[keras.Layer], lookup: Lookup, x: tf.Tensor, moments: Sequence[Moments] | None
) -> tuple[tf.Tensor, list[Moments]]:
    """Runs a chain of layers for a batch of tasks.

    Args:
        chain: what `chain_of` returned.
        lookup: gives the value of each of the chain's variables for every task.
        x: inputs, ``[B, M, ...]``.
        moments: mean and variance for each batch normalisation, in order; None takes them from `x`, from the
            items of each task by themselves.

    Returns:
        The outputs ``[B, M, ...]``, and the moments that were used.
    """
    tasks = leading(x, 1)[0]
    given = iter(moments) if moments is not None else None
    used: list[Moments] = []
    for layer in chain:
        if isinstance(layer, keras.layers.BatchNormalization):
            used.append(next(given) if given is not None else _moments(x))
            x = _batch_normalization(layer, lookup, x, used[-1])
        elif type(layer) in _RULES:
            x = _RULES[type(layer)](layer, lookup, x)
        else:
            x = split_tasks(layer(merge_tasks(x)), tasks)
    return x, used


def _can_run(layer: keras.Layer) -> bool:
    if isinstance(layer, keras.layers.BatchNormalization):
        return layer.axis == -1
    if isinstance(layer, keras.layers.Conv2D):
        return layer.groups == 1 and layer.dilation_rate == (1, 1) and layer.data_format == "channels_last"
    return type(layer) in _RULES or not layer.variables


def _dense(layer: keras.layers.Dense, lookup: Lookup, x: tf.Tensor) -> tf.Tensor:
    tasks, items = leading(x, 2)
    y = tf.matmul(tf.reshape(x, [tasks, -1, x.shape[-1]]), lookup(layer.kernel))  # [B, M*..., F]
    if layer.use_bias:
        y += lookup(layer.bias)[:, None, :]
    return layer.activation(tf.reshape(y, [tasks, items, *x.shape[2:-1], y.shape[-1]]))


def _conv2d(layer: keras.layers.Conv2D, lookup: Lookup, x: tf.Tensor) -> tf.Tensor:
    tasks, items = leading(x, 2)
    kernel = lookup(layer.kernel)  # [B, h, w, C, F]
    patches = _patches(merge_tasks(x), layer.kernel_size, layer.strides, layer.padding)  # [B*M, H', W', h*w*C]
    height, width, depth = patches.shape[1:]
    y = tf.matmul(
        tf.reshape(patches, [tasks, -1, depth]),  # [B, M*H'*W', h*w*C]
        tf.reshape(kernel, [leading(kernel, 1)[0], depth, layer.filters]),
    )
    if layer.use_bias:
        y += lookup(layer.bias)[:, None, :]
    return layer.activation(tf.reshape(y, [tasks, items, height, width, layer.filters]))


def _patches(x: tf.Tensor, size: tuple[int, int], strides: tuple[int, int], padding: str) -> tf.Tensor:
    """Lays the receptive field of every output pixel out as a vector: ``[..., H, W, C] -> [..., H', W', h*w*C]``.

    Slices and a concatenation; `tf.image.extract_patches` has a much slower gradient.
    """
    pads, outs = [], []
    for extent, window, stride in zip(x.shape[1:3], size, strides, strict=True):
        same = padding == "same"
        out = -(-extent // stride) if same else (extent - window) // stride + 1
        missing = max((out - 1) * stride + window - extent, 0) if same else 0
        pads.append([missing // 2, missing - missing // 2])
        outs.append(out)
    if any(map(any, pads)):
        x = tf.pad(x, [[0, 0], *pads, [0, 0]])
    slices = [
        x[
            :,
            row : row + (outs[0] - 1) * strides[0] + 1 : strides[0],
            column : column + (outs[1] - 1) * strides[1] + 1 : strides[1],
        ]
        for row in range(size[0])
        for column in range(size[1])
    ]
    return tf.concat(slices, axis=-1)


def _moments(x: tf.Tensor) -> Moments:
    """Mean and variance of each feature over the items (and pixels) of a task: ``[B, M, ..., F] -> [B, F]``."""
    return tf.nn.moments(x, axes=list(range(1, x.shape.rank - 1)))


def _batch_normalization(
    layer: keras.layers.BatchNormalization, lookup: Lookup, x: tf.Tensor, moments: Moments
) -> tf.Tensor:
    mean, variance = moments
    factor = tf.math.rsqrt(variance + layer.epsilon)
    if layer.scale:
        factor *= lookup(layer.gamma)
    offset = -mean * factor
    if layer.center:
        offset += lookup(layer.beta)
    for _ in range(x.shape.rank - 2):
        factor, offset = factor[:, None], offset[:, None]
    return x * factor + offset


_RULES: dict[type, Callable[[keras.Layer, Lookup, tf.Tensor], tf.Tensor]] = {
    keras.layers.Dense: _dense,
    keras.layers.Conv2D: _conv2d,
}
