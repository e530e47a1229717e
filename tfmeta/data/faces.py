"""Faces with landmarks: images of any size, their landmarks, and the people on them."""

import dataclasses
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfmeta.core.checks import TfmetaError, check

__all__ = ["Faces", "load_faces"]


@dataclasses.dataclass(frozen=True)
class Faces:
    """Grey images of N faces, with L landmarks each.

    Attributes:
        images: uint8 ``[H, W]`` of each face; sizes may differ.
        landmarks: float32 ``[N, L, 2]``, x and y in pixels; (0, 0) is the centre of the first pixel. They may lie
            outside the image.
        people: int64 ``[N]``; faces with the same number are those of one person, who belongs to one part only.

    Raises:
        ValueError: where these do not fit each other.

    Example:
        >>> corners = np.array([[[1, 2], [7, 2], [4, 8]]], np.float32)
        >>> faces = Faces((np.zeros([10, 10], np.uint8),), corners, np.array([0]))
        >>> len(faces), faces.boxes.tolist()
        (1, [[1.0, 2.0, 6.0, 6.0]])
    """

    images: tuple[np.ndarray, ...]
    landmarks: np.ndarray
    people: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.images)
        check(
            self.landmarks.shape[:1] == (count,) == self.people.shape
            and self.landmarks.ndim == 3
            and self.landmarks.shape[2] == 2,
            f"{count} images have landmarks of shape {list(self.landmarks.shape)} and people of shape"
            f" {list(self.people.shape)}; expected [{count}, L, 2] and [{count}].",
        )
        for image in self.images:
            check(
                image.ndim == 2 and image.dtype == np.uint8 and image.size > 0,
                f"An image has the type {image.dtype} and the shape {list(image.shape)}; expected uint8 [H, W].",
            )
        check(bool(np.isfinite(self.landmarks).all()), "Landmarks are not finite; leave their faces out.")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def boxes(self) -> np.ndarray:
        """The extent of the landmarks, float32 ``[N, 4]``: left, top, width and height in pixels."""
        first, last = self.landmarks.min(1), self.landmarks.max(1)
        return np.concatenate([first, last - first], axis=1)

    def of(self, indices: Sequence[int] | np.ndarray) -> "Faces":
        """Returns some of the faces, in the order of their indices."""
        chosen = np.asarray(indices, np.int64)
        return Faces(
            tuple(self.images[index] for index in chosen), self.landmarks[chosen], self.people[chosen]
        )


_FILE = "youtube_faces_96.npz"
_HOW = (
    f"Take the frames and landmarks of github.com/udacity/P1_Facial_Keypoints (folder data), cut out of each frame a"
    f" square of 1.6 times the extent of the landmarks around its middle, and scale it to 96x96 in grey. Write {_FILE}"
    " with the arrays images (uint8 [N, 96, 96]), landmarks (float32 [N, 68, 2]; x and y from 0 to 96 across the image)"
    " and identity (int [N], who is seen), and set TFMETA_FACES to its folder."
)


def load_faces(path: str | Path | None = None) -> Faces:
    """Loads 3,673 faces of 300 people: frames of YouTube Faces, 96x96, with 68 landmarks.

    In the file, landmarks are measured from the corner of the first pixel: the middle of all boxes is 48 of 96. So half
    a pixel is subtracted here. The pixels agree: before that, landmarks lie 0.5 to 1.0 pixels to the right of the axis
    of symmetry of the images. Landmarks were probably made by a machine.

    Args:
        path: the file, or its folder; without it, what the environment variable TFMETA_FACES names.

    Returns:
        The faces, each with 68 landmarks in the order of iBUG.

    Raises:
        TfmetaError: where the file is absent, or is not what it should be.

    Example:
        >>> faces = load_faces()  # doctest: +SKIP
        >>> len(faces), len(np.unique(faces.people)), faces.landmarks.shape  # doctest: +SKIP
        (3673, 300, (3673, 68, 2))

    Reference:
        Wolf, Hassner, Maoz. "Face Recognition in Unconstrained Videos with Matched Background Similarity." CVPR 2011.
    """
    place = path or os.environ.get("TFMETA_FACES")
    if not place:
        raise TfmetaError(f"Faces were not found: no path was given, and TFMETA_FACES is not set. {_HOW}")
    file = Path(place).expanduser()
    file = file / _FILE if file.is_dir() else file
    try:
        with np.load(file, allow_pickle=False) as arrays:
            images, landmarks, people = (arrays[name] for name in ("images", "landmarks", "identity"))
        return Faces(tuple(images), landmarks.astype(np.float32) - np.float32(0.5), people.astype(np.int64))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TfmetaError(f"Faces were not found: there is no {file}. {_HOW}") from error
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        reason = str(error).strip("'\".")
        raise TfmetaError(f"Faces cannot be read from {file}: {reason}. {_HOW}") from error
