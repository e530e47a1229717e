"""A network seen as two: the features, and the head that answers from them."""

import keras

from tfmeta.core.checks import check

__all__ = ["split_head"]


def split_head(network: keras.Model) -> tuple[keras.Sequential, keras.Sequential]:
    """Splits a network before its last layer that has weights; both parts share their layers with it.

    Args:
        network: a built `keras.Sequential`, ``[M, ...] -> [M, N]``.

    Returns:
        The body, ``[M, ...] -> [M, D]``, and the head, ``[M, D] -> [M, N]``.

    Raises:
        ValueError: if the network is not sequential, or has no layer before its head.

    Example:
        >>> from tfmeta.networks import conv4
        >>> body, head = split_head(conv4(outputs=5))
        >>> body.output_shape, head.output_shape
        ((None, 64), (None, 5))
    """
    layers = network.layers if isinstance(network, keras.Sequential) else []
    weighty = [number for number, layer in enumerate(layers) if layer.trainable_variables]
    check(
        len(weighty) > 1,
        f"The network {network.name!r} cannot be split before its head; adapt_only='head' takes a"
        " keras.Sequential with at least two layers that have weights.",
    )
    body = keras.Sequential([keras.Input(network.input_shape[1:]), *layers[: weighty[-1]]])
    head = keras.Sequential([keras.Input(body.output_shape[1:]), *layers[weighty[-1] :]])
    return body, head
