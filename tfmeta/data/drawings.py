"""Drawings of your own, read from image files as the models of characters take them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ink_of", "load_drawing", "load_drawings"]


def load_drawing(file: str | Path, side: int = 28) -> np.ndarray:
    """Loads a drawing: ink 1, paper 0, whatever the colours of the file. See `ink_of`.

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
    from tfmeta.data.pictures import load_picture

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
    from tfmeta.data.pictures import load_pictures

    return load_pictures(folder, side, "drawing")


def ink_of(image: Image.Image, side: int) -> np.ndarray:
    """Returns the ink of a drawing: ink 1, paper 0.

    The paper is what the border of the image shows most; if that is the lighter part, the image is inverted. An image
    that is not square gets more paper. It is then scaled by averaging over areas, as Omniglot is.

    Args:
        image: of any colours.
        side: of the result, in pixels.

    Returns:
        float32 ``[side, side]``.
    """
    from PIL import Image

    grey = np.asarray(image.convert("L"), np.float32) / 255.0
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = 1.0 - grey if np.median(border) > 0.5 else grey
    short = max(ink.shape) - np.array(ink.shape)
    square = np.pad(ink, [(gap // 2, gap - gap // 2) for gap in short])
    scaled = Image.fromarray(square).resize((side, side), Image.Resampling.BOX)
    return np.asarray(scaled, np.float32)
