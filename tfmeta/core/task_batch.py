"""Runs one network with different weights for every task, all tasks at once.

Evaluating ``B`` tasks that each have weights of their own is, layer by layer, a batched matrix product. Weights carry
the tasks as a leading dimension, ``[B, ...]``, and so do the inputs, ``[B, M, ...]``. There is one rule for each kind
of layer. A layer without weights of a task's own needs no rule, since it treats the items of all tasks alike.

Layers compute in the precision of their own policy, as they do in Keras. Weights and moments keep theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import keras
import tensorflow as tf

from tfmeta.core.shapes import leading, merge_tasks, split_tasks

__all__ = ["Link", "Moments", "chain_of", "exact_moments", "run_chain", "treats_items_apart"]

Moments = tuple[tf.Tensor, tf.Tensor]
"""Mean and variance that a batch normalisation uses, each ``[B, F]``."""

Lookup = Callable[[keras.Variable], tf.Tensor]
"""Gives a variable's value for every task, ``[B, ...]``, or ``[1, ...]`` where the tasks share it."""


class Link(NamedTuple):
    """A layer of a chain.

    Attributes:
        layer: the layer.
        own: whether tasks have weights of their own for it.
    """

    layer: keras.Layer
    own: bool


def chain_of(network: keras.Model, variables: Sequence[keras.Variable]) -> list[Link] | None:
    """Returns the layers of `network` in order if `run_chain` can run it, and None if not.

    It can run a `keras.Sequential`, nested ones included, of Dense, Conv2D (one group, no dilation, channels
    last), BatchNormalization over the last axis, and all of Keras's layers that have no weights of a task's own.

    Args:
        network: the network.
        variables: those that tasks have values of their own for.
    """
    if not isinstance(network, keras.Sequential):
        return None
    own = {id(variable) for variable in variables}
    chain: list[Link] = []
    for layer in network.layers:
        if isinstance(layer, keras.Sequential):
            inner = chain_of(layer, variables)
        else:
            link = Link(layer, any(id(variable) in own for variable in layer.variables))
            inner = [link] if _can_run(link) else None
        if inner is None:
            return None
        chain += inner
    return chain


def run_chain(
    chain: Sequence[Link],
    lookup: Lookup,
    x: tf.Tensor,
    norms: Sequence[keras.layers.BatchNormalization],
    moments: Sequence[Moments] | None,
    offsets: Mapping[int, tf.Tensor] = MappingProxyType({}),
) -> tuple[tf.Tensor, list[Moments]]:
    """Runs a chain of layers for a batch of tasks.

    Args:
        chain: what `chain_of` returned.
        lookup: gives the value of each of the chain's variables for every task.
        x: inputs, ``[B, M, ...]``.
        norms: the chain's batch normalisations that are given moments; others use their moving statistics.
        moments: mean and variance for each of `norms`, in order; None takes them from `x`, from the items of each
            task by themselves.
        offsets: for variables that all tasks share, by `id`: zeros ``[B, ...]`` that were added to it. Convolutions
            are then ordinary ones, and only the gradients with respect to the offsets are taken task by task.

    Returns:
        The outputs ``[B, M, ...]``, and the moments that were used.
    """
    tasks = leading(x, 1)[0]
    given = iter(moments) if moments is not None else None
    used: list[Moments] = []
    for layer, own in chain:
        if any(layer is norm for norm in norms):
            x = tf.cast(x, layer.variable_dtype)  # half precision has too few digits for a variance
            used.append(
                next(given) if given is not None else exact_moments(x, list(range(1, x.shape.rank - 1)))
            )
            x = tf.cast(_batch_normalization(layer, lookup, x, used[-1]), layer.compute_dtype)
        elif isinstance(layer, keras.layers.BatchNormalization):
            x = split_tasks(layer(merge_tasks(x), training=False), tasks)
        elif own and isinstance(layer, keras.layers.Conv2D):
            x = _conv2d(layer, lookup, offsets.get(id(layer.kernel)), tf.cast(x, layer.compute_dtype))
        elif own:
            x = _dense(layer, lookup, tf.cast(x, layer.compute_dtype))
        else:
            x = split_tasks(layer(merge_tasks(x), training=False), tasks)
    return x, used


def _can_run(link: Link) -> bool:
    layer, kind = link.layer, type(link.layer)  # of subclasses nobody knows what they compute
    if kind is keras.layers.BatchNormalization:
        return layer.axis == -1 or not layer.trainable
    if not link.own:
        return treats_items_apart(layer)
    if kind not in (keras.layers.Conv2D, keras.layers.Dense):
        return False
    if layer.lora_enabled or layer.quantization_mode is not None:
        return False
    return kind is keras.layers.Dense or (
        layer.groups == 1 and layer.dilation_rate == (1, 1) and layer.data_format == "channels_last"
    )


def treats_items_apart(layer: keras.Layer) -> bool:
    """Returns whether a layer or a model surely treats each item of a batch by itself, and needs no mask to be kept.

    It does if all its layers are Keras's own, and none is a Lambda or an active batch normalisation.
    """
    return not any(
        not type(each).__module__.startswith("keras.")
        or isinstance(each, (keras.layers.Lambda, keras.layers.Masking))
        or getattr(each, "mask_zero", False)
        or (isinstance(each, keras.layers.BatchNormalization) and each.trainable)
        for each in layer._flatten_layers()
    )


