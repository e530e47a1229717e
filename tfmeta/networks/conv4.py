"""Conv4: the four-block convolution network of the few-shot literature."""

from typing import Literal

import keras

from tfmeta.core.checks import check

__all__ = ["conv4"]


def conv4(
    image_shape: tuple[int, int, int] = (28, 28, 1),
    *,
    filters: int = 64,
    downsampling: Literal["pool", "stride"] = "pool",
    outputs: int | None = None,
    name: str = "conv4",
) -> keras.Sequential:
    """Builds four blocks of 3x3 convolution, batch normalisation and ReLU, each halving the image.

    Args:
        image_shape: ``(H, W, C)`` of the images.
        filters: channels of every block.
        downsampling: ``"pool"`` halves by 2x2 max pooling (Vinyals 2016, Snell 2017), ``"stride"`` by a stride of
            2 (Finn 2017 on Omniglot), which costs about a quarter of the arithmetic.
        outputs: size of a linear head over the spatial mean; without it the network returns its flattened
            features.
        name: name of the model.

    Returns:
        A built model ``[B, H, W, C] -> [B, outputs]``, or ``-> [B, D]`` features.

    Raises:
        ValueError: if the images are too small to be halved four times, or `downsampling` is unknown.

    Example:
        >>> conv4((28, 28, 1)).output_shape
        (None, 64)
    """
    check(downsampling in ("pool", "stride"), f"downsampling={downsampling!r}; expected 'pool' or 'stride'.")
    check(downsampling == "stride" or min(image_shape[:2]) >= 16,
          f"image_shape={image_shape}: four poolings need a side of at least 16; use downsampling='stride'.")
    pool = downsampling == "pool"
    layers: list[keras.Layer] = [keras.Input(image_shape)]
    for _ in range(4):
        layers += [
            keras.layers.Conv2D(filters, 3, strides=1 if pool else 2, padding="same"),
            keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
            keras.layers.ReLU(),
        ]
        if pool:
            layers.append(keras.layers.MaxPooling2D(2))
    if outputs is None:
        layers.append(keras.layers.Flatten())
    else:
        layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(outputs)]
    return keras.Sequential(layers, name=name)
