"""Eyes of who walks through a world: two convolutions and what they make of a picture."""

import keras

from tfmeta.core.checks import check

__all__ = ["conv_eyes"]

_KERNELS, _STRIDES = (5, 3), (3, 2)


def conv_eyes(
    image_shape: tuple[int, int, int] = (30, 40, 3),
    *,
    filters: int = 16,
    features: int = 64,
    seed: int | None = None,
    name: str = "eyes",
) -> keras.Sequential:
    """Builds two convolutions of wide strides and a dense layer, all with ReLU.

    It is made for pictures that are seen by the thousand, one for each step of a walk: three pixels of a picture of
    30 x 40 lie between two of the first layer, and so a picture takes half a million multiplications. (Duan et al.
    2016 let two convolutions of 5 x 5 stride by two, which takes four times as many.)

    Args:
        image_shape: ``(H, W, C)`` of the pictures.
        filters: of both convolutions.
        features: of a picture, F.
        seed: of the initial weights; without it they differ at every call.
        name: name of the model.

    Returns:
        A built model ``[B, H, W, C] -> [B, F]``.

    Raises:
        ValueError: for pictures of less than 11 pixels a side.

    Example:
        >>> conv_eyes((30, 40, 3)).output_shape
        (None, 64)
    """
    smallest = _KERNELS[0] + _STRIDES[0] * (_KERNELS[1] - 1)
    check(
        len(image_shape) == 3 and min(image_shape[:2]) >= smallest,
        f"image_shape={tuple(image_shape)}; expected (H, W, C), at least {smallest} x {smallest} pixels.",
    )
    # One generator gives every layer another seed, and the same ones to every network of this seed.
    init = keras.initializers.HeNormal(seed=keras.random.SeedGenerator(seed))
    layers = [
        keras.layers.Conv2D(filters, size, strides=stride, activation="relu", kernel_initializer=init)
        for size, stride in zip(_KERNELS, _STRIDES, strict=True)
    ]
    dense = keras.layers.Dense(features, activation="relu", kernel_initializer=init)
    return keras.Sequential([keras.Input(image_shape), *layers, keras.layers.Flatten(), dense], name=name)
