"""What a few-shot learner is given: a network, items and labels, checked before an op of TensorFlow fails on them."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.graph_checks import after, require
from tfmeta.core.shapes import EpisodeInputs
from tfmeta.core.words import counted

__all__ = ["check_logits", "checked_items", "checked_labels", "fitting_episode", "known_network"]

_JOIN = "Join several inputs into one array and take them apart inside, and join several outputs."


def known_network(network: Any) -> keras.Model:
    """Returns a network whose input and output are known: functional or sequential.

    A subclassed model that was called once is wrapped in a functional one, which shares its weights.

    Args:
        network: a built Keras model of one input and one output.

    Raises:
        ValueError: for anything else.

    Example:
        >>> class Doubled(keras.Model):
        ...     def call(self, x):
        ...         return 2 * x
        >>> network = Doubled()
        >>> _ = network(tf.zeros([1, 5]))
        >>> known_network(network).output_shape
        (None, 5)
    """
    check(
        isinstance(network, keras.Model),
        f"the network is a {type(network).__name__}; expected a model of Keras 3, such as a keras.Sequential.",
    )
    hint = "begin it with keras.Input(shape of an item), or call it once on some items."
    check(network.built, f"The network {network.name!r} has no weights yet; {hint}")
    if getattr(network, "inputs", None) is None:  # a subclassed model has none
        shape = (network.get_build_config() or {}).get("input_shape")
        known = isinstance(shape, (tuple, list)) and all(isinstance(size, int) for size in shape[1:])
        check(
            known,
            f"The network {network.name!r} was called with more than one tensor, or it is not known with what; a"
            f" few-shot learner gives it the items alone. {_JOIN}",
        )
        items = keras.Input(tuple(shape or ())[1:])
        try:
            network = keras.Model(items, network(items), name=network.name)
        except TypeError as error:  # of a call that takes more than the items
            raise ValueError(
                f"The network {network.name!r} cannot be called with the items alone: {error}. {_JOIN}"
            ) from None
    elif isinstance(network, keras.Sequential) and network.inputs[0].shape[0] is not None:
        # Built by a call, it would go on to expect as many items as that call had.
        first = network.inputs[0]
        network = keras.Sequential(
            [keras.Input(first.shape[1:], dtype=first.dtype), *network.layers], network.name
        )
    check(
        len(network.inputs) == 1 and len(network.outputs) == 1,
        f"The network {network.name!r} has {counted(len(network.inputs), 'input')} and"
        f" {counted(len(network.outputs), 'output')}; a few-shot learner gives it the items and takes an answer, so"
        f" expected one of each. {_JOIN}",
    )
    named = () if isinstance(network, keras.Sequential) else (network.input, network.output)
    if any(isinstance(each, Mapping) for each in named):  # one tensor in a dictionary
        network = keras.Model(network.inputs[0], network.outputs[0], name=network.name)
    return network


def check_logits(network: keras.Model) -> None:
    """Checks that a network returns the logits of two classes or more.

    Args:
        network: as `known_network` returns it.

    Raises:
        ValueError: if its last layer takes a softmax or a sigmoid, or it has one output or other than vectors.
    """
    shape = network.output_shape
    check(
        len(shape) == 2 and shape[1] is not None,
        f"The network {network.name!r} returns {list(shape[1:])} numbers for an item; expected a logit for each class.",
    )
    check(
        shape[1] > 1,
        f"The network {network.name!r} has one output, which tells no two classes apart; give it two, or train its one"
        " sigmoid output with task='regression' and inner_loss='binary_crossentropy'.",
    )
    last = network
    while isinstance(last, keras.Model) and last.layers:
        last = last.layers[-1]
    activation = getattr(last, "activation", None)
    squashing = isinstance(last, keras.layers.Softmax) or activation in (
        keras.activations.softmax,
        keras.activations.sigmoid,
    )
    check(
        not squashing,
        f"The network {network.name!r} ends in a softmax or a sigmoid, in the layer {last.name!r}, but the loss takes"
        " the softmax itself, and so does what is served; leave the activation of the last layer out.",
    )


def checked_items(network: keras.Model, x: tf.Tensor, name: str = "items") -> tf.Tensor:
    """Returns items that the network takes.

    Args:
        network: as `known_network` returns it.
        x: items of tasks, ``[B, M, ...]``. Images ``[B, M, H, W, C]`` of uint8 are scaled, 255 to 1.0, as
            `tfmeta.core.pool.Pool` and the clients do it; anything else is not scaled.
        name: what messages call them.

    Returns:
        The items, in numbers of the kind that the network takes: floats or integers.

    Raises:
        ValueError: for another shape, for example without a dimension of tasks; for uint8 that is no image, or of
            which the network has a scaling of its own.
    """
    x = tf.convert_to_tensor(x)
    item = network.input_shape[1:]
    wanted = ", ".join("?" if size is None else str(size) for size in item)
    check(
        x.shape[2:].is_compatible_with(item) and (x.shape.rank is None or x.shape.rank == 2 + len(item)),
        f"{name} have the shape {x.shape.as_list()}; expected [B, M, {wanted}]: tasks, items of each, and the shape of"
        f" an item.{' Put the one task into a batch, as x[None].' if x.shape.rank == 1 + len(item) else ''}",
    )
    takes = tf.as_dtype(network.inputs[0].dtype)
    if x.dtype == tf.uint8 and takes.is_floating:
        return _scaled(network, x, name, takes)
    return tf.cast(x, takes) if x.dtype.is_floating != takes.is_floating else x


def _scaled(network: keras.Model, x: tf.Tensor, name: str, takes: tf.DType) -> tf.Tensor:
    check(
        len(network.input_shape) == 4,
        f"{name} are of the type uint8, but the network takes {takes.name}; only images of uint8 are scaled by"
        " themselves, so convert these as in training, for example x.astype('float32').",
    )
    for layer in network._flatten_layers():
        check(
            not isinstance(layer, keras.layers.Rescaling),
            f"{name} are of the type uint8, which would be scaled to 0 to 1, but the network scales them in its layer"
            f" {layer.name!r}; give it the numbers that this layer expects, for example x.astype('float32').",
        )
    return tf.cast(x, takes) / tf.uint8.max


def checked_labels(y: tf.Tensor, name: str = "support_y") -> tf.Tensor:
    """Returns labels as integers.

    Args:
        y: labels ``[B, M]``, whole numbers of any type.
        name: what messages call them.

    Returns:
        The labels ``[B, M]``, of their own type of integers, or int32 where they came as floats.

    Raises:
        ValueError: for another shape.
        tf.errors.InvalidArgumentError: for a number that is not whole.

    Example:
        >>> checked_labels(tf.constant([[0.0, 1.0]])).numpy().tolist()
        [[0, 1]]
    """
    y = tf.convert_to_tensor(y)
    check(
        y.shape.rank in (None, 2),
        f"{name} has the shape {y.shape.as_list()}; expected [B, M]: tasks, and the class of each item, not one-hot.",
    )
    if y.dtype.is_integer:
        return y
    whole = tf.cast(tf.round(y), tf.int32)
    fits = tf.reduce_all(tf.cast(whole, y.dtype) == y)
    return after(
        [require(fits, f"{name} holds numbers that are not whole; expected classes 0, 1, 2, ...")], whole
    )[0]


def fitting_episode(inputs: EpisodeInputs) -> EpisodeInputs:
    """Returns an episode, once it has as many tasks in each part, and a label for each support item.

    Args:
        inputs: ``support_x`` ``[B, S, ...]``, ``support_y`` ``[B, S, ...]`` and ``query_x`` ``[B, Q, ...]``.

    Raises:
        ValueError: for other numbers, where they are known.
    """
    given: Mapping[str, Any] = inputs
    shapes = {
        name: tf.TensorShape(np.shape(value) if isinstance(value, list) else value.shape)
        for name, value in given.items()
    }
    tasks = {name: shape[0] for name, shape in shapes.items() if shape.rank and shape[0] is not None}
    check(
        len(set(tasks.values())) <= 1,
        f"the parts of an episode hold {tasks} tasks in their first dimension; expected the same number.",
    )
    x, y = shapes["support_x"][:2], shapes["support_y"][:2]
    check(
        x.rank != y.rank or x.is_compatible_with(y),
        f"support_x holds {x[-1]} items of a task but support_y {y[-1]} labels; expected one for each item.",
    )
    return inputs
