"""Asks a model that aligns faces, in this process or behind an endpoint."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.model.model import Model

__all__ = ["Landmarks", "find_landmarks"]


class Landmarks(NamedTuple):
    """What a model found of one face.

    Attributes:
        points: x and y of each landmark in pixels, float32 ``[L, 2]``; (0, 0) is the centre of the first pixel.
        confidence: how likely each is about right, float32 ``[L]``, 0 to 1; the model's card says what that means.
    """

    points: np.ndarray
    confidence: np.ndarray


def find_landmarks(
    model: Model, image: str | Path | bytes | Any, box: Sequence[float], *, timeout: float | None = None
) -> Landmarks:
    """Finds the landmarks of a face.

    Args:
        model: a model with the signatures ``align`` and ``align_png``: what `tfmeta.load` or `Client.model` returns.
        image: the path of a PNG or JPEG file, the bytes of one, or grey pixels of 0 to 255, ``[H, W]`` or
            ``[H, W, 1]``.
        box: left, top, width and height of the extent of the landmarks, more or less, in pixels.
        timeout: seconds to wait for a served model, None for the client's own.

    Returns:
        The landmarks.

    Raises:
        TfmetaError: where the model aligns nothing, the file cannot be read, or the model refuses the request.

    Example:
        >>> import tfmeta
        >>> found = find_landmarks(tfmeta.load("sdm_faces"), "photo.jpg", (120, 80, 200, 210))  # doctest: +SKIP
        >>> found.points.shape  # doctest: +SKIP
        (68, 2)
    """
    if not {"align", "align_png"} <= set(model.signatures):
        raise TfmetaError(
            f"{model.name} aligns no faces: it has the signatures {', '.join(model.signatures)}; expected a model such"
            " as sdm_faces."
        )
    if np.shape(box) != (4,):
        raise TfmetaError(f"box has the shape {list(np.shape(box))}; expected left, top, width and height.")
    boxes = np.asarray(box, np.float32)[None]
    if isinstance(image, str | Path | bytes):
        content = image if isinstance(image, bytes) else _read(Path(image))
        found = model.ask("align_png", {"image_png": [content], "box": boxes}, timeout=timeout)
    else:
        pixels = np.asarray(image, np.float32)
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        if pixels.ndim != 3 or pixels.shape[2] != 1:
            raise TfmetaError(
                f"The image has the shape {list(pixels.shape)}; expected grey pixels [H, W] or [H, W, 1], or a file."
            )
        found = model.ask("align", {"image": pixels[None], "box": boxes}, timeout=timeout)
    return Landmarks(found["landmarks"][0], found["confidence"][0])


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise TfmetaError(f"{file} cannot be read: {error.strerror}.") from error
