"""SHAPES: is a red shape left of a circle? Answered by composed networks, and by one network for all questions."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.data.image_questions import ImageQuestions, drawn, in_order
from tfmeta.data.pairings import pairings
from tfmeta.data.shape_grid import Grids
from tfmeta.data.shape_world import ShapeWorld
from tfmeta.data.shapes import load_shapes, load_shapes_questions
from tfmeta.modules.layout import Layout, parse_layout
from tfmeta.recipes.modules.pictures import (
    COMPOSED,
    MONOLITHIC,
    PictureRecipe,
    PictureSettings,
    answers,
    kinds,
    layouts_of,
    with_programs,
)
from tfmeta.recipes.recipe import Part

__all__ = ["MONOLITHIC_SHAPES", "NMN_SHAPES"]

_DATA = {
    "given": "the 704 pairs of train_small and train_tiny as they are (640 images, 10 questions)",
    "paired": "their 640 images, each with any of the 212 questions for training, answers computed",
    "generated": "their 640 images and {} drawn by our own code, each with any of the 212 questions for training,"
    " answers computed",
}


@dataclasses.dataclass(frozen=True)
class ShapesSettings(PictureSettings):
    """Settings of a recipe on SHAPES.

    Attributes:
        data: what is learnt from: ``"given"``, ``"paired"`` or ``"generated"``; see the protocol.
        generated: images that are drawn by our own code.
        own: of a batch of generated data, how many questions are those of our own image world, about its images.
        own_pool: how many of those there are.
        balanced: draws as many pairs with each answer; otherwise every pair is as likely.
    """

    data: str = "generated"
    generated: int = 10_000
    own: int = 0
    own_pool: int = 5_000
    balanced: bool = False


def _questions(settings: ShapesSettings, part: Part, start: int) -> tf.data.Dataset:
    if settings.data not in _DATA:
        raise TfmetaError(f"data={settings.data!r}. {nearest(settings.data, _DATA)}")
    if part != "train":
        asked = load_shapes({"validation": "val", "test": "test"}[part])
        return with_programs(in_order(asked, 64, answers=answers(settings)), layouts_of(asked), settings)
    given = load_shapes("train_small")
    if settings.data == "given":
        given = given[np.r_[: len(given), : len(load_shapes("train_tiny"))]]  # train_tiny is its beginning
        batches = drawn(
            given, settings.batch_size, answers=answers(settings), seed=settings.seed, start=start
        )
        return with_programs(batches, layouts_of(given), settings)
    images, grids = given.images, given.grids
    if settings.data == "generated":
        ours, of_ours = ShapeWorld().images(range(settings.generated), seed=settings.seed)
        images, grids = np.concatenate([images, ours]), _joined(grids, of_ours)
    asked = load_shapes_questions("train")
    own = settings.own if settings.data == "generated" else 0
    batches = pairings(
        images, grids, asked, size=settings.batch_size - own, answers=answers(settings),
        balanced=settings.balanced, seed=settings.seed, start=start,
    )  # fmt: skip
    layouts = {question.text: question.layout for question in asked}
    if own:
        pool = _own(settings)
        layouts |= layouts_of(pool)
        others = drawn(pool, own, answers=answers(settings), seed=settings.seed, start=start)
        batches = tf.data.Dataset.zip(batches, others).map(_side_by_side, num_parallel_calls=1)
    return with_programs(batches, layouts, settings)


def _joined(first: Grids, second: Grids) -> Grids:
    pairs = ((getattr(grids, field.name) for grids in (first, second)) for field in dataclasses.fields(Grids))
    return Grids(*map(np.concatenate, map(tuple, pairs)))


def _own(settings: ShapesSettings) -> ImageQuestions:
    """Questions of our own image world, but for those of validation and test, in whatever words."""
    world = ShapeWorld(kinds=kinds(settings))
    pool = world.questions(range(settings.own_pool), seed=settings.seed)
    unseen = {
        _meaning(question.layout) for part in ("val", "test") for question in load_shapes_questions(part)
    }
    return pool[np.array([_meaning(layout) not in unseen for layout in pool.layouts.tolist()])]


def _meaning(layout: str) -> str:
    """A layout whose inputs of `and`, which have no order, are sorted."""

    def ordered(layout: Layout) -> Layout:
        return dataclasses.replace(layout, children=tuple(sorted(map(ordered, layout.children), key=str)))

    return str(ordered(parse_layout(layout)))


def _side_by_side(first: tuple, second: tuple) -> tuple:
    return tf.nest.map_structure(lambda a, b: tf.concat([a, b], axis=0), first, second)


def _protocol(settings: ShapesSettings) -> str:
    data = _DATA[settings.data].format(f"{settings.generated:,}")
    if settings.data == "generated" and settings.own:
        data += f"; {settings.own} of {settings.batch_size} questions are those of our own image world"
    if settings.start_from:
        data += f"; started from the modules of the run {settings.start_from}"
    chosen = "the first of the" if settings.choice == "first" else "chosen among"
    layouts = {
        "parsed": f"; layouts are {chosen} candidates made of each question's parse by spaCy",
        "given": "; layouts are the data set's own",
        "none": "",
    }[settings.layouts]
    return (
        f"trained on {data}{layouts}; the best epoch by the 1,024 pairs of val; tested on the 1,024 pairs of test,"
        " whose questions and images are neither in training nor in val"
    )


def _setting(settings: ShapesSettings) -> str:
    fixed = ", fixed layouts" if settings.layouts != "none" and settings.choice == "first" else ""
    return f"SHAPES test, data {settings.data}{fixed}"


_SHARED: dict[str, Any] = {
    "data": "SHAPES (Andreas et al. 2016): 640 of 13,568 training images, 1,024 of val and 1,024 of test",
    "questions": _questions,
    "setting": _setting,
    "protocol": _protocol,
}

NMN_SHAPES = PictureRecipe(
    name="nmn-shapes",
    summary="Answers questions about small pictures of coloured shapes, by a network composed for each question.",
    settings=ShapesSettings(learning_rate=1e-2),
    artefact=lambda settings: "nmn_shapes",
    published=lambda settings: (0.906, "NMN, Andreas et al. 2016, trained on 13,568 images"),
    **COMPOSED,
    **_SHARED,
)

MONOLITHIC_SHAPES = PictureRecipe(
    name="monolithic-shapes",
    summary="Answers questions about small pictures of coloured shapes, by one network for all questions.",
    settings=ShapesSettings(layouts="none", learning_rate=1e-3),
    artefact=lambda settings: "monolithic_shapes",
    published=lambda settings: (0.653, "VIS+LSTM, Andreas et al. 2016, trained on 13,568 images"),
    **MONOLITHIC,
    **_SHARED,
)
