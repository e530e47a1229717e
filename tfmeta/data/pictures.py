"""Pictures of your own, read from image files as a model takes them: drawings, grey or colour photographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.words import counted
from tfmeta.data.image_files import folders_in, images_in, open_image, read_each, shown
from tfmeta.data.ink import border_of, ink_of

if TYPE_CHECKING:
    from PIL import Image

    from tfmeta.data.episode_tasks import Reading

__all__ = ["channels_of", "guess_reading", "load_picture", "load_pictures", "pixels_of", "read_pictures"]

# Between the largest and the smallest of red, green and blue, of 255; a yellowed page has less.
_COLOURED = 40
_COLOURED_SHARE = 0.01
_LEVEL_WIDTH = 0.2  # around the levels of paper and ink, as a share of what is between them
_LEVEL_SHARE, _PAPER_SHARE, _BORDER_SHARE, _LEAST_CONTRAST = 0.75, 0.5, 0.65, 0.25
_DRAWN_SHARE = 0.5


def channels_of(reading: Reading) -> int:
    """Returns the channels of a picture: 3 for colour, otherwise 1."""
    return 3 if reading == "colour" else 1


def load_picture(file: str | Path, side: int, reading: Reading) -> np.ndarray:
    """Loads a picture from an image file; see `pixels_of`.

    Args:
        file: an image file that Pillow reads.
        side: of the result, in pixels.
        reading: ``"drawing"``, ``"grey"`` or ``"colour"``.

    Returns:
        float32 ``[side, side, channels]``.

    Raises:
        TfmetaError: if the file is missing, or is no image.

    Example:
        >>> load_picture("cat.jpg", 84, "colour").shape  # doctest: +SKIP
        (84, 84, 3)
    """
    return read_each(lambda path: _load(path, side, reading), [Path(file)])[0]


def load_pictures(
    folder: str | Path, side: int, reading: Reading
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Loads labelled pictures from a folder that has a subfolder of images for each class.

    Args:
        folder: the folder; what is hidden in it is passed over.
        side: of the pictures, in pixels.
        reading: ``"drawing"``, ``"grey"`` or ``"colour"``.

    Returns:
        Pictures, float32 ``[S, side, side, channels]``; labels, int64 ``[S]``; the names of the classes in their order.

    Raises:
        TfmetaError: if there is no such folder, it has fewer than two classes, or one has no images.

    Example:
        >>> images, labels, names = load_pictures("support", 84, "colour")  # doctest: +SKIP
    """
    classes = folders_in(Path(folder))
    if len(classes) < 2:
        raise TfmetaError(
            f"{shown(folder)} has {counted(len(classes), 'subfolder')}; expected one with images for each class, two at"
            " least."
        )
    files, labels = [], []
    for label, path in enumerate(classes):
        found = images_in(path)
        if not found:
            raise TfmetaError(
                f"{shown(path)} holds no image; expected at least one PNG or JPEG of each class."
            )
        files += found
        labels += [label] * len(found)
    images = read_each(lambda file: _load(file, side, reading), files)
    return np.stack(images), np.array(labels, np.int64), [path.name for path in classes]


def read_pictures(files: Sequence[Path], side: int, reading: Reading) -> np.ndarray:
    """Reads many pictures as bytes; 255 stands for 1.0 of `load_picture`.

    Returns:
        uint8 ``[files, side, side, channels]``.

    Raises:
        TfmetaError: if a file is no image.
    """
    read = read_each(lambda file: np.rint(255.0 * _load(file, side, reading)).astype(np.uint8), files)
    return np.stack(read)


def pixels_of(image: Image.Image, side: int, reading: Reading, name: str = "The image") -> np.ndarray:
    """Returns the pixels of a picture.

    A drawing becomes ink 1 on paper 0, of a usual size and strength; see `tfmeta.data.ink.ink_of`. Of a photograph
    the largest square in its middle is taken and scaled by a triangular filter; it becomes black 0 and white 1.
    Scaling both sides to the same length instead would distort what it shows, which costs accuracy.

    Args:
        image: of any colours, upright.
        side: of the result, in pixels.
        reading: ``"drawing"``, ``"grey"`` or ``"colour"``.
        name: what messages call it.

    Returns:
        float32 ``[side, side, channels]``.

    Raises:
        TfmetaError: if the page of a drawing is blank.
    """
    from PIL import Image

    if reading == "drawing":
        ink = ink_of(image, side)
        if ink is None:
            raise TfmetaError(f"{name} has no drawing; expected ink on paper. Draw on it, or leave it out.")
        return ink[..., None]
    (width, height), short = image.size, min(image.size)
    left, top = (width - short) // 2, (height - short) // 2
    square = image.convert("RGB" if reading == "colour" else "L").crop((left, top, left + short, top + short))
    scaled = square.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(scaled, np.float32).reshape(side, side, -1) / 255.0


def guess_reading(files: Sequence[Path]) -> Reading:
    """Guesses whether images are drawings, grey or colour photographs.

    They are in colour if any of them has colour: in a hundredth of its pixels, red, green and blue differ by 40 of 255
    or more. Otherwise they are drawings if half of them look drawn. An image looks drawn if all of this holds:

    * Most of its border has one level, the paper.
    * At least half of its pixels have that level.
    * Three quarters of its pixels have the level of the paper or that of the ink.

    Measured: 87 to 100 % of Omniglot, MNIST and enlarged digits look drawn. Of photographs of faces, coins and traffic
    signs, in grey, at most 10 % do.

    Args:
        files: image files.

    Raises:
        TfmetaError: if a file is no image.
    """
    drawn = []
    step = 64  # most folders of colour photographs are known by their first one
    for start in range(0, len(files), step):
        looks = read_each(_looks, files[start : start + step])
        if any(coloured for coloured, _ in looks):
            return "colour"
        drawn += [each for _, each in looks]
    return "drawing" if np.mean(drawn) >= _DRAWN_SHARE else "grey"


def _load(file: Path, side: int, reading: Reading) -> np.ndarray:
    # A drawing may be a line on a large page: it is scaled by averaging over all of its pixels.
    least = None if reading == "drawing" else 2 * side
    return pixels_of(open_image(file, least), side, reading, shown(file))


def _looks(file: Path) -> tuple[bool, bool]:
    """Says whether an image is coloured, and whether it looks drawn."""
    image = open_image(file, 256)
    if image.mode != "L":
        rgb = np.asarray(image, np.int16)
        if np.mean(rgb.max(axis=-1) - rgb.min(axis=-1) >= _COLOURED) >= _COLOURED_SHARE:
            return True, False
    return False, _looks_drawn(np.asarray(image.convert("L"), np.float32) / 255.0)


def _looks_drawn(grey: np.ndarray) -> bool:
    border = border_of(grey)
    paper = np.median(border)
    distance = np.abs(grey - paper)
    ink = np.percentile(distance, 99)  # of a thin line, too
    width = _LEVEL_WIDTH * max(ink, _LEAST_CONTRAST)
    return bool(
        ink >= _LEAST_CONTRAST
        and np.mean(np.abs(border - paper) <= width) >= _BORDER_SHARE
        and np.mean(distance <= width) >= _PAPER_SHARE
        and np.mean((distance <= width) | (distance >= ink - 2 * width)) >= _LEVEL_SHARE
    )
