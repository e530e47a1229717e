"""An image world of our own: coloured shapes on a grid, with questions and answers, and nothing to download."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, check
from tfmeta.data.image_questions import ImageQuestions, numbered
from tfmeta.data.shape_drawing import DRAWS, draw_grids
from tfmeta.data.shape_grid import COLOURS, SHAPES, Grids, attend, judge
from tfmeta.data.shape_phrases import Phrase, ShapeQuestion, ask, draw_phrase
from tfmeta.data.shape_scenes import draw_scenes, shown

__all__ = ["ShapeWorld"]

_KINDS = ("exists", "describe", "measure")
_PARTS = ("train", "held_out")
_MOST = 4  # what is counted: more of a kind are rare on nine cells
_SCENES = 32  # drawn for a question, of which the first that fits is taken
_PATIENCE = 500  # questions drawn until one has a scene with the answer that is due


class _Item(NamedTuple):
    """One question; its scene, and the random numbers that the scene is drawn with."""

    question: ShapeQuestion
    answer: str
    scene: Grids
    draws: np.ndarray
    grain: np.ndarray


@dataclass(frozen=True)
class ShapeWorld:
    """Images of coloured shapes and questions about them; question ``i`` of seed ``s`` is a function of (s, i).

    ``exists`` asks "is there a red shape above a circle", ``describe`` "what color is the circle below the square",
    ``measure`` "how many red shapes are left of a square". A relation is to the adjacent cell. Every kind is as
    likely, and so is every answer of a kind: yes and no, each colour and each shape, 0 to 4. Scenes show what the
    question names more often than not, so that it takes composition to tell yes from no.

    With `held_out`, some colours are never seen on some shapes in training, and the part ``"held_out"`` asks about
    exactly those: whether there is a red circle, how many there are, what color the circle is that is red.

    Args:
        cells: along a side of the grid, n.
        side: of the images, in pixels; a multiple of `cells`.
        colours: names of `tfmeta.data.shape_grid.COLOURS`.
        shapes: names of `tfmeta.data.shape_grid.SHAPES`.
        kinds: of questions: ``"exists"``, ``"describe"``, ``"measure"``.
        relations: in a question, at most.
        style: ``"shapes"``, drawn as the data set SHAPES is, or ``"varied"``: shapes of more sizes and shades, off
            the middle of their cells, on a grainy background.
        occupied: how likely a cell holds a shape.
        held_out: colours with shapes that training never shows together, as ``[("red", "circle")]``.
        held_out_from: ``"images"``: training never shows one, and no question names the two together;
            ``"questions"``: images show them among the rest, but no question names the two together, and none is
            answered by describing one.

    Raises:
        ValueError: where a name is unknown, or the grid or the images have no room.

    Example:
        >>> world = ShapeWorld()
        >>> questions = world.questions(range(4), seed=1)
        >>> questions.images.shape
        (4, 30, 30, 3)
        >>> question = questions[0:1]
        >>> bool((judge(str(question.layouts[0]), question.grids) == question.answers).all())
        True
    """

    cells: int = 3
    side: int = 30
    colours: tuple[str, ...] = COLOURS[:3]
    shapes: tuple[str, ...] = SHAPES[:3]
    kinds: tuple[str, ...] = _KINDS
    relations: int = 2
    style: str = "shapes"
    occupied: float = 0.8
    held_out: tuple[tuple[str, str], ...] = ()
    held_out_from: str = "images"

    def __post_init__(self) -> None:
        for name, known in (("colours", COLOURS), ("shapes", SHAPES), ("kinds", _KINDS)):
            values = tuple(getattr(self, name))
            object.__setattr__(self, name, values)
            strange = [value for value in values if value not in known]
            check(bool(values) and not strange, f"{name}={values}; expected some of {', '.join(known)}.")
        pairs = tuple((colour, shape) for colour, shape in self.held_out)
        object.__setattr__(self, "held_out", pairs)
        for colour, shape in pairs:
            check(
                colour in self.colours and shape in self.shapes,
                f"held_out names {colour} {shape}; expected a colour of {', '.join(self.colours)}"
                f" and a shape of {', '.join(self.shapes)}.",
            )
        check(
            len(set(pairs)) < len(self.colours) * len(self.shapes),
            "held_out names every colour with every shape; nothing is left for training.",
        )
        check(
            self.held_out_from in ("images", "questions"),
            f"held_out_from={self.held_out_from!r}; expected 'images' or 'questions'.",
        )
        check(self.cells >= 2, f"cells={self.cells}; expected at least 2, or there are no relations.")
        check(0 < self.occupied < 1, f"occupied={self.occupied}; expected more than 0 and less than 1.")
        check(
            0 <= self.relations < self.cells,
            f"relations={self.relations} on {self.cells} cells; expected 0 to {self.cells - 1}.",
        )
        self.images([0])  # the drawing refuses what has no room

    @property
    def answers(self) -> tuple[str, ...]:
        """The vocabulary of answers; ``no`` and ``yes`` come first in every world."""
        counts = tuple(map(str, range(_MOST + 1))) if "measure" in self.kinds else ()
        names = (*self.colours, *self.shapes) if "describe" in self.kinds else ()
        return ("no", "yes", *names, *counts)

    def questions(self, numbers: Iterable[int], *, seed: int = 0, part: str = "train") -> ImageQuestions:
        """Makes the questions with the numbers, each about an image of its own.

        Args:
            numbers: M of them, from 0.
            seed: names the sequence of questions.
            part: ``"train"``, or ``"held_out"``: about the held-out colours with their shapes alone.

        Returns:
            Images ``[M, side, side, 3]`` with questions.

        Raises:
            ValueError: for an unknown part, or ``"held_out"`` where nothing is.
            TfmetaError: where the world is so poor that some answer never occurs.
        """
        check(part in _PARTS, f"part={part!r}; expected one of {', '.join(_PARTS)}.")
        check(part == "train" or bool(self.held_out), "part='held_out', but held_out is empty.")
        items = [self._item(int(number), seed, part) for number in numbers]
        check(bool(items), "numbers is empty; expected one at least.")
        scenes = _joined([item.scene for item in items])
        strokes = (np.stack([getattr(item, name) for item in items]) for name in ("draws", "grain"))
        return ImageQuestions(
            images=draw_grids(scenes, self.side, self.style, *strokes),
            questions=np.array([item.question.text for item in items]),
            layouts=np.array([item.question.layout for item in items]),
            answers=np.array([item.answer for item in items]),
            grids=scenes,
        )

    def images(self, numbers: Iterable[int], *, seed: int = 0) -> tuple[np.ndarray, Grids]:
        """Makes images without questions, whose cells do not depend on each other, as those of SHAPES are.

        Args:
            numbers: M of them, from 0.
            seed: names the sequence of images.

        Returns:
            float32 ``[M, side, side, 3]``, and what stands in their cells; `tfmeta.data.pairings.pairings` asks
            any question about them.
        """
        generators = [np.random.default_rng([seed, int(number), len(_PARTS)]) for number in numbers]
        scenes = _joined([self._scenes(random, 1) for random in generators])
        strokes = [self._strokes(random) for random in generators]
        return draw_grids(scenes, self.side, self.style, *map(np.stack, zip(*strokes, strict=True))), scenes

    def batches(self, size: int, *, seed: int = 0, start: int = 0, part: str = "train") -> tf.data.Dataset:
        """Makes batches of questions without end; batch ``i`` holds `size` of them from number ``i * size`` on.

        Args:
            size: questions of a batch, B.
            seed: names the sequence of questions.
            start: number of the first batch.
            part: as for `questions`.

        Returns:
            An infinite dataset of ``({"image": float32 [B, side, side, 3], "question": string [B], "layout": string
            [B]}, answer int32 [B])``; answers are places in `answers`.

        Raises:
            ValueError: for an empty batch.
        """
        check(size >= 1, f"size={size}; a batch holds at least 1 question.")

        def make(index: np.ndarray) -> tuple[np.ndarray, ...]:
            made = self.questions(range(index * size, (index + 1) * size), seed=seed, part=part)
            return made.images, made.questions, made.layouts, numbered(made.answers, self.answers)

        def batch(index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            image, question, layout, answer = tf.numpy_function(
                make, [index], [tf.float32, tf.string, tf.string, tf.int32], stateful=False
            )
            x = {
                "image": tf.ensure_shape(image, [size, self.side, self.side, 3]),
                "question": tf.ensure_shape(question, [size]),
                "layout": tf.ensure_shape(layout, [size]),
            }
            return x, tf.ensure_shape(answer, [size])

        return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(8)

    def _item(self, number: int, seed: int, part: str) -> _Item:
        random = np.random.default_rng([seed, number, _PARTS.index(part)])
        pair = self.held_out[random.integers(len(self.held_out))] if part == "held_out" else None
        about, answer = self._due(random, pair)
        one = about in ("color", "shape")  # of a single shape: there need not be more like it
        for _ in range(_PATIENCE):
            phrase = self._phrase(random, about, pair)
            named = [name for inner in phrase.phrases() for name in (inner.colour, inner.shape)]
            scenes = self._scenes(random, _SCENES, wanted=() if one else named, unseen=pair is None)
            question = ask(about, phrase, random)
            fits = judge(question.layout, scenes) == answer
            if one:
                fits &= _definite(phrase, scenes)
            if one and pair is None:
                fits &= ~(attend(phrase.layout(), scenes) & shown(scenes, self.held_out)).any((1, 2))
            if fits.any():
                return _Item(question, answer, scenes[fits.argmax()][None], *self._strokes(random))
        raise TfmetaError(
            f"No question was found in {_PATIENCE} attempts that asks for {about} and has the answer {answer!r};"
            " give the world more colours, shapes or cells, or fewer kinds of questions."
        )

    def _due(self, random: np.random.Generator, pair: tuple[str, str] | None) -> tuple[str, str]:
        """Draws what the question asks for, and its answer, before there is a question: so answers are balanced."""
        kind = self.kinds[random.integers(len(self.kinds))]
        if kind == "exists":
            return kind, ("no", "yes")[random.integers(2)]
        if kind == "measure":
            return "count", str(random.integers(_MOST + 1))
        which = random.integers(2)
        names = (self.colours, self.shapes)[which]
        return ("color", "shape")[which], pair[which] if pair else names[random.integers(len(names))]

    def _phrase(self, random: np.random.Generator, about: str, pair: tuple[str, str] | None) -> Phrase:
        noun = pair
        if about == "color":
            noun = "", pair[1] if pair else (*self.shapes, "shape")[random.integers(len(self.shapes) + 1)]
        elif about == "shape":
            noun = pair[0] if pair else self.colours[random.integers(len(self.colours))], "thing"
        return draw_phrase(
            random, colours=self.colours, shapes=self.shapes, relations=int(random.integers(self.relations + 1)),
            avoid=frozenset(self.held_out), noun=noun,
        )  # fmt: skip

    def _scenes(
        self, random: np.random.Generator, count: int, *, wanted: Collection[str] = (), unseen: bool = True
    ) -> Grids:
        return draw_scenes(
            random, count, cells=self.cells, colours=self.colours, shapes=self.shapes, occupied=self.occupied,
            wanted=wanted, avoid=self.held_out if unseen and self.held_out_from == "images" else (),
        )  # fmt: skip

    def _strokes(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The random numbers that one image is drawn with."""
        return random.random([self.cells, self.cells, DRAWS]), random.standard_normal([self.side, self.side])


def _definite(phrase: Phrase, scenes: Grids) -> np.ndarray:
    """Whether "the circle below the square" is one circle, and the square one square, in each scene."""
    nouns = [inner for inner in phrase.phrases() if inner.noun()]
    return np.all([attend(inner.layout(), scenes).sum((1, 2)) == 1 for inner in nouns], axis=0)


def _joined(scenes: Sequence[Grids]) -> Grids:
    return Grids(
        *(np.concatenate([getattr(scene, field.name) for scene in scenes]) for field in fields(Grids))
    )
