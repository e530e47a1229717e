"""Somebody's own drawings: image files, as the models of characters want them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfmeta.core.checks import TfmetaError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["load_drawing", "load_drawings"]

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"})


def load_drawing(file: str | Path, side: int = 28) -> np.ndarray:
    """Loads a drawing: ink 1, paper 0, whatever the colours of the file.

    The paper is what the border of the image shows most; if that is the lighter part, the image is inverted. An image
    that is not square gets more paper. It is then scaled by averaging over areas, as Omniglot is.

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
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            opaque = Image.new("RGBA", image.size, "white")  # what is transparent is paper
            opaque.alpha_composite(_of_eight_bits(image).convert("RGBA"))
            grey = np.asarray(opaque.convert("L"), np.float32) / 255.0
    except FileNotFoundError as error:
        raise TfmetaError(f"There is no image {file}.") from error
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise TfmetaError(f"{file} cannot be read as an image; expected PNG or JPEG.") from error
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = 1.0 - grey if np.median(border) > 0.5 else grey
    short = max(ink.shape) - np.array(ink.shape)
    square = np.pad(ink, [(gap // 2, gap - gap // 2) for gap in short])
    scaled = Image.fromarray(square).resize((side, side), Image.Resampling.BOX)
    return np.asarray(scaled, np.float32)[..., None]


def _of_eight_bits(image: Image.Image) -> Image.Image:
    """Scales greys of 16 bits; Pillow would cut them off at 255, and everything were white."""
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    return Image.fromarray(np.clip(np.asarray(image, np.float32) / 257.0, 0, 255).astype(np.uint8))


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
    folder = Path(folder)
    if not folder.is_dir():
        raise TfmetaError(
            f"There is no folder {folder}; expected one with a subfolder of images for each class."
        )
    classes = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    if len(classes) < 2:
        raise TfmetaError(
            f"{folder} has {len(classes)} subfolders; expected one with images for each class, two at least."
        )
    images, labels = [], []
    for label, path in enumerate(classes):
        files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in _SUFFIXES]
        if not files:
            raise TfmetaError(f"{path} holds no image; expected at least one PNG or JPEG of each class.")
        images += [load_drawing(file, side) for file in files]
        labels += [label] * len(files)
    return np.stack(images), np.array(labels, np.int64), [path.name for path in classes]
