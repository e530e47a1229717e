"""A small convolution network that makes a world of an image: a position for each cell of a grid."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.shapes import leading

__all__ = ["CellPairs", "cell_network"]


def cell_network(
    image_shape: tuple[int, int, int] = (30, 30, 3),
    *,
    cells: tuple[int, int] = (3, 3),
    features: int = 64,
    filters: int = 32,
    reach: int = 1,
    normalised: bool = False,
    apart: bool = False,
    coordinates: bool = False,
    seed: int | None = None,
    name: str = "cells",
) -> keras.Model:
    """Builds a front for `tfmeta.modules.ModuleNetwork` that looks at images of cells.

    A 3x3 convolution looks at the image, and two more halve or shrink it until a pixel is left for each cell.

    Args:
        image_shape: ``(H, W, C)``, of whole cells.
        cells: rows and columns of the grid; a cell's sides must be even, and at least 4 pixels.
        features: D, features of a cell.
        filters: channels before.
        reach: how far pairs of cells see each other: ``R = (2 * reach + 1) ** 2``, see `CellPairs`; 0 leaves pairs
            out.
        normalised: brings the features of each cell to mean 0 and variance 1, and then to learnt ones: what the words
            of a `form="product"` are compared with is then large enough to be told apart by them from the start.
        apart: looks for colours and for forms apart, each with half of the features: colours are the brightest value of
            each channel in a cell, forms are looked for in the brightest channel of each pixel. What never came
            together in training then cannot speak against each other.
        coordinates: appends row and column of the cell, from -1 to 1, to its features, which are then D + 2.
        seed: of the initial weights.
        name: name of the model.

    Returns:
        A built model from images ``[B, H, W, C]`` to a dict of ``features [B, K, D]`` and, unless `reach` is 0,
        ``pairs [B, K, K, R]``, where K counts the cells by rows.

    Raises:
        ValueError: where the image is not made of such cells.

    Example:
        >>> cell_network()(np.zeros([2, 30, 30, 3]))["features"].shape
        TensorShape([2, 9, 64])
    """
    height, width, _ = image_shape
    sides = (height // cells[0], width // cells[1])
    check(
        (sides[0] * cells[0], sides[1] * cells[1]) == (height, width)
        and all(side >= 4 and side % 2 == 0 for side in sides),
        f"image_shape={image_shape} in cells={cells} makes cells of {height / cells[0]:g}x{width / cells[1]:g}"
        " pixels; expected an even number of pixels, at least 4.",
    )
    glorot = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(seed))

    def convolution(outputs: int, kernel: Any, **kwargs: Any) -> keras.layers.Layer:
        return keras.layers.Conv2D(outputs, kernel, activation="relu", kernel_initializer=glorot, **kwargs)

    def look(image: Any, features: int) -> Any:
        half = (sides[0] // 2, sides[1] // 2)
        x = convolution(filters, 3, padding="same")(image)
        x = convolution(2 * filters, half, strides=half)(x)
        return flat(convolution(features, 2, strides=2)(x))

    def flat(x: Any) -> Any:
        x = keras.layers.Reshape([cells[0] * cells[1], x.shape[-1]])(x)  # from [B, rows, columns, D]
        return keras.layers.LayerNormalization()(x) if normalised else x

    image = keras.Input(image_shape, name="image")
    if apart:
        colours = convolution(features // 2, 1)(keras.layers.MaxPooling2D(sides)(image))
        forms = look(keras.ops.max(image, axis=-1, keepdims=True), features - features // 2)
        x = keras.layers.Concatenate()([flat(colours), forms])
    else:
        x = look(image, features)
    if coordinates:
        x = CellCoordinates(cells)(x)
    outputs = {"features": x}
    if reach:
        outputs["pairs"] = CellPairs(cells, reach)(x)
    return keras.Model(image, outputs, name=name)


@keras.saving.register_keras_serializable("tfmeta")
class CellPairs(keras.layers.Layer):
    """Says how cells lie to each other: ``pairs[b, k, j, r]`` is 1 where cell k lies at the offset r from cell j.

    Offsets go by rows from up and left to down and right. With an attention to j they are what a convolution sees:
    relate learns a kernel for each word.

    Args:
        cells: rows and columns.
        reach: the farthest offset, in rows and columns.

    Example:
        >>> pairs = CellPairs((3, 3))(np.zeros([1, 9, 4]))
        >>> int(pairs[0, 1, 4, 1]), int(tf.reduce_sum(pairs[0, :, 4]))  # one above the middle; nine see the middle
        (1, 9)
    """

    def __init__(self, cells: tuple[int, int], reach: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.cells, self.reach = tuple(cells), reach
        rows, columns = np.divmod(np.arange(cells[0] * cells[1]), cells[1])
        side = 2 * reach + 1
        down, right = (x[:, None] - x[None, :] + reach for x in (rows, columns))  # [K, K] of k from j
        near = (down >= 0) & (down < side) & (right >= 0) & (right < side)
        offsets = np.where(near, down * side + right, side**2)
        self.offsets = np.eye(side**2 + 1)[offsets][..., :-1]  # [K, K, R]
        self.built = True

    def call(self, features: tf.Tensor) -> tf.Tensor:
        offsets = tf.constant(self.offsets, self.compute_dtype)
        return tf.tile(offsets[None], [leading(features, 1)[0], 1, 1, 1])

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], *self.offsets.shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": list(self.cells), "reach": self.reach}


@keras.saving.register_keras_serializable("tfmeta")
class CellCoordinates(keras.layers.Layer):
    """Appends row and column, from -1 to 1, to the features of cells: ``[B, K, D]`` to ``[B, K, D + 2]``."""

    def __init__(self, cells: tuple[int, int], **kwargs: Any):
        super().__init__(**kwargs)
        self.cells = tuple(cells)
        axes = [np.linspace(-1.0, 1.0, count) for count in cells]
        self.places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape([-1, 2])
        self.built = True

    def call(self, features: tf.Tensor) -> tf.Tensor:
        places = tf.constant(self.places, self.compute_dtype)
        return tf.concat([features, tf.tile(places[None], [leading(features, 1)[0], 1, 1])], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:2], input_shape[2] + 2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": list(self.cells)}
