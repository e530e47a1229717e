"""Photographs of faces as tasks: frames of YouTube Faces with 68 landmarks."""

import dataclasses
import functools

from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.data.faces import Faces, load_faces
from tfmeta.descent.landmark_tasks import LandmarkTasks, divide_people

__all__ = ["FaceTasks"]


@functools.cache
def _read() -> Faces:
    """Reads the data set, once in a process."""
    return load_faces()


@dataclasses.dataclass(frozen=True)
class FaceTasks(LandmarkTasks):
    """Photographs of the faces of 300 people.

    All faces of a person are in the same part; see `tfmeta.data.faces.load_faces`.

    Example:
        >>> tasks = FaceTasks()
        >>> tasks.name, tasks.replaced(split_seed=3).variant
        ('faces', 'seed3')
        >>> len(tasks.faces("train"))  # doctest: +SKIP
        2399

    Reference:
        Wolf, Hassner, Maoz. "Face Recognition in Unconstrained Videos with Matched Background Similarity." CVPR 2011.
    """

    name = "faces"
    items = "faces"
    licence = "MIT for the landmarks (udacity/P1_Facial_Keypoints); the frames of YouTube Faces are for research use"

    split_seed: int = setting(0, "seed that divides the people into parts", least=0)

    @property
    def variant(self) -> str:
        return f"seed{self.split_seed}" if self.split_seed else ""

    @property
    def source(self) -> str:
        return (
            "3,673 faces of 300 people: frames of YouTube Faces with 68 landmarks (udacity/P1_Facial_Keypoints), cut"
            f" out and scaled to 96x96; people divided by the seed {self.split_seed}"
        )

    @property
    def landmarks(self) -> int:
        return 68

    def faces(self, part: Part) -> Faces:
        faces = _read()
        return faces.of(divide_people(faces.people, self.split_seed, "The data set")[part])
