"""The networks of a Neural Statistician besides its encoder: Gaussians from features, and images from latents."""

from typing import TypeAlias

import keras

from tfmeta.core.checks import check

__all__ = ["gaussian_network", "item_network", "observation_decoder"]

layers = keras.layers
Seeds: TypeAlias = keras.random.SeedGenerator


def item_network(inputs: int, hidden: int, *, seeds: Seeds, name: str) -> keras.Model:
    """Builds what the statistic network does to every item before the items of a set are averaged.

    Args:
        inputs: features of an item.
        hidden: width.
        seeds: where the initial weights come from.
        name: name of the model.

    Returns:
        A built model ``[M, inputs] -> [M, hidden]``.
    """
    return keras.Sequential([keras.Input([inputs]), _dense(hidden, seeds, "elu")], name=name)


def gaussian_network(inputs: int, hidden: int, outputs: int, *, seeds: Seeds, name: str) -> keras.Model:
    """Builds a network that puts out the numbers of a Gaussian, for `tfmeta.fewshot.gaussian`.

    The last layer starts small, so that all Gaussians start near the standard one.

    Args:
        inputs: size of the input.
        hidden: width of its two hidden layers.
        outputs: coordinates of the Gaussian, D.
        seeds: where the initial weights come from.
        name: name of the model.

    Returns:
        A built model ``[M, inputs] -> [M, 2*D]``.
    """
    last = keras.initializers.RandomNormal(stddev=0.01, seed=seeds)
    return keras.Sequential(
        [
            keras.Input([inputs]),
            _dense(hidden, seeds, "elu"),
            _dense(hidden, seeds, "elu"),
            layers.Dense(2 * outputs, kernel_initializer=last),
        ],
        name=name,
    )


def observation_decoder(
    inputs: int, hidden: int, image_shape: tuple[int, int, int], *, filters: int = 32, seeds: Seeds, name: str
) -> keras.Model:
    """Builds the network that draws an image: from a quarter of its size up, by two transposed convolutions.

    Args:
        inputs: size of the context and the latents together.
        hidden: width of the first layer.
        image_shape: ``(H, W, C)`` of the images.
        filters: channels at half of the size; twice as many at a quarter.
        seeds: where the initial weights come from.
        name: name of the model.

    Returns:
        A built model ``[M, inputs] -> [M, H, W, C]``: for each pixel the log odds that there is ink.

    Raises:
        ValueError: if `image_shape` is not that of an image.
    """
    check(
        len(image_shape) == 3 and None not in image_shape,
        f"image_shape={image_shape}: a Neural Statistician draws images, so its network must take (H, W, C).",
    )
    height, width, channels = image_shape
    quarter = (-(-height // 4), -(-width // 4))
    return keras.Sequential(
        [
            keras.Input([inputs]),
            _dense(hidden, seeds, "elu"),
            _dense(quarter[0] * quarter[1] * 2 * filters, seeds, "elu"),
            layers.Reshape([*quarter, 2 * filters]),
            *_doubled(filters, seeds),
            *_doubled(filters // 2, seeds),
            layers.Cropping2D(((0, 4 * quarter[0] - height), (0, 4 * quarter[1] - width))),
            layers.Conv2D(channels, 3, padding="same", kernel_initializer=_glorot(seeds)),
        ],
        name=name,
    )


def _doubled(filters: int, seeds: Seeds) -> list[keras.Layer]:
    return [
        layers.Conv2DTranspose(filters, 4, strides=2, padding="same", kernel_initializer=_glorot(seeds)),
        layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
        layers.Activation("elu"),
    ]


def _dense(units: int, seeds: Seeds, activation: str) -> keras.Layer:
    return layers.Dense(units, activation=activation, kernel_initializer=_glorot(seeds))


def _glorot(seeds: Seeds) -> keras.Initializer:
    return keras.initializers.GlorotUniform(seed=seeds)
