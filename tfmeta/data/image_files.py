"""Image files of your own: finds them in folders, and opens them as every viewer shows them."""

from __future__ import annotations

import functools
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.data.ink import DEEP, SEEN

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "MOST_PIXELS", "folders_in", "images_in", "is_passed_over", "is_turned", "open_image", "read_each", "shown",
    "size_of", "stamp_of",
]  # fmt: skip

T = TypeVar("T")

MOST_PIXELS = 2**26
"""The most pixels of an image. A few kilobytes may claim gigabytes of pixels."""

# What Pillow knows by name only, and what needs programs that run code of the file.
_NO_FORMATS = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
_NEED_CONVERSION = frozenset({".arw", ".cr2", ".dng", ".heic", ".heif", ".nef", ".svg"})
_ADDED = frozenset({"__MACOSX", "@eaDir"})  # by archives and network drives
_ORIENTATION = 0x0112  # of the tags of EXIF
_FILTERS = threading.Lock()  # Python's filters of warnings are those of all threads


def shown(path: str | Path) -> str:
    """Returns a path as it can be printed, whatever bytes are in it.

    Example:
        >>> shown("caf\\udce9/\\x1b.png")
        'caf\\\\udce9/\\\\x1b.png'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))


def is_passed_over(name: str) -> bool:
    """Says whether a file or folder is hidden, or was added by an archive or a network drive: nobody means these.

    Example:
        >>> [is_passed_over(name) for name in ("._face.png", "__MACOSX", "face.png")]
        [True, True, False]
    """
    return name.startswith(".") or name in _ADDED


def stamp_of(file: Path) -> tuple[int, int]:
    """Returns when a file was last changed, in nanoseconds, and its size in bytes: as long as both hold, so does it.

    Raises:
        TfmetaError: if the file is missing.
    """
    try:
        state = file.stat()
    except OSError as error:
        raise TfmetaError(f"{shown(file)} cannot be read: {error.strerror}.") from error
    return state.st_mtime_ns, state.st_size


def folders_in(folder: Path) -> list[Path]:
    """Returns the folders in a folder by their names. What is hidden is passed over.

    Raises:
        TfmetaError: where there is no such folder, or it may not be read.
    """
    found = [path for path in _entries(folder) if path.is_dir()]
    for path in found:
        if not path.name.isprintable():
            raise TfmetaError(
                f"The name of the folder {shown(path)} is not printable UTF-8, but it would be the name of a class;"
                " rename the folder."
            )
    return found


def images_in(folder: Path) -> list[Path]:
    """Returns the image files in a folder by their names. What is hidden, and what is no image, is passed over.

    Files are known by their suffix, and those without one by their content.

    Raises:
        TfmetaError: where there is no such folder, or it may not be read; and for a photograph in a format that first
            has to be converted.
    """
    suffixes = _suffixes()
    found = []
    for path in _entries(folder):
        suffix = path.suffix.lower()
        if suffix in suffixes:
            if path.is_file() or path.is_symlink():
                found.append(path)
        elif suffix in _NEED_CONVERSION:
            raise TfmetaError(f"{shown(path)} is in a format that is not read; save it as JPEG or PNG.")
        elif not suffix and path.is_file():
            with suppress(TfmetaError):
                size_of(path)
                found.append(path)
    return found


def size_of(file: str | Path) -> tuple[int, int]:
    """Returns the width and the height of an image, as its file says, before anything is decoded.

    Raises:
        TfmetaError: if the file is missing, is no image, or has more than `MOST_PIXELS`.
    """
    from PIL import Image

    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with _opened(file) as image:
            size: tuple[int, int] = image.size
    if size[0] * size[1] > MOST_PIXELS:
        raise TfmetaError(
            f"{shown(file)} has {size[0]} × {size[1]} pixels; expected at most {MOST_PIXELS:,}, so scale it down first."
        )
    return size


def open_image(file: str | Path, least: int | None = None) -> Image.Image:
    """Opens an image as every viewer shows it: turned upright, on white where it is transparent, of 8 bits.

    Of an animation it is the first frame.

    Args:
        file: an image file that Pillow reads.
        least: pixels of the shorter side that are enough. Larger JPEG files may then be decoded at a smaller scale,
            which takes less time.

    Returns:
        An image of the mode ``L`` if the file has no colours, or ``RGB``.

    Raises:
        TfmetaError: if the file is missing, is no image, is broken, or has more than `MOST_PIXELS`.
    """
    size_of(file)
    with _opened(file) as image:
        if least:
            image.draft(None, (least, least))
        image.load()
        return _opaque(_of_eight_bits(_upright(image)))


def is_turned(file: str | Path) -> bool:
    """Says whether an image is stored otherwise than it is shown, since its camera was held so.

    Raises:
        TfmetaError: if the file is missing, or is no image.
    """
    with _opened(file) as image, suppress(Exception):
        return image.getexif().get(_ORIENTATION, 1) in range(2, 9)
    return False


def read_each(read: Callable[[Path], T], files: Sequence[Path]) -> list[T]:
    """Returns ``[read(file) for file in files]``, on all cores.

    Args:
        read: opens and shrinks an image, say; Pillow lets other threads work meanwhile.
        files: what to read.

    Raises:
        TfmetaError: of the first file that cannot be read.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as threads:
        warnings.simplefilter("ignore")  # of odd tags beside an image that is whole
        return list(threads.map(read, files))


