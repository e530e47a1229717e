"""Runs one network with different weights for every task, all tasks at once.

Evaluating ``B`` tasks that each have weights of their own is, layer by layer, a batched matrix product: weights
carry the tasks as a leading dimension, ``[B, ...]``, and so do the inputs, ``[B, M, ...]``. One rule for each kind
of layer says how; a layer without variables needs no rule, for it treats the items of all tasks alike.
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfmeta.core.shapes import leading, merge_tasks, split_tasks

__all__ = ["Moments", "chain_of", "exact_moments", "run_chain"]

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
    chain: Sequence[keras.Layer],
    lookup: Lookup,
    x: tf.Tensor,
    norms: Sequence[keras.layers.BatchNormalization],
    moments: Sequence[Moments] | None,
    *,
    shared: bool = False,
) -> tuple[tf.Tensor, list[Moments]]:
    """Runs a chain of layers for a batch of tasks.

    Args:
        chain: what `chain_of` returned.
        lookup: gives the value of each of the chain's variables for every task.
        x: inputs, ``[B, M, ...]``.
        norms: the chain's batch normalisations that are given moments; others use their moving statistics.
        moments: mean and variance for each of `norms`, in order; None takes them from `x`, from the items of each
            task by themselves.
        shared: promises that all tasks have equal weights, as before the first inner step. Convolutions are then
            ordinary ones, and only the gradients of their kernels are taken task by task.

    Returns:
        The outputs ``[B, M, ...]``, and the moments that were used.
    """
    tasks = leading(x, 1)[0]
    given = iter(moments) if moments is not None else None
    used: list[Moments] = []
    for layer in chain:
        if any(layer is norm for norm in norms):
            used.append(
                next(given) if given is not None else exact_moments(x, list(range(1, x.shape.rank - 1)))
            )
            x = _batch_normalization(layer, lookup, x, used[-1])
        elif isinstance(layer, keras.layers.Conv2D):
            x = _conv2d(layer, lookup, x, _shared_kernel_products if shared else _own_kernel_products)
        elif isinstance(layer, keras.layers.Dense):
            x = _dense(layer, lookup, x)
        else:
            x = split_tasks(layer(merge_tasks(x)), tasks)
    return x, used


def _can_run(layer: keras.Layer) -> bool:
    if isinstance(layer, keras.layers.BatchNormalization):
        return layer.axis == -1
    if isinstance(layer, keras.layers.Conv2D):
        return layer.groups == 1 and layer.dilation_rate == (1, 1) and layer.data_format == "channels_last"
    return isinstance(layer, keras.layers.Dense) or not layer.variables


def _dense(layer: keras.layers.Dense, lookup: Lookup, x: tf.Tensor) -> tf.Tensor:
    tasks, items = leading(x, 2)
    y = tf.matmul(tf.reshape(x, [tasks, -1, x.shape[-1]]), lookup(layer.kernel))  # [B, M*..., F]
    if layer.use_bias:
        y += lookup(layer.bias)[:, None, :]
    return layer.activation(tf.reshape(y, [tasks, items, *x.shape[2:-1], y.shape[-1]]))


Products = Callable[[keras.layers.Conv2D, tf.Tensor, tf.Tensor], tf.Tensor]
"""Convolves items ``[B*M, H, W, C]`` with the kernels of their tasks ``[B, h, w, C, F]``."""


def _conv2d(layer: keras.layers.Conv2D, lookup: Lookup, x: tf.Tensor, products: Products) -> tf.Tensor:
    tasks = leading(x, 1)[0]
    y = split_tasks(products(layer, merge_tasks(x), lookup(layer.kernel)), tasks)
    if layer.use_bias:
        y += lookup(layer.bias)[:, None, None, None, :]
    return layer.activation(y)


def _own_kernel_products(layer: keras.layers.Conv2D, x: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """Convolves with one kernel a task: a convolution each, or a batched matrix product over image patches."""
    tasks, items = leading(kernels, 1)[0], leading(x, 1)[0]
    if isinstance(tasks, int) and x.shape[-1] > 1:
        # Where the graph can hold one for each task, convolutions are faster than laying out patches.
        pairs = zip(tf.split(x, tasks), tf.unstack(kernels), strict=True)
        return tf.concat(
            [
                tf.nn.conv2d(of_task, kernel, layer.strides, layer.padding.upper())
                for of_task, kernel in pairs
            ],
            axis=0,
        )
    patches = _patches(x, layer)  # [B*M, H', W', h*w*C]
    height, width, depth = patches.shape[1:]
    y = tf.matmul(
        tf.reshape(patches, [tasks, -1, depth]),  # [B, M*H'*W', h*w*C]
        tf.reshape(kernels, [tasks, depth, layer.filters]),
    )
    return tf.reshape(y, [items, height, width, layer.filters])


def _shared_kernel_products(layer: keras.layers.Conv2D, x: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """Convolves with the kernel that all tasks share; its gradient still is one of each task."""
    padding = layer.padding.upper()

    @tf.custom_gradient
    def convolve(x: tf.Tensor, kernels: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        # What reaches this row when `gradient` is itself differentiated is the sum over tasks. That is all that
        # anybody asks for, since equal rows come from a single kernel.
        kernel = kernels[0]

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            to_x = tf.nn.conv2d_transpose(upstream, kernel, tf.shape(x), layer.strides, padding)
            tasks = leading(kernels, 1)[0]
            patches = _patches(x, layer)
            by_task = tf.matmul(
                tf.reshape(patches, [tasks, -1, patches.shape[-1]]),
                tf.reshape(upstream, [tasks, -1, layer.filters]),
                transpose_a=True,
            )  # [B, h*w*C, F]
            return tf.reshape(to_x, tf.shape(x)), tf.reshape(by_task, tf.shape(kernels))

        return tf.nn.conv2d(x, kernel, layer.strides, padding), gradient

    return convolve(x, kernels)


def _patches(x: tf.Tensor, layer: keras.layers.Conv2D) -> tf.Tensor:
    """Lays the receptive field of every output pixel out as a vector: ``[..., H, W, C] -> [..., H', W', h*w*C]``."""
    size, padding = layer.kernel_size, layer.padding.upper()
    if x.shape[-1] == 1:  # A convolution with the unit vectors is the same, and faster where there are few.
        unit = tf.reshape(tf.eye(size[0] * size[1], dtype=x.dtype), [*size, 1, size[0] * size[1]])
        return tf.nn.conv2d(x, unit, layer.strides, padding)
    return tf.image.extract_patches(x, [1, *size, 1], [1, *layer.strides, 1], [1, 1, 1, 1], padding)


def exact_moments(x: tf.Tensor, axes: list[int]) -> Moments:
    """Returns mean and variance of `x` over `axes`, right to every order of differentiation.

    `tf.nn.moments` takes the mean in the variance for a constant. That leaves its first derivative right and its
    second wrong, and with it the gradient of whatever was trained through a gradient step.
    """
    mean = tf.reduce_mean(x, axes, keepdims=True)
    return tf.squeeze(mean, axes), tf.reduce_mean(tf.math.squared_difference(x, mean), axes)


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
