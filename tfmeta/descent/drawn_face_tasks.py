"""Faces drawn by code as tasks, for those who have no photographs."""

import dataclasses
import functools
from typing import ClassVar

from tfmeta.core.settings import setting
from tfmeta.core.tasks import PARTS, Part
from tfmeta.data.drawn_faces import drawn_faces
from tfmeta.data.faces import Faces
from tfmeta.descent.landmark_tasks import LandmarkTasks

__all__ = ["DrawnFaceTasks"]

_NUMBERS = 1_000_000  # of the faces of a part
_HELD_OUT = {"validation": 100, "test": 500}


@dataclasses.dataclass(frozen=True)
class DrawnFaceTasks(LandmarkTasks):
    """Faces drawn by code, which need no download.

    A model that has learned from them has seen no photograph.

    Example:
        >>> tasks = DrawnFaceTasks(drawn=20)
        >>> len(tasks.faces("train")), tasks.landmarks, tasks.layout.eyes
        (20, 68, (36, 45))
    """

    name = "drawn-faces"
    items = "drawn faces"
    source = "faces of 96x96 pixels with 68 landmarks, drawn by code as they are needed"
    fresh: ClassVar[bool] = True

    drawn: int = setting(1000, "faces that are drawn to learn from", least=1)

    @property
    def landmarks(self) -> int:
        return 68

    def faces(self, part: Part) -> Faces:
        return _drawn(_HELD_OUT.get(part, self.drawn), PARTS.index(part) * _NUMBERS)


@functools.lru_cache(maxsize=8)
def _drawn(count: int, start: int) -> Faces:
    """Draws faces once in a process: they take ten milliseconds each."""
    return drawn_faces(count, start=start)
