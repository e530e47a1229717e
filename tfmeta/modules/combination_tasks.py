"""Held-out combinations: a network that has seen red squares and green circles is asked about red circles."""

import dataclasses
from typing import Self

import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.data.image_questions import drawn, in_order
from tfmeta.data.shape_grid import COLOURS, SHAPES
from tfmeta.data.shape_world import ShapeWorld
from tfmeta.modules.picture_tasks import PictureTasks, layouts_of

__all__ = ["HELD_OUT", "CombinationTasks"]

HELD_OUT = tuple(
    tuple((colour, SHAPES[(place + turn) % 3]) for place, colour in enumerate(COLOURS[:3]))
    for turn in range(3)
)
"""Three sets of combinations. Without one of them, each colour has two shapes, and each shape two colours."""

_SEEDS = {"validation": 1_000_001, "test": 1_000_002}  # questions of a test are the same for everybody


@dataclasses.dataclass(frozen=True)
class CombinationTasks(PictureTasks):
    """Pictures and questions of our own image world. Training shows no combination that is held out, and names none.

    The test asks about the held-out combinations, and beside that about those of training. Validation asks about those
    of training only, so that settings are chosen without a look at what is held out.

    Example:
        >>> CombinationTasks(held_out=1).tested_as(fixed=True)
        'held out: red square, green triangle, blue circle'
    """

    name = "combinations"
    items = "combinations of colour and shape that it has never seen together"
    source = "images of coloured shapes and questions about them, drawn by our own code"

    apart: bool = setting(True, "whether colours and forms are looked for apart")
    held_out: int = setting(
        0, f"number of the set of combinations that is held out, 0 to {len(HELD_OUT) - 1}", least=0
    )
    pool: int = setting(
        10_000, "questions, each about an image of its own, that training draws from", least=1
    )
    asked: int = setting(2000, "questions of validation and of test", least=1)
    unseen: bool = setting(True, "whether the test asks about the held-out combinations, too")

    def check(self) -> None:
        super().check()
        if self.held_out >= len(HELD_OUT):
            raise TfmetaError(f"held_out={self.held_out}; expected 0 to {len(HELD_OUT) - 1}.")

    @property
    def _shapes(self) -> ShapeWorld:
        return ShapeWorld(kinds=self.kinds_asked, held_out=HELD_OUT[self.held_out])

    def drawn(self, *, size: int, seed: int, start: int = 0, composed: bool = True) -> tf.data.Dataset:
        pool = self._shapes.questions(range(self.pool), seed=seed)
        batches = drawn(pool, size, answers=self.answers, seed=seed, start=start)
        return self.inputs(batches, layouts_of(pool), composed=composed)

    def questions(self, part: Part, *, composed: bool = True) -> tf.data.Dataset:
        which = "held_out" if part == "test" and self.unseen else "train"
        asked = self._shapes.questions(range(self.asked), seed=_SEEDS[part], part=which)
        return self.inputs(in_order(asked, 64, answers=self.answers), layouts_of(asked), composed=composed)

    def tests(self, part: Part) -> tuple[Self, ...]:
        seen = dataclasses.replace(self, unseen=False)
        return (self, seen) if part == "test" and self.unseen else (seen,)

    def load(self, part: Part) -> None:
        """Nothing is read: pictures are drawn."""

    def tested_as(self, *, fixed: bool) -> str:
        which = "held out:" if self.unseen else "new images without"
        eyes = "" if self.apart else ", eyes that mix colour and form"
        return f"{which} {self._named}{eyes}"

    def protocol(self, *, size: int, chosen: str) -> str:
        return (
            f"trained on {self.pool:,} questions about images of which none shows a {self._named}, and no question"
            " names one; the best epoch by questions of the same kind; tested on questions about exactly these, as many"
            " to be answered with yes as with no"
        )

    @property
    def _named(self) -> str:
        return ", ".join(" ".join(pair) for pair in HELD_OUT[self.held_out])
