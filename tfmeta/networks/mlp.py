"""A multilayer perceptron."""

from collections.abc import Sequence

import keras

from tfmeta.core.checks import check

__all__ = ["mlp"]


def mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: str = "relu",
    seed: int | None = None,
    name: str = "mlp",
) -> keras.Sequential:
    """Builds a perceptron with linear outputs.

    Args:
        inputs: features of an item.
        hidden: sizes of the hidden layers; two of 40 in MAML's sine waves.
        outputs: values for an item.
        activation: of the hidden layers.
        seed: of the initial weights; without it they differ at every call.
        name: name of the model.

    Returns:
        A built model ``[B, inputs] -> [B, outputs]``.

    Raises:
        ValueError: if a size is below 1.

    Example:
        >>> mlp(1, [40, 40], 1).count_params()
        1761
    """
    sizes = [inputs, *hidden, outputs]
    check(
        min(sizes) >= 1,
        f"inputs={inputs}, hidden={list(hidden)}, outputs={outputs}: each must be at least 1.",
    )
    glorot = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(seed))
    layers = [keras.layers.Dense(size, activation=activation, kernel_initializer=glorot) for size in hidden]
    head = keras.layers.Dense(outputs, kernel_initializer=glorot)
    return keras.Sequential([keras.Input([inputs]), *layers, head], name=name)
