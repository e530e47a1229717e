"""Tasks for the alignment of faces: images with landmarks, divided by people."""

import dataclasses
import hashlib
from abc import abstractmethod
from typing import Any

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.tasks import PARTS, Part, Tasks
from tfmeta.core.words import counted
from tfmeta.data.faces import Faces
from tfmeta.data.landmark_layout import LandmarkLayout

__all__ = ["LandmarkTasks", "divide_people"]


@dataclasses.dataclass(frozen=True)
class LandmarkTasks(Tasks):
    """Faces whose landmarks are to be found.

    Example:
        >>> class Dots(LandmarkTasks):
        ...     name, items, source = "dots", "faces of two dots", "drawn as they are needed"
        ...     def faces(self, part):
        ...         image = np.zeros([8, 8], np.uint8)
        ...         return Faces((image,), np.float32([[[2, 3], [5, 3]]]), np.array([0]))
        >>> Dots().landmarks, Dots().layout.normalised_by
        (2, 'diagonal of the box')
    """

    @abstractmethod
    def faces(self, part: Part) -> Faces:
        """Returns the faces of a part, of people who are in no other part.

        Raises:
            TfmetaError: where data are missing or broken.
        """

    @property
    def landmarks(self) -> int:
        """Landmarks of a face, L."""
        return int(self.faces("train").landmarks.shape[1])

    @property
    def layout(self) -> LandmarkLayout:
        """What the landmarks mean: where the eyes are, whose distance is the unit of errors."""
        return LandmarkLayout(self.landmarks)

    def load(self, part: Part) -> None:
        self.faces(part)

    def facts(self) -> dict[str, Any]:
        return {"landmarks": self.landmarks, "normalised_by": self.layout.normalised_by}

    def fingerprint(self) -> str:
        if self.fresh:
            return ""
        faces, digest = self.faces("train"), hashlib.sha256()
        for values in (*faces.images, faces.landmarks):
            digest.update(f"{values.dtype}{values.shape}".encode())
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()[:16]


def divide_people(people: np.ndarray, seed: int, whose: str) -> dict[Part, np.ndarray]:
    """Divides faces by people at random: 30 % of the people are for the test, 5 % for validation; one at least of each.

    Two faces of the same person, such as frames of a film, are much alike. Divided at random, a test would ask about
    faces that were seen in training.

    Args:
        people: who is seen on each of N faces, int ``[N]``.
        seed: shuffles the people.
        whose: what has the faces, for the message.

    Returns:
        Of each part the indices of its faces, ascending.

    Raises:
        TfmetaError: for fewer than three people.

    Example:
        >>> parts = divide_people(np.arange(100) // 2, 0, "The album")
        >>> {part: len(indices) for part, indices in parts.items()}
        {'train': 66, 'validation': 4, 'test': 30}
    """
    known = np.unique(people)
    if len(known) < len(PARTS):
        raise TfmetaError(
            f"{whose} shows {counted(len(known), 'person').replace('persons', 'people')}, each in a subfolder; expected"
            " three at least, for training, validation and test. Put the files side by side without subfolders, or into"
            " the subfolders train, validation and test."
        )
    test, validation = (max(1, round(share * len(known))) for share in (0.3, 0.05))
    shuffled = known[np.random.RandomState(seed).permutation(len(known))]
    of_part = dict(
        zip(("test", "validation", "train"), np.split(shuffled, [test, test + validation]), strict=True)
    )
    return {part: np.flatnonzero(np.isin(people, of_part[part])) for part in PARTS}
