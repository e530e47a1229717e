"""Drawings of your own, read from image files as the models of characters take them."""

from pathlib import Path

import numpy as np

from tfmeta.data.pictures import load_picture, load_pictures

__all__ = ["load_drawing", "load_drawings"]


def load_drawing(file: str | Path, side: int = 28) -> np.ndarray:
    """Loads a drawing: ink 1, paper 0, whatever the colours of the file. See `tfmeta.data.ink.ink_of`.

    Args:
        file: an image file that Pillow reads.
        side: of the result, in pixels.

    Returns:
        float32 ``[side, side, 1]``.

    Raises:
        TfmetaError: if the file is missing, or is no image.

    Example:
        >>> load_drawing("letter.png").shape  # doctest: +SKIP
        (28, 28, 1)
    """
    return load_picture(file, side, "drawing")


def load_drawings(folder: str | Path, side: int = 28) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Loads labelled drawings from a folder that has a subfolder of images for each class.

    Args:
        folder: the folder; what is hidden in it is passed over.
        side: of the images, in pixels.

    Returns:
        Images, float32 ``[S, side, side, 1]``; labels, int64 ``[S]``; and the names of the classes in their order.

    Raises:
        TfmetaError: if there is no such folder, it has fewer than two classes, or one has no images.

    Example:
        >>> images, labels, names = load_drawings("support")  # doctest: +SKIP
    """
    return load_pictures(folder, side, "drawing")
