"""Finds the boxes of faces in photographs, and draws landmarks on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfmeta.core.checks import TfmetaError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["detect_faces", "draw_landmarks"]

_LANDMARKS_IN_BOX = np.array([0.1, 0.27, 0.8, 0.75])
"""Where the extent of 68 landmarks lies in a box of OpenCV's detector: left, top, width and height, in parts of it."""

_SURE, _UNSURE = np.array([60, 220, 60]), np.array([240, 60, 40])


def detect_faces(image: Image.Image) -> list[tuple[float, float, float, float]]:
    """Finds faces that look into the camera, by the cascade of Haar features that OpenCV brings.

    Args:
        image: a photograph.

    Returns:
        For each face left, top, width and height of where its landmarks probably lie, the largest face first.

    Raises:
        TfmetaError: where OpenCV is missing, or has no such detector.

    Reference:
        Viola & Jones. "Rapid object detection using a boosted cascade of simple features." CVPR 2001.
    """
    try:
        import cv2

        folder = Path(cv2.__file__).parent / "data"
        detector = cv2.CascadeClassifier(str(folder / "haarcascade_frontalface_default.xml"))
    except (ImportError, AttributeError) as error:
        raise TfmetaError(
            "Faces are detected by OpenCV 4, which is not installed: pip install 'tfmeta[detect]', or give --box."
        ) from error
    grey = np.asarray(image.convert("L"))
    found = detector.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(24, 24))
    boxes = []
    for left, top, width, height in sorted(found, key=lambda box: -box[2]):
        place = _LANDMARKS_IN_BOX * [width, height, width, height]
        boxes.append((float(left + place[0]), float(top + place[1]), float(place[2]), float(place[3])))
    return boxes


def draw_landmarks(
    image: Image.Image, points: np.ndarray, confidence: np.ndarray, box: tuple[float, ...]
) -> Image.Image:
    """Draws landmarks on a photograph: green where the model is sure of them, and red where it is not.

    Args:
        image: the photograph.
        points: ``[L, 2]``.
        confidence: ``[L]``, 0 to 1.
        box: left, top, width and height; drawn as a thin frame.

    Returns:
        A copy in colour.
    """
    from PIL import ImageDraw

    picture = image.convert("RGB")
    draw = ImageDraw.Draw(picture)
    left, top, width, height = box
    radius = max(1.0, max(width, height) / 70)
    draw.rectangle(
        [left, top, left + width, top + height], outline=(255, 210, 0), width=max(1, round(radius / 2))
    )
    for (x, y), sure in zip(points, np.clip(confidence, 0, 1), strict=True):
        colour = tuple(np.round(_UNSURE + sure * (_SURE - _UNSURE)).astype(int).tolist())
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)
    return picture
