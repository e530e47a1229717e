"""scikit-learn's handwritten digits, made to look as if they had been drawn for Omniglot."""

import functools
import io
from typing import Any

import numpy as np

from tfmeta.core.checks import TfmetaError

__all__ = ["load_digit_files", "load_digits"]

_FRAME = 28
_SIDE = 20  # of the frame; Omniglot's characters are 14 to 23 pixels long
_SMOOTHING = 0.7  # width of the Gaussian that interpolates, in pixels of the source
_PAPER, _INK = 0.35, 0.7  # of the image's strongest ridge


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Loads 1,797 handwritten digits: real handwriting, without a download, that no model of Omniglot has seen.

    The source is 8 x 8 pixels with strokes two of them wide: too coarse and too wide for a model that knows
    Omniglot. So the images are interpolated to 20 x 20 by a Gaussian. Only the ridges of the ink are kept, where it
    curves down most steeply across the stroke (the negative eigenvalue of the Hessian). The first ten images are 0
    to 9.

    Returns:
        Images, float32 ``[1797, 28, 28, 1]``, ink 1 and paper 0; and their labels, int32 ``[1797]``. Both are
        fresh copies.

    Raises:
        TfmetaError: where scikit-learn is absent.

    Example:
        >>> images, labels = load_digits()
        >>> images.shape, labels[:10]
        ((1797, 28, 28, 1), array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], dtype=int32))

    Reference:
        Alpaydin, Kaynak. "Optical Recognition of Handwritten Digits." UCI Machine Learning Repository, 1998.
    """
    images, labels = _prepared()
    return images.copy(), labels.copy()


def load_digit_files(side: int = 112) -> tuple[np.ndarray, np.ndarray]:
    """Returns the same digits as image files: what somebody has who scans them.

    Args:
        side: of the images, in pixels; they are enlarged from 8 x 8 by bicubic interpolation.

    Returns:
        The bytes of PNG files, dark on light, object ``[1797]``; and their labels, int32 ``[1797]``.

    Raises:
        TfmetaError: where scikit-learn is absent.

    Example:
        >>> files, labels = load_digit_files()
        >>> files[0][1:4], int(labels[0])
        (b'PNG', 0)
    """
    from PIL import Image

    source = _source()
    files = np.empty(len(source.images), object)
    for number, ink in enumerate(source.images):
        scan = Image.fromarray(np.uint8(255 - np.rint(ink * (255 / 16))))
        content = io.BytesIO()
        scan.resize((side, side), Image.Resampling.BICUBIC).save(content, "PNG", compress_level=1)
        files[number] = content.getvalue()
    return files, source.target.astype(np.int32)


def _source() -> Any:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise TfmetaError(
            "The handwritten digits come with scikit-learn, which is not installed:"
            " pip install 'tfmeta[data]'."
        ) from error
    return datasets.load_digits()


@functools.lru_cache(maxsize=1)
def _prepared() -> tuple[np.ndarray, np.ndarray]:
    source = _source()
    ridges = _ridges(source.images.astype(np.float32), _SIDE)
    ridges /= np.percentile(ridges, 99, axis=(1, 2), keepdims=True)
    ink = np.clip((ridges - _PAPER) / (_INK - _PAPER), 0.0, 1.0)
    margin = (_FRAME - _SIDE) // 2
    framed = np.pad(ink, [(0, 0), (margin, margin), (margin, margin)])
    return framed[..., None].astype(np.float32), source.target.astype(np.int32)


def _ridges(images: np.ndarray, side: int) -> np.ndarray:
    """Returns how sharp a ridge of ink runs through each pixel: ``[M, H, H] -> [M, side, side]``."""
    size = images.shape[1]
    where = (np.arange(side) + 0.5) * size / side - 0.5  # in pixels of the source
    offset = where[:, None] - np.arange(size)  # [side, H]
    variance = _SMOOTHING**2
    value = np.exp(-(offset**2) / (2 * variance)).astype(np.float32)
    value /= np.exp(-((where[:, None] - np.arange(-3, size + 3)) ** 2) / (2 * variance)).sum(1, keepdims=True)
    slope = -offset / variance * value
    bend = (offset**2 / variance - 1) / variance * value

    down, across, mixed = bend @ images @ value.T, value @ images @ bend.T, slope @ images @ slope.T
    lesser = (down + across) / 2 - np.sqrt(((down - across) / 2) ** 2 + mixed**2)
    return np.maximum(0.0, -lesser)