def _dense(layer: keras.layers.Dense, lookup: Lookup, x: tf.Tensor) -> tf.Tensor:
    tasks, items = leading(x, 2)
    kernel = tf.cast(lookup(layer.kernel), x.dtype)
    y = tf.matmul(tf.reshape(x, [tasks, -1, x.shape[-1]]), kernel)  # [B, M*..., F]
    if layer.use_bias:
        y += tf.cast(lookup(layer.bias), x.dtype)[:, None, :]
    return layer.activation(tf.reshape(y, [tasks, items, *x.shape[2:-1], y.shape[-1]]))


def _conv2d(layer: keras.layers.Conv2D, lookup: Lookup, offset: tf.Tensor | None, x: tf.Tensor) -> tf.Tensor:
    tasks, items = leading(x, 1)[0], merge_tasks(x)
    if offset is None:
        y = _own_convolutions(layer, items, tf.cast(lookup(layer.kernel), x.dtype))
    else:
        kernel = tf.cast(tf.convert_to_tensor(layer.kernel), x.dtype)
        y = _shared_convolution(layer, items, kernel, tf.cast(offset, x.dtype))
    y = split_tasks(y, tasks)
    if layer.use_bias:
        y += tf.cast(lookup(layer.bias), x.dtype)[:, None, None, None, :]
    return layer.activation(y)


def _own_convolutions(layer: keras.layers.Conv2D, x: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """Convolves the items of each task, ``[B*M, H, W, C]``, with a kernel of its own, ``[B, h, w, C, F]``."""
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


def _shared_convolution(
    layer: keras.layers.Conv2D, x: tf.Tensor, kernel: tf.Tensor, offsets: tf.Tensor
) -> tf.Tensor:
    """Convolves all items at once; ``offsets [B, h, w, C, F]`` are zero, and get the gradient of each task."""
    padding = layer.padding.upper()

    @tf.custom_gradient
    def convolve(x: tf.Tensor, kernel: tf.Tensor, offsets: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            # Nobody asks for both gradients of the weights; a graph computes the one that is asked for.
            with tf.GradientTape() as tape:
                tape.watch([x, kernel])
                y = tf.nn.conv2d(x, kernel, layer.strides, padding)
            return *tape.gradient(y, [x, kernel], upstream), _kernel_gradients(layer, x, upstream, offsets)

        return tf.nn.conv2d(x, kernel, layer.strides, padding), gradient

    return convolve(x, kernel, offsets)


def _kernel_gradients(
    layer: keras.layers.Conv2D, x: tf.Tensor, upstream: tf.Tensor, kernels: tf.Tensor
) -> tf.Tensor:
    """The gradients of `_own_convolutions` with respect to its kernels, by a product over image patches.

    The product is bilinear, and what differentiates it are convolutions again, which are faster than products.
    """

    @tf.custom_gradient
    def correlate(x: tf.Tensor, upstream: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        tasks = leading(kernels, 1)[0]
        patches = _patches(x, layer)
        products = tf.matmul(
            tf.reshape(patches, [tasks, -1, patches.shape[-1]]),
            tf.reshape(upstream, [tasks, -1, layer.filters]),
            transpose_a=True,
        )  # [B, h*w*C, F]

        def gradient(directions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = _own_convolutions(layer, x, directions)
            return tape.gradient(y, x, upstream), y

        return tf.reshape(products, tf.shape(kernels)), gradient

    return correlate(x, upstream)


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

    @tf.custom_gradient
    def moments(x: tf.Tensor) -> tuple[Moments, Callable]:
        mean = tf.reduce_mean(x, axes, keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axes, keepdims=True)

        def gradient(to_mean: tf.Tensor, to_variance: tf.Tensor) -> tf.Tensor:
            # As a line in `x`, which is two passes over it where TensorFlow's own way takes nine. The mean anew,
            # since that of the forward pass would be taken for a constant.
            mean = tf.reduce_mean(x, axes, keepdims=True)
            share = tf.cast(tf.size(mean), x.dtype) / tf.cast(tf.size(x), x.dtype)
            slope = 2.0 * share * to_variance
            return x * slope + (share * to_mean - slope * mean)

        return (mean, variance), gradient

    mean, variance = moments(x)
    return tf.squeeze(mean, axes), tf.squeeze(variance, axes)


def _batch_normalization(
    layer: keras.layers.BatchNormalization, lookup: Lookup, x: tf.Tensor, moments: Moments
) -> tf.Tensor:
    mean, variance = moments
    factor = tf.math.rsqrt(tf.cast(variance, x.dtype) + layer.epsilon)
    if layer.scale:
        factor *= tf.cast(lookup(layer.gamma), x.dtype)
    offset = -tf.cast(mean, x.dtype) * factor
    if layer.center:
        offset += tf.cast(lookup(layer.beta), x.dtype)
    for _ in range(x.shape.rank - 2):
        factor, offset = factor[:, None], offset[:, None]
    return x * factor + offset
