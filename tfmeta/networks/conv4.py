"""Conv4: the four-block convolution network of the few-shot literature."""

from typing import Literal

import keras

from tfmeta.core.checks import check

__all__ = ["Downsampling", "conv4"]

Downsampling = Literal["pool", "stride", "mixed"]
"""What halves an image in a block: a pooling, the stride of a convolution, or strides first and then poolings."""


def conv4(
    image_shape: tuple[int, int, int] = (28, 28, 1),
    *,
    filters: int = 64,
    downsampling: Downsampling = "pool",
    outputs: int | None = None,
    linear_features: bool = False,
    spatial_mean: bool = False,
    seed: int | None = None,
    name: str = "conv4",
) -> keras.Sequential:
    """Builds four blocks of 3x3 convolution, batch normalisation and ReLU, each halving the image.

    Args:
        image_shape: ``(H, W, C)`` of the images.
        filters: channels of every block.
        downsampling: ``"pool"`` halves by 2x2 max pooling (Vinyals 2016, Snell 2017); ``"stride"`` by a stride of
            2 (Finn 2017 on Omniglot), at about a tenth of the time; ``"mixed"`` by stride in the first two
            blocks, where the images are large, and by pooling in the last two, at about an eighth.
        outputs: size of a linear head over the features, which starts at zero, with all classes alike; without it
            the network returns the features.
        linear_features: leaves out the last ReLU, so that features may be negative; distances between them
            then train several times faster, and so does a head that is adapted.
        spatial_mean: averages the features over space (Finn 2017 on Omniglot) where they are flattened otherwise.
        seed: of the initial weights; without it they differ at every call.
        name: name of the model.

    Returns:
        A built model ``[B, H, W, C] -> [B, outputs]``, or ``-> [B, D]`` features.

    Raises:
        ValueError: if the images are too small to be halved four times, or `downsampling` is unknown.

    Example:
        >>> conv4((28, 28, 1)).output_shape
        (None, 64)
    """
    check(
        downsampling in _STRIDED_BLOCKS,
        f"downsampling={downsampling!r}; expected one of {', '.join(_STRIDED_BLOCKS)}.",
    )
    check(
        downsampling == "stride" or min(image_shape[:2]) >= 16,
        f"image_shape={image_shape}: pooling needs a side of at least 16; use downsampling='stride'.",
    )
    # One generator gives every layer another seed, and the same ones to every network of this seed.
    glorot = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(seed))
    layers: list[keras.Layer] = [keras.Input(image_shape)]
    for block in range(4):
        strided = block < _STRIDED_BLOCKS[downsampling]
        layers += [
            keras.layers.Conv2D(
                filters, 3, strides=2 if strided else 1, padding="same", kernel_initializer=glorot
            ),
            keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
        ]
        if not (linear_features and block == 3):
            layers.append(keras.layers.ReLU())
        if not strided:
            layers.append(keras.layers.MaxPooling2D(2))
    layers.append(keras.layers.GlobalAveragePooling2D() if spatial_mean else keras.layers.Flatten())
    if outputs is not None:
        layers.append(keras.layers.Dense(outputs, kernel_initializer="zeros"))
    return keras.Sequential(layers, name=name)


_STRIDED_BLOCKS = {"pool": 0, "mixed": 2, "stride": 4}
