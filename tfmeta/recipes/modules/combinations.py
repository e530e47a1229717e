"""Held-out combinations: who has seen red squares and green circles, but no red circle, is asked about red circles."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.data.image_questions import drawn, in_order
from tfmeta.data.shape_grid import COLOURS, SHAPES
from tfmeta.data.shape_world import ShapeWorld
from tfmeta.recipes.modules.pictures import (
    COMPOSED,
    MONOLITHIC,
    PictureRecipe,
    PictureSettings,
    kinds,
    layouts_of,
    with_programs,
)
from tfmeta.recipes.recipe import Part

__all__ = ["HELD_OUT", "MONOLITHIC_COMBINATIONS", "NMN_COMBINATIONS"]

HELD_OUT = tuple(
    tuple((colour, SHAPES[(place + turn) % 3]) for place, colour in enumerate(COLOURS[:3]))
    for turn in range(3)
)
"""Three sets of what training never shows: each colour is seen with two shapes, and each shape with two colours."""

_SEEDS = {"validation": 1_000_001, "test": 1_000_002}  # questions of a test are the same for everybody


@dataclasses.dataclass(frozen=True)
class CombinationSettings(PictureSettings):
    """Settings of a recipe of held-out combinations.

    Attributes:
        held_out: number of the set in `HELD_OUT`.
        pool: questions, each about an image of its own, that training draws from.
        asked: questions of validation and of test.
        unseen: whether the test asks about the held-out combinations, or about those of training.
    """

    apart: bool = True
    held_out: int = 0
    pool: int = 10_000
    asked: int = 2000
    unseen: bool = True


class CombinationRecipe(PictureRecipe):
    """A recipe that is tested on the held-out combinations, and on those of training beside them."""

    def measure(
        self, learner: keras.Model, settings: CombinationSettings, part: Part, *, tasks: int, folder: Path,
        verbose: int | str,
    ) -> list[Result]:  # fmt: skip
        both = [dataclasses.replace(settings, unseen=unseen) for unseen in (settings.unseen, False)]
        parts = both if part == "test" and settings.unseen else both[-1:]
        return [self.result(self.judge(learner, each, part, tasks), each) for each in parts]


def _questions(settings: CombinationSettings, part: Part, start: int) -> tf.data.Dataset:
    world = ShapeWorld(kinds=kinds(settings), held_out=_held_out(settings))
    if part == "train":
        pool = world.questions(range(settings.pool), seed=settings.seed)
        batches = drawn(pool, settings.batch_size, answers=world.answers, seed=settings.seed, start=start)
        return with_programs(batches, layouts_of(pool), settings)
    # Settings are chosen without a look at what is held out.
    which = "held_out" if part == "test" and settings.unseen else "train"
    asked = world.questions(range(settings.asked), seed=_SEEDS[part], part=which)
    return with_programs(in_order(asked, 64, answers=world.answers), layouts_of(asked), settings)


def _held_out(settings: CombinationSettings) -> tuple[tuple[str, str], ...]:
    if not 0 <= settings.held_out < len(HELD_OUT):
        raise TfmetaError(f"held_out={settings.held_out}; expected 0 to {len(HELD_OUT) - 1}.")
    return HELD_OUT[settings.held_out]


def _setting(settings: CombinationSettings) -> str:
    eyes = "" if settings.apart else ", eyes that mix colour and form"
    if not settings.unseen:
        return f"new images without {_named(settings)}{eyes}"
    return f"held out: {_named(settings)}{eyes}"


def _named(settings: CombinationSettings) -> str:
    return ", ".join(" ".join(pair) for pair in _held_out(settings))


def _protocol(settings: CombinationSettings) -> str:
    return (
        f"trained on {settings.pool:,} questions about images of which none shows a {_named(settings)}, and no question"
        " names one; the best epoch by questions of the same kind; tested on questions about exactly these, as many to"
        " be answered with yes as with no"
    )


_SHARED: dict[str, Any] = {
    "data": "images of coloured shapes and questions about them, drawn by our own code",
    "questions": _questions,
    "setting": _setting,
    "protocol": _protocol,
    "published": lambda settings: (None, ""),
}

NMN_COMBINATIONS = CombinationRecipe(
    name="nmn-combinations",
    summary="Answers questions about combinations of colour and shape that it has never seen together.",
    settings=CombinationSettings(choice="first", layouts="given", learning_rate=1e-2),
    artefact=lambda settings: "nmn_combinations",
    **COMPOSED,
    **_SHARED,
)

MONOLITHIC_COMBINATIONS = CombinationRecipe(
    name="monolithic-combinations",
    summary="Is asked about combinations of colour and shape that it has never seen together, and cannot compose them.",
    settings=CombinationSettings(layouts="none", learning_rate=1e-3),
    artefact=lambda settings: "monolithic_combinations",
    **MONOLITHIC,
    **_SHARED,
)
