"""A small convolution network that tells photographs apart."""

import keras
import numpy as np

from tfmeta.core.checks import check
from tfmeta.optimizers.keras_problem import KerasProblem

__all__ = ["convolution_problem"]

_BLOCKS = 3


def convolution_problem(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    filters: int = 16,
    hidden: int = 32,
    batch_size: int = 128,
) -> KerasProblem:
    """Builds the training of a convolution network as a problem.

    Three blocks of 3x3 convolution, batch normalisation, ReLU and 2x2 max pooling, and a dense layer before the
    logits, as in the paper, which does not tell how many filters there are.

    Args:
        images: uint8 or float32 ``[items, H, W, C]``, at least 8 x 8 pixels.
        labels: integers ``[items]`` from 0.
        filters: channels of every block.
        hidden: units of the dense layer.
        batch_size: images of a minibatch, M.

    Returns:
        The problem; its loss is the cross-entropy of a minibatch.

    Raises:
        ValueError: for images that cannot be halved three times.

    Example:
        >>> problem = convolution_problem(np.zeros([20, 32, 32, 3], np.uint8), np.arange(20) % 10)
        >>> sum(int(np.prod(parameter.shape)) for parameter in problem.initial([0, 7], count=1))
        13738

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016, section 3.3.
    """
    check(
        images.ndim == 4 and min(images.shape[1:3]) >= 2**_BLOCKS,
        f"images have the shape {list(images.shape)}; expected [items, H, W, C], at least 8 x 8 pixels.",
    )
    glorot = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(0))
    layers: list[keras.Layer] = [keras.Input(images.shape[1:])]
    for _ in range(_BLOCKS):
        layers += [
            keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer=glorot),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(2),
        ]
    classes = int(np.max(labels)) + 1
    layers += [
        keras.layers.Flatten(),
        keras.layers.Dense(hidden, activation="relu", kernel_initializer=glorot),
        keras.layers.Dense(classes, kernel_initializer=glorot),
    ]
    network = keras.Sequential(layers, name="convolution")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return KerasProblem(network, loss, images, np.asarray(labels, np.int32), batch_size)