@contextmanager
def _opened(file: str | Path) -> Iterator[Image.Image]:
    """Opens an image, and says in words what is wrong with it, then or when it is decoded."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=_formats()) as image:
            yield image
    except FileNotFoundError as error:
        raise TfmetaError(f"There is no image {shown(file)}.") from error
    except Exception as error:  # in broken files the decoders meet anything
        if isinstance(error, UnidentifiedImageError):
            reason = "it is empty" if os.path.getsize(file) == 0 else "it is in no known format"
        elif isinstance(error, Image.DecompressionBombError):
            reason = f"it has more than {MOST_PIXELS:,} pixels"
        else:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise TfmetaError(
            f"{shown(file)} cannot be read as an image: {shown(reason)}; expected PNG or JPEG. Mend or remove the file."
        ) from error


@functools.cache
def _formats() -> tuple[str, ...]:
    from PIL import Image

    Image.init()
    return tuple(name for name in Image.OPEN if name not in _NO_FORMATS)


def _suffixes() -> frozenset[str]:
    from PIL import Image

    known = Image.registered_extensions()  # other packages may add some
    return frozenset(
        suffix for suffix, name in known.items() if name in Image.OPEN and name not in _NO_FORMATS
    )


def _upright(image: Image.Image) -> Image.Image:
    """Turns an image as the camera was held. An image whose tags are broken stays as it is."""
    from PIL import ImageOps

    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _of_eight_bits(image: Image.Image) -> Image.Image:
    """Scales greys of more bits; Pillow would cut them off at 255, and everything were white."""
    from PIL import Image

    if not image.mode.startswith(("I", "F")):
        return image
    values = np.nan_to_num(np.asarray(image, np.float64))
    # The file says how many bits there are at most, and floats say nothing: their largest value tells.
    ranges = DEEP if ";16" in image.mode else (1, *DEEP)
    low, high = min(values.min(), 0.0), values.max()
    top = next((top for top in ranges if high <= 1.01 * top), high)  # floats may be rounded up
    return Image.fromarray(np.rint(np.clip((values - low) / (top - low) * 255.0, 0, 255)).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    """Puts what is transparent on white, or on black where white hides what the image shows, such as white ink."""
    if not image.has_transparency_data:
        return image.convert("L" if image.mode in ("1", "L") else "RGB")
    grey, layers = image.mode == "LA", image.convert("RGBA")
    on_white, on_black = _on(layers, "white"), _on(layers, "black")
    contrasts = [np.ptp(each.convert("L").getextrema()) / 255 for each in (on_white, on_black)]
    hidden = contrasts[0] < SEEN and contrasts[1] > contrasts[0]
    return (on_black if hidden else on_white).convert("L" if grey else "RGB")


def _on(layers: Image.Image, colour: str) -> Image.Image:
    from PIL import Image

    paper = Image.new("RGBA", layers.size, colour)
    paper.alpha_composite(layers)
    return paper


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, by its name, without what is passed over."""
    try:
        visible = (path for path in folder.iterdir() if not is_passed_over(path.name))
        return sorted(visible, key=lambda path: path.name)
    except NotADirectoryError as error:
        raise TfmetaError(
            f"{shown(folder)} is a file; expected a folder with a subfolder of images for each class."
        ) from error
    except FileNotFoundError as error:
        raise TfmetaError(
            f"There is no folder {shown(folder)}; expected one with a subfolder of images for each class."
        ) from error
    except OSError as error:
        raise TfmetaError(f"The folder {shown(folder)} cannot be read: {error.strerror}.") from error
