"""Pictures of your own as tasks: a folder with a subfolder for each class."""

import dataclasses
import functools
from pathlib import Path
from typing import cast

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.episodes import Augmentation
from tfmeta.core.settings import setting
from tfmeta.core.tasks import PARTS, Part
from tfmeta.data.augment import random_affine, random_shift
from tfmeta.data.class_parts import PART_NAMES, check_parts, divide
from tfmeta.data.episode_tasks import Classes, ClassTasks, Reading
from tfmeta.data.image_files import folders_in, images_in, shown, size_of, stamp_of
from tfmeta.data.named_by_folder import NamedByFolder
from tfmeta.data.pictures import channels_of, guess_reading, read_pictures

__all__ = ["FolderTasks"]

_DRAWING_SIDE, _PHOTOGRAPH_SIDE = 28, 84


@dataclasses.dataclass(frozen=True)
class FolderTasks(NamedByFolder, ClassTasks):
    """Pictures in a folder of your own.

    The folder has a subfolder for each class; or the subfolders ``train``, ``validation`` and ``test``, which have one
    for each of their classes. Without these, classes are divided by a seed. Classes may differ in size, and pictures in
    size and format. What is hidden, and what is no image, is passed over. See `tfmeta.data.pictures.pixels_of` for what
    becomes of a picture, and `tfmeta.data.pictures.guess_reading` for how its kind is guessed.

    Pictures are read when they are first needed, once in a process as long as the files do not change.

    Example:
        >>> tasks = FolderTasks("photos/signs")
        >>> tasks.name, tasks.items
        ('signs', 'pictures of signs')
        >>> tasks.classes("train").names  # doctest: +SKIP
        ('give way', 'no entry', 'speed limit 50', 'stop', 'yield')
    """

    registered, pictured = "folder", "pictures"

    path: str = setting("", "folder of pictures, with a subfolder for each class")
    side: int = setting(
        0, "side of the pictures in pixels; 0 for 28 for drawings, and for photographs 84 or less", least=0
    )
    read_as: str = setting(
        "auto",
        "what the pictures are; auto guesses it from the files",
        choices=("auto", "drawing", "grey", "colour"),
    )
    split_seed: int = setting(
        0, "seed that divides the classes, where the folder has no train, validation and test", least=0
    )
    mirror: bool = setting(False, "mirrors photographs at random in training, where that keeps their class")

    @property
    def source(self) -> str:
        layout = self._layout
        images = sum(len(files) for files in layout.files.values())
        kinds = {"drawing": "drawings", "grey": "grey pictures", "colour": "colour pictures"}
        divided = "" if layout.given else f", divided by the seed {self.split_seed}"
        return (
            f"{images:,} image files of {len(layout.files)} classes in the folder {Path(self.path).name}{divided}, read"
            f" as {kinds[self.reading]} of {self._side}x{self._side}"
        )

    @property
    def reading(self) -> Reading:  # type: ignore[override]
        """How an image file becomes an item: `read_as`, or what the files look like."""
        return _guessed(self._layout) if self.read_as == "auto" else cast(Reading, self.read_as)

    @property
    def item_shape(self) -> tuple[int, int, int]:
        return self._side, self._side, channels_of(self.reading)

    @property
    def _side(self) -> int:
        if self.side or self.reading == "drawing":
            return self.side or _DRAWING_SIDE
        return _usual_side(self._layout)

    @property
    def _layout(self) -> "_Layout":
        """What is in the folder now."""
        if not self.path:
            raise TfmetaError("There is no folder of pictures; say which: path=DIR, or --tasks DIR.")
        return _layout(Path(self.path).expanduser(), self.split_seed)

    def sizes(self, part: Part) -> tuple[int, int]:
        layout = self._layout
        return len(layout.parts[part]), min(len(layout.files[name]) for name in layout.parts[part])

    def classes(self, part: Part) -> Classes:
        layout = self._layout
        read = _pictures(layout, self._side, self.reading)
        names = layout.parts[part]
        return Classes(names, [read[name] for name in names])

    def augmentation(self) -> Augmentation:
        """Returns small changes; a mirrored sign or letter may be another class, so `mirror` has to ask for that."""
        if self.reading == "drawing":
            return random_affine(shift=self._side / 14)
        return random_shift(shift=self._side // 8, mirror=self.mirror)


@dataclasses.dataclass(frozen=True)
class _Layout:
    """The files of a folder at one moment.

    Attributes:
        files: of each class its image files.
        parts: of each part its classes.
        given: whether the folder says which part a class is in.
        stamps: of each file its class, its path, when it was last changed, and its size.
    """

    files: dict[str, tuple[Path, ...]] = dataclasses.field(compare=False)
    parts: dict[Part, tuple[str, ...]] = dataclasses.field(compare=False)
    given: bool = dataclasses.field(compare=False)
    stamps: tuple[tuple[str, str, int, int], ...]  # two layouts are the same if these are

    @property
    def all_files(self) -> list[Path]:
        return [file for files in self.files.values() for file in files]


def _layout(path: Path, seed: int) -> _Layout:
    whose = f"The folder {shown(path)}"
    found = folders_in(path)
    given = bool(found) and all(each.name.lower() in PART_NAMES for each in found)
    if given:
        of_part = {PART_NAMES[each.name.lower()]: each for each in found}
        missing = [part for part in PARTS if part not in of_part]
        if missing or len(found) > len(PARTS):
            raise TfmetaError(
                f"{shown(path)} holds {', '.join(each.name for each in found)}; expected train, validation and test,"
                " each with classes of its own. Or put the folders of all classes side by side, without parts."
            )
        folders = {part: folders_in(of_part[part]) for part in PARTS}
        parts = {part: tuple(each.name for each in folders[part]) for part in PARTS}
        check_parts(parts, whose)
        classes = [each for part in PARTS for each in folders[part]]
    else:
        classes = found
        parts = {
            part: tuple(names) for part, names in divide([each.name for each in found], seed, whose).items()
        }
    files = {each.name: _files_of(each) for each in classes}
    stamps = tuple(
        (name, str(file), *stamp_of(file)) for name, of_class in files.items() for file in of_class
    )
    return _Layout(files, parts, given, stamps)


def _files_of(folder: Path) -> tuple[Path, ...]:
    deeper = folders_in(folder)
    if deeper:
        raise TfmetaError(
            f"{shown(folder)} is the folder of a class, and holds the folder {deeper[0].name}; expected images only. If"
            f" the classes lie in it, name {shown(folder)} instead; otherwise move the images up or the folder away."
        )
    files = tuple(images_in(folder))
    if len(files) < 2:
        raise TfmetaError(
            f"{shown(folder)} holds {'one image' if files else 'no image'}; expected two at least: one to learn from,"
            " and one to ask about. Add images, or remove the folder."
        )
    return files


@functools.lru_cache(maxsize=4)
def _guessed(layout: _Layout) -> Reading:
    return guess_reading(layout.all_files)


@functools.lru_cache(maxsize=4)
def _usual_side(layout: _Layout) -> int:
    """The shorter side of most photographs, if that is between 28 and 84 pixels."""
    usual = int(np.median([min(size_of(file)) for file in layout.all_files]))
    return min(max(usual, _DRAWING_SIDE), _PHOTOGRAPH_SIDE)


@functools.lru_cache(maxsize=4)
def _pictures(layout: _Layout, side: int, reading: Reading) -> dict[str, np.ndarray]:
    read = read_pictures(layout.all_files, side, reading)
    ends = np.cumsum([len(files) for files in layout.files.values()])
    return dict(zip(layout.files, np.split(read, ends[:-1]), strict=True))
