"""Faces of your own: a folder of images with landmarks beside them, in files of the format of 300-W."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.words import counted
from tfmeta.data.faces import Faces
from tfmeta.data.image_files import images_in, is_passed_over, is_turned, open_image, read_each, shown

__all__ = ["Marked", "find_marked", "holds_landmarks", "read_faces", "read_landmarks"]

_MARGIN = 1.0  # beside the box, in sides of the box
_LARGEST_BOX = 200  # pixels of the longer side
_HOW = "expected the format of 300-W: version: 1, n_points: 68, and one x y a line between { and }"


class Marked(NamedTuple):
    """An image file, the file of its landmarks, and the person.

    Attributes:
        image: the image.
        landmarks: the ``.pts`` file.
        person: the folder that they lie in, seen from the one that was named; or the file, where there are
            no subfolders.
    """

    image: Path
    landmarks: Path
    person: str


def holds_landmarks(folder: Path) -> bool:
    """Says whether there is a ``.pts`` file in a folder, or in a folder of it."""
    return next(_landmark_files(folder), None) is not None


def find_marked(folder: Path) -> list[Marked]:
    """Finds images with landmarks beside them: ``a.jpg`` and ``a.pts``, in the folder and its subfolders.

    A subfolder holds the faces of one person, who belongs to one part only. Without subfolders each file is a person.
    Images without landmarks are passed over, and so is what is hidden.

    Args:
        folder: the folder.

    Returns:
        The images, by the names of their ``.pts`` files.

    Raises:
        TfmetaError: where there is no such folder, or no landmarks, or one has no image or several.

    Example:
        >>> faces = read_faces(find_marked(Path("300w/helen/trainset")))  # doctest: +SKIP
        >>> faces.landmarks.shape  # doctest: +SKIP
        (2000, 68, 2)
    """
    if not folder.is_dir():
        raise TfmetaError(
            f"There is no folder {shown(folder)}; expected one of images with .pts files beside them."
        )
    files = sorted(_landmark_files(folder))
    if not files:
        raise TfmetaError(
            f"{shown(folder)} holds no landmarks; expected a file such as face.pts beside each image face.jpg."
        )
    images: dict[Path, dict[str, list[Path]]] = {}
    found = []
    for file in files:
        if file.parent not in images:
            of_folder = images.setdefault(file.parent, {})
            for image in images_in(file.parent):
                of_folder.setdefault(image.stem, []).append(image)
        beside = images[file.parent].get(file.stem, [])
        if len(beside) != 1:
            reason = "no image" if not beside else " and ".join(shown(each.name) for each in beside)
            raise TfmetaError(
                f"{shown(file)} has {reason} beside it; expected one image of the same name, such as"
                f" {shown(file.stem)}.jpg."
            )
        person = file.with_suffix("") if file.parent == folder else file.parent
        found.append(Marked(beside[0], file, str(person.relative_to(folder))))
    return found


def read_faces(files: Sequence[Marked]) -> Faces:
    """Reads faces. Colours become grey.

    Of a large image, what lies around the face is kept: the box of the landmarks and as much on each side. It is shrunk
    until the longer side of the box has 200 pixels. So large photographs do not fill the memory.

    Args:
        files: images and landmarks, the same number in all.

    Returns:
        The faces; people are numbered by their names.

    Raises:
        TfmetaError: where a file cannot be read, an image is marked as turned, or landmarks lie beside their image.
    """
    landmarks = [read_landmarks(each.landmarks) for each in files]
    for each, points in zip(files, landmarks, strict=True):
        if len(points) != len(landmarks[0]):
            raise TfmetaError(
                f"{shown(each.landmarks)} has {counted(len(points), 'landmark')}, but {shown(files[0].landmarks)} has"
                f" {len(landmarks[0])}; expected the same number in all files."
            )
    of_image = {each.image: points for each, points in zip(files, landmarks, strict=True)}
    read = read_each(lambda image: _cut_out(image, of_image[image]), [each.image for each in files])
    names = sorted({each.person for each in files})
    return Faces(
        tuple(image for image, _ in read),
        np.stack([points for _, points in read]),
        np.array([names.index(each.person) for each in files], np.int64),
    )


def read_landmarks(file: str | Path) -> np.ndarray:
    """Reads a ``.pts`` file. In it the first pixel has the number 1, and here 0.

    Args:
        file: such as ``version: 1``, ``n_points: 3``, ``{``, three lines of x and y, ``}``.

    Returns:
        float32 ``[L, 2]``, x and y in pixels; (0, 0) is the centre of the first pixel.

    Raises:
        TfmetaError: where the file is missing or broken.

    Example:
        >>> read_landmarks("face.pts").shape  # doctest: +SKIP
        (68, 2)
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TfmetaError(f"{shown(file)} is no text in UTF-8; {_HOW}.") from error
    except OSError as error:
        raise TfmetaError(f"{shown(file)} cannot be read: {error.strerror}.") from error
    head, begun, rest = text.partition("{")
    body, ended, _ = rest.partition("}")
    said = re.search(r"^\s*n_points\s*:\s*(\d{1,6})\s*$", head, re.MULTILINE)
    if not begun or not said:
        raise TfmetaError(f"{shown(file)} holds no landmarks; {_HOW}.")
    if not ended:
        raise TfmetaError(f"{shown(file)} is cut off: it has no }} at its end; {_HOW}.")
    points = [_point(line, file) for line in body.split("\n") if line.strip()]
    if len(points) != int(said[1]) or not points:
        raise TfmetaError(
            f"{shown(file)} has {counted(len(points), 'landmark')}, but says n_points: {int(said[1])}; mend or"
            " remove it."
        )
    return np.array(points, np.float32) - 1


