"""SHAPES as tasks: is a red shape left of a circle?"""

import dataclasses
import hashlib

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.data.image_questions import ImageQuestions, drawn, in_order
from tfmeta.data.pairings import pairings
from tfmeta.data.shape_grid import Grids
from tfmeta.data.shape_world import ShapeWorld
from tfmeta.data.shapes import load_shapes, load_shapes_questions
from tfmeta.modules.layout import Layout, parse_layout
from tfmeta.modules.picture_tasks import PictureTasks, layouts_of

__all__ = ["ShapesTasks"]

_DATA = {
    "given": "the 704 pairs of train_small and train_tiny as they are (640 images, 10 questions)",
    "paired": "their 640 images, each with any of the 212 questions for training, answers computed",
    "generated": "their 640 images and {} drawn by our own code, each with any of the 212 questions for training,"
    " answers computed",
}
_SPLITS = {"validation": "val", "test": "test"}


@dataclasses.dataclass(frozen=True)
class ShapesTasks(PictureTasks):
    """SHAPES: whether a picture of coloured shapes holds what a question asks for. All questions of a part are new.

    Reference:
        Andreas, Rohrbach, Darrell, Klein. "Neural Module Networks." CVPR, 2016.
    """

    name = "shapes"
    items = "small pictures of coloured shapes"
    licence = "Apache-2.0"
    source = "SHAPES (Andreas et al. 2016): 640 of 13,568 training images, 1,024 of val and 1,024 of test"

    data: str = setting(
        "generated",
        "what is learned from: given pairs of image and question; paired, any question about the given images;"
        " generated, about further images too",
        choices=tuple(_DATA),
    )
    generated: int = setting(10_000, "images that are drawn by our own code", least=0)
    own: int = setting(
        0, "of a batch of generated data, how many questions are those of our own image world", least=0
    )
    own_pool: int = setting(
        5_000, "questions of our own image world, each about an image of its own", least=1
    )
    balanced: bool = setting(False, "draws each answer equally often; otherwise every pair equally often")

    def drawn(self, *, size: int, seed: int, start: int = 0, composed: bool = True) -> tf.data.Dataset:
        given, answers = load_shapes("train_small"), self.answers
        if self.data == "given":
            given = given[
                np.r_[: len(given), : len(load_shapes("train_tiny"))]
            ]  # train_tiny is its beginning
            batches = drawn(given, size, answers=answers, seed=seed, start=start)
            return self.inputs(batches, layouts_of(given), composed=composed)
        images, grids = given.images, given.grids
        if self.data == "generated":
            ours, of_ours = ShapeWorld().images(range(self.generated), seed=seed)
            images, grids = np.concatenate([images, ours]), _joined(grids, of_ours)
        asked = load_shapes_questions("train")
        own = self.own if self.data == "generated" else 0
        if own >= size:
            raise TfmetaError(
                f"own={own}: a batch has {size} questions; expected fewer of our own image world."
            )
        batches = pairings(
            images, grids, asked, size=size - own, answers=answers, balanced=self.balanced, seed=seed, start=start
        )  # fmt: skip
        layouts = {question.text: question.layout for question in asked}
        if own:
            pool = self.own_questions(seed)
            layouts |= layouts_of(pool)
            others = drawn(pool, own, answers=answers, seed=seed, start=start)
            batches = tf.data.Dataset.zip(batches, others).map(_side_by_side, num_parallel_calls=1)
        return self.inputs(batches, layouts, composed=composed)

    def questions(self, part: Part, *, composed: bool = True) -> tf.data.Dataset:
        asked = load_shapes(_SPLITS[part])
        return self.inputs(in_order(asked, 64, answers=self.answers), layouts_of(asked), composed=composed)

    def own_questions(self, seed: int) -> ImageQuestions:
        """Draws questions of our own image world, except those of validation and test, in whatever words."""
        world = ShapeWorld(kinds=self.kinds_asked)
        pool = world.questions(range(self.own_pool), seed=seed)
        unseen = {
            _meaning(question.layout) for part in _SPLITS.values() for question in load_shapes_questions(part)
        }
        return pool[np.array([_meaning(layout) not in unseen for layout in pool.layouts.tolist()])]

    def load(self, part: Part) -> None:
        load_shapes({"train": "train_small", **_SPLITS}[part])

    def fingerprint(self) -> str:
        given = load_shapes("train_small")
        digest = hashlib.sha256(np.ascontiguousarray(given.images).data)
        digest.update("\0".join([*given.questions, *given.answers]).encode())
        digest.update("\0".join(question.text for question in load_shapes_questions("train")).encode())
        return digest.hexdigest()[:16]

    def tested_as(self, *, fixed: bool) -> str:
        return f"SHAPES test, data {self.data}{', fixed layouts' if fixed else ''}"

    def protocol(self, *, size: int, chosen: str) -> str:
        data = _DATA[self.data].format(f"{self.generated:,}")
        if self.data == "generated" and self.own:
            data += f"; {self.own} of {size} questions are those of our own image world"
        if not chosen:
            layouts = ""
        elif self.layouts == "given":
            layouts = "; layouts are the data set's own"
        else:
            layouts = f"; layouts are {chosen} candidates made of each question's parse by spaCy"
        return (
            f"trained on {data}{layouts}; the best epoch by the 1,024 pairs of val; tested on the 1,024 pairs of test,"
            " whose questions and images are neither in training nor in val"
        )


def _joined(first: Grids, second: Grids) -> Grids:
    pairs = ((getattr(grids, field.name) for grids in (first, second)) for field in dataclasses.fields(Grids))
    return Grids(*map(np.concatenate, map(tuple, pairs)))


def _meaning(layout: str) -> str:
    """Returns a layout whose inputs of `and`, which have no order, are sorted."""

    def ordered(layout: Layout) -> Layout:
        return dataclasses.replace(layout, children=tuple(sorted(map(ordered, layout.children), key=str)))

    return str(ordered(parse_layout(layout)))


def _side_by_side(first: tuple, second: tuple) -> tuple:
    return tf.nest.map_structure(lambda a, b: tf.concat([a, b], axis=0), first, second)
