"""Faces of your own as tasks: a folder of images with landmarks beside them."""

import dataclasses
import functools
from pathlib import Path
from typing import NamedTuple

from tfmeta.core.checks import TfmetaError
from tfmeta.core.settings import setting
from tfmeta.core.tasks import PARTS, Part
from tfmeta.core.words import counted
from tfmeta.data.class_parts import PART_NAMES
from tfmeta.data.faces import Faces
from tfmeta.data.image_files import folders_in, shown, stamp_of
from tfmeta.data.landmark_files import Marked, find_marked, read_faces
from tfmeta.data.named_by_folder import NamedByFolder
from tfmeta.descent.landmark_tasks import LandmarkTasks, divide_people

__all__ = ["FaceFolderTasks"]

_FEWEST = 10


@dataclasses.dataclass(frozen=True)
class FaceFolderTasks(NamedByFolder, LandmarkTasks):
    """Faces in a folder of your own, with landmarks.

    Beside each image, such as ``a.jpg``, is a file of its landmarks, ``a.pts``, in the format of 300-W. Any number of
    landmarks will do, if it is the same in all files. Subfolders are read, too; each holds the faces of a person, who
    belongs to one part. If all subfolders are ``train``, ``validation`` and ``test``, they are the parts.

    See `tfmeta.data.landmark_files.read_faces` for what becomes of an image.

    Images are read when they are first needed, once in a process as long as the files do not change.

    Example:
        >>> tasks = FaceFolderTasks("photos/team")
        >>> tasks.name, tasks.items, tasks.registered
        ('team', 'faces of team', 'face-folder')
    """

    registered, pictured = "face-folder", "faces"

    path: str = setting("", "folder of images with landmarks beside them, as .pts files")
    split_seed: int = setting(
        0, "seed that divides the people, where the folder has no train, validation and test", least=0
    )

    @property
    def source(self) -> str:
        found = self._found
        people = len({each.person for each in found.files})
        divided = "" if found.given else f" of {people:,} people, divided by the seed {self.split_seed}"
        folder = Path(self.path).name
        return f"{len(found.files):,} faces{divided}, with {self.landmarks} landmarks, in the folder {folder}"

    def faces(self, part: Part) -> Faces:
        found = self._found
        faces = _read(found.files, found.stamps)
        if found.given:
            return faces.of([index for index, of_part in enumerate(found.given) if of_part == part])
        folder = f"The folder {shown(self.path)}"
        return faces.of(divide_people(faces.people, self.split_seed, folder)[part])

    @property
    def _found(self) -> "_Found":
        """What is in the folder now."""
        if not self.path:
            raise TfmetaError("There is no folder of faces; say which: path=DIR, or --tasks DIR.")
        return _find(Path(self.path).expanduser())


class _Found(NamedTuple):
    """The files of a folder at one moment.

    Attributes:
        files: what is in it.
        given: the part of each, where the folder says so.
        stamps: of each file when it was last changed, and its size; images first.
    """

    files: tuple[Marked, ...]
    given: tuple[Part, ...]
    stamps: tuple[tuple[int, int], ...]


def _find(folder: Path) -> _Found:
    of_parts = folders_in(folder) if folder.is_dir() else []
    given: list[Part] = []
    if of_parts and all(each.name.lower() in PART_NAMES for each in of_parts):
        found = []
        for each in of_parts:
            of_part = find_marked(each)
            given += [PART_NAMES[each.name.lower()]] * len(of_part)
            found += [face._replace(person=f"{each.name}/{face.person}") for face in of_part]
        missing = [part for part in PARTS if part not in given]
        if missing:
            raise TfmetaError(
                f"{shown(folder)} holds {', '.join(each.name for each in of_parts)}; expected train, validation and"
                " test, each with faces of its own. Or put all files side by side, without parts."
            )
    else:
        found = find_marked(folder)
    if len(found) < _FEWEST:
        raise TfmetaError(
            f"{shown(folder)} has landmarks of {counted(len(found), 'face')}; expected {_FEWEST} at least. Add faces."
        )
    files = (*(each.image for each in found), *(each.landmarks for each in found))
    return _Found(tuple(found), tuple(given), tuple(map(stamp_of, files)))


@functools.lru_cache(maxsize=4)
def _read(files: tuple[Marked, ...], stamps: tuple[tuple[int, int], ...]) -> Faces:
    return read_faces(files)
