"""Arrays of your own as tasks: items, and the class of each."""

import dataclasses
import functools
from typing import Any

import numpy as np

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.settings import setting
from tfmeta.core.tasks import PARTS, Part
from tfmeta.data.class_parts import check_parts, divide
from tfmeta.data.episode_tasks import Classes, ClassTasks, Reading

__all__ = ["ArrayTasks"]


@dataclasses.dataclass(frozen=True)
class ArrayTasks(ClassTasks):
    """Items in an array of your own, and the class of each item.

    Integers are scaled by the range of their type, 255 of uint8 to 1.0; floats are not scaled. Arrays are no settings:
    on a model card they are a fingerprint.

    Args:
        x: the items, ``[items, ...]``: images ``[items, H, W, C]``, or vectors ``[items, D]``.
        y: the class of each item, ``[items]``, integers or words.
        parts: the part of each item, ``[items]``: ``"train"``, ``"validation"`` or ``"test"``. All items of a class are
            of one part. Unless given, classes are divided by a seed.
        name: what the tasks are called in the names of runs and models.
        about: what the items are, in the plural, such as ``"letters"``; for summaries.
        reading: how an image file becomes such an item, for `tfmeta predict`; empty where it does not.
        split_seed: divides the classes.

    Example:
        >>> tasks = ArrayTasks(np.zeros([60, 28, 28, 1], np.uint8), np.repeat(list("abcdef"), 10), name="letters")
        >>> tasks.classes("train").names, tasks.sizes("test"), tasks.item_shape
        (('c', 'f'), (2, 10), (28, 28, 1))
        >>> tasks.values()
        {'split_seed': 0}
    """

    licence = "as stated by the owner of the arrays"

    x: Any = dataclasses.field(default=None, compare=False, repr=False)
    y: Any = dataclasses.field(default=None, compare=False, repr=False)
    parts: Any = dataclasses.field(default=None, compare=False, repr=False)
    name: str = "arrays"
    about: str = "items"
    reading: Reading = ""
    split_seed: int = setting(0, "seed that divides the classes, where their parts are not given", least=0)

    @property
    def items(self) -> str:  # type: ignore[override]
        """What the items are."""
        return self.about

    @property
    def variant(self) -> str:
        return f"seed{self.split_seed}" if self.split_seed else ""

    @property
    def source(self) -> str:
        divided = f"divided by the seed {self.split_seed}" if self.parts is None else "divided as given"
        return f"{len(self._arrays[0]):,} items of {len(self._by_class)} classes, given as arrays, {divided}"

    @property
    def item_shape(self) -> tuple[int, ...]:
        return self._arrays[0].shape[1:]

    def classes(self, part: Part) -> Classes:
        names = tuple(self._of_part[part])
        return Classes(names, [self._by_class[name] for name in names])

    @functools.cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        if self.x is None or self.y is None:
            raise TfmetaError("There are no items; give them as ArrayTasks(x, y).")
        x, y = np.asarray(self.x), np.asarray(self.y)
        if x.ndim < 2 or y.ndim != 1 or len(x) != len(y):
            raise TfmetaError(
                f"x has the shape {x.shape} and y {y.shape}; expected x [items, ...] and y [items], of as many items."
            )
        if y.dtype.kind not in "iuU" and not all(isinstance(each, str) for each in y):
            raise TfmetaError(f"y holds {y.dtype}; expected the class of each item, integers or words.")
        return x, y

    @functools.cached_property
    def _by_class(self) -> dict[str, np.ndarray]:
        x, y = self._arrays
        values, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
        lonely = [str(value) for value, count in zip(values, counts, strict=True) if count < 2]
        if lonely:
            raise TfmetaError(
                f"The class {lonely[0]!r} has one item; expected two at least: one to learn from, and one to ask about."
                " Add items, or leave the class out."
            )
        ordered = x[np.argsort(numbers, kind="stable")]
        items = np.split(ordered, np.cumsum(counts)[:-1])
        return {str(value): of_class for value, of_class in zip(values, items, strict=True)}

    @functools.cached_property
    def _of_part(self) -> dict[Part, list[str]]:
        if self.parts is None:
            return divide(list(self._by_class), self.split_seed, "y")
        y, parts = self._arrays[1], np.asarray(self.parts)
        if parts.shape != y.shape:
            raise TfmetaError(
                f"parts has the shape {parts.shape}; expected one word for each of {len(y)} items."
            )
        for word in np.unique(parts):
            if word not in PARTS:
                raise TfmetaError(f"parts holds {str(word)!r}. {nearest(str(word), PARTS)}")
        given: dict[Part, list[str]] = {
            part: [str(each) for each in np.unique(y[parts == part])] for part in PARTS
        }
        check_parts(given, "y")
        return given
