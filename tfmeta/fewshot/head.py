"""A network seen as two: the features, and the head that answers from them."""

from typing import Any

import keras

from tfmeta.core.checks import check

__all__ = ["split_head"]


def split_head(network: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Splits a network before its last layer that learns; both parts share their layers with it.

    The layers before it may be frozen, and may be models. A model that holds all weights is split inside.

    Args:
        network: a built network, sequential or functional, ``[M, ...] -> [M, N]``.

    Returns:
        The body, ``[M, ...] -> [M, D]``, and the head, ``[M, D] -> [M, N]``.

    Raises:
        ValueError: if no layer that learns leads to the output by itself, or a subclassed model hides it.

    Example:
        >>> from tfmeta.networks import conv4
        >>> body, head = split_head(conv4(outputs=5))
        >>> body.output_shape, head.output_shape
        ((None, 64), (None, 5))
    """
    steps: list[Any] = []
    features = network.outputs[0]
    while not (steps and isinstance(steps[0], keras.Layer) and steps[0].trainable_variables):
        made = features._keras_history
        given = made.operation._inbound_nodes[made.node_index].input_tensors
        check(
            len(given) == 1,
            f"The network {network.name!r} cannot be split before its head: no trainable layer leads to its output by"
            " itself. adapt_only='head' takes a network that ends in one, such as keras.layers.Dense.",
        )
        features = given[0]
        steps.insert(0, made.operation)
    body, first = _before(network, features, steps[0]), steps[0]
    if isinstance(first, keras.Model) and not body.variables:
        check(
            getattr(first, "outputs", None) is not None,
            f"The network {first.name!r} cannot be split before its head, since a subclassed model does not show its"
            " layers; use adapt_only='all', or write it as a keras.Sequential or a functional model.",
        )
        inner, head = split_head(first)
        return _sequence(network.inputs[0], [body, inner]), _sequence(inner.outputs[0], [head, *steps[1:]])
    if all(isinstance(step, keras.Layer) for step in steps):
        return body, _sequence(features, steps)
    return body, keras.Model(features, network.outputs[0])


def _before(network: keras.Model, features: keras.KerasTensor, first: Any) -> keras.Model:
    """What comes before the layer `first`, which takes `features`."""
    if isinstance(network, keras.Sequential):  # stays one, since engines know what to do with it
        return _sequence(network.inputs[0], network.layers[: network.layers.index(first)])
    return keras.Model(network.inputs[0], features)


def _sequence(given: keras.KerasTensor, layers: list[keras.Layer]) -> keras.Sequential:
    return keras.Sequential(
        [keras.Input(given.shape[1:], dtype=given.dtype), *(layers or [keras.layers.Identity()])]
    )