def _point(line: str, file: str | Path) -> tuple[float, float]:
    try:
        x, y = map(float, line.split())
    except ValueError as error:
        raise TfmetaError(
            f"{shown(file)} has the line {shown(line.strip())[:40]!r}; expected x and y of a landmark."
        ) from error
    if not (math.isfinite(x) and math.isfinite(y)) or max(abs(x), abs(y)) > 1e6:
        raise TfmetaError(
            f"{shown(file)} has the landmark {x:g} {y:g}; expected pixels. Mend it, or leave the face out."
        )
    return x, y


def _cut_out(file: Path, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the image around landmarks, and where they are in it."""
    from PIL import Image

    if is_turned(file):
        raise TfmetaError(
            f"{shown(file)} is marked as turned (EXIF), so its landmarks may belong to the file as it is stored or as"
            " it is shown; save it upright, without the mark, and check its landmarks."
        )
    image = open_image(file).convert("L")
    first, last = landmarks.min(0), landmarks.max(0)
    side = (last - first).max()
    if side <= 0:
        raise TfmetaError(f"The landmarks of {shown(file)} are all in one place; expected those of a face.")
    margin = _MARGIN * side
    left, top = (max(0, math.floor(value - margin)) for value in first)
    right, bottom = (
        min(limit, math.ceil(value + margin) + 1) for value, limit in zip(last, image.size, strict=True)
    )
    if right <= left or bottom <= top:
        raise TfmetaError(
            f"The landmarks of {shown(file)} lie outside of it: {image.size[0]} × {image.size[1]} pixels, but landmarks"
            f" from ({first[0]:.0f}, {first[1]:.0f}) to ({last[0]:.0f}, {last[1]:.0f}). Are they those of this image?"
        )
    image, landmarks = image.crop((left, top, right, bottom)), landmarks - np.array([left, top], np.float32)
    scale = min(1.0, _LARGEST_BOX / side)
    if scale < 1:
        size = np.maximum(1, np.rint(np.array(image.size) * scale)).astype(int)
        # Corners of pixels stay where they are, and not their centres.
        landmarks = (landmarks + 0.5) * (size / np.array(image.size)) - 0.5
        image = image.resize((int(size[0]), int(size[1])), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8), landmarks.astype(np.float32)


def _landmark_files(folder: Path) -> Iterator[Path]:
    """Yields the ``.pts`` files of a folder and its subfolders, without what is hidden."""
    for file in folder.rglob("*"):
        if file.suffix.lower() == ".pts" and not any(map(is_passed_over, file.relative_to(folder).parts)):
            yield file
