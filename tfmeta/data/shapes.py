"""SHAPES: is a red shape left of a circle? 244 such questions, each about 64 small images of coloured shapes."""

import functools
import os
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfmeta.core.checks import TfmetaError, check
from tfmeta.data.image_questions import ImageQuestions
from tfmeta.data.shape_grid import COLOURS, SHAPES, Grids

__all__ = [
    "SPLITS",
    "ShapesQuestion",
    "load_shapes",
    "load_shapes_questions",
    "read_grids",
    "shapes_question",
]

SPLITS = ("train_tiny", "train_small", "val", "test")
"""The splits whose images are in the authors' repository; ``train_tiny`` is the first tenth of ``train_small``."""

_CELLS = 3
_BETWEEN_SIZES = 0.306  # of a cell is the radius: small shapes have 0.25 give or take a tenth, big ones 0.375
_ANSWERS = {"true": "yes", "false": "no"}
_WITH_QUESTIONS = {"train": "train_large", "val": "val", "test": "test"}


class ShapesQuestion(NamedTuple):
    """A question of SHAPES in its three forms.

    Attributes:
        query: the authors' own, such as ``(is red (left_of circle))``.
        text: English, ``is a red shape left of a circle``.
        layout: ``(exists (and find[red] (relate[left-of] find[circle])))``.
    """

    query: str
    text: str
    layout: str


def load_shapes(split: str, path: str | Path | None = None) -> ImageQuestions:
    """Loads the images of a split, with their questions and the stored answers.

    The stored images hold blue first and red last; here red is first. What stands in the cells is read from the
    pixels (see `read_grids`).

    Args:
        split: one of `SPLITS`.
        path: ``shapes.npz``, or a folder that holds it or the authors' own files (``test.input.npy``,
            ``test.query``, ``test.output``); without it, what the environment variable TFMETA_SHAPES names.

    Returns:
        Images ``[M, 30, 30, 3]`` with questions; the answers are ``yes`` and ``no`` for the stored ``true`` and
        ``false``.

    Raises:
        ValueError: for an unknown split.
        TfmetaError: where the data set is absent, or its files are not what they should be.

    Example:
        >>> test = load_shapes("test")  # doctest: +SKIP
        >>> test.questions[0], test.layouts[0], test.answers[0]  # doctest: +SKIP
        ('is a green shape right of a blue shape', '(exists (and find[green] (relate[right-of] find[blue])))', 'no')

    Reference:
        Andreas, Rohrbach, Darrell, Klein. "Neural Module Networks." CVPR, 2016.
    """
    check(split in SPLITS, f"split={split!r}; expected one of {', '.join(SPLITS)}.")
    images, queries, outputs = (_column(split, column, path) for column in ("images", "query", "output"))
    if images.shape != (len(queries), 30, 30, 3) or len(outputs) != len(queries):
        raise TfmetaError(
            f"SHAPES' split {split} holds images {images.shape}, {len(queries)} queries and {len(outputs)} answers;"
            " expected images [M, 30, 30, 3], and M of each."
        )
    rgb = images[..., ::-1].astype(np.float32) / 255.0
    questions = [shapes_question(str(query)) for query in queries]
    return ImageQuestions(
        images=rgb,
        questions=np.array([question.text for question in questions]),
        layouts=np.array([question.layout for question in questions]),
        answers=np.array([_ANSWERS[str(output)] for output in outputs]),
        grids=read_grids(rgb),
    )


def load_shapes_questions(part: str = "all", path: str | Path | None = None) -> list[ShapesQuestion]:
    """Loads the questions without images, sorted: the full training split has more of them than there are images for.

    Args:
        part: ``"train"`` (212), ``"val"`` (16), ``"test"`` (16), of which no two share one; or ``"all"`` (244).
        path: as for `load_shapes`.

    Returns:
        Each question once.

    Raises:
        ValueError: for an unknown part.
        TfmetaError: where the data set is absent.
    """
    check(
        part in (*_WITH_QUESTIONS, "all"),
        f"part={part!r}; expected one of {', '.join(_WITH_QUESTIONS)}, all.",
    )
    splits = _WITH_QUESTIONS.values() if part == "all" else [_WITH_QUESTIONS[part]]
    queries = {str(query) for split in splits for query in _column(split, "query", path)}
    return [shapes_question(query) for query in sorted(queries)]


@functools.lru_cache(maxsize=1024)
def shapes_question(query: str) -> ShapesQuestion:
    """Says what the authors' query asks, in English and as a layout.

    ``is`` asks whether something is both, so it becomes ``exists`` of ``and``; a colour or a shape becomes
    ``find``; a relation becomes ``relate`` above what follows it.

    Args:
        query: a colour or a shape, and a second one, which relations may stand before.

    Returns:
        The question in its three forms.

    Raises:
        TfmetaError: where it is no query of SHAPES.

    Example:
        >>> shapes_question("(is red (above (left_of square)))")
        ShapesQuestion(query='(is red (above (left_of square)))',
            text='is a red shape above left of a square',
            layout='(exists (and find[red] (relate[above] (relate[left-of] find[square]))))')
        >>> shapes_question("(is circle blue)").text
        'is a circle blue'
    """
    head, *words = query.replace("(", " ").replace(")", " ").split() or [""]
    relations, known = words[1:-1], (*COLOURS, *SHAPES)
    if head != "is" or len(words) < 2 or words[0] not in known or words[-1] not in known:
        raise TfmetaError(f"{query!r} is no query of SHAPES; expected one such as (is red (left_of circle)).")
    subject, reference = (
        f"a {word}" if word in SHAPES else f"a {word} shape" for word in (words[0], words[-1])
    )
    if not relations and words[-1] in COLOURS:
        reference = words[-1]
    text = " ".join(["is", subject, *(relation.replace("_", " ") for relation in relations), reference])
    layout = f"find[{words[-1]}]"
    for relation in reversed(relations):
        layout = f"(relate[{relation.replace('_', '-')}] {layout})"
    return ShapesQuestion(query, text, f"(exists (and find[{words[0]}] {layout}))")


def read_grids(images: np.ndarray, cells: int = _CELLS) -> Grids:
    """Reads from the pixels what stands in each cell of images drawn as those of SHAPES are.

    A shape lies within its cell, its strongest channel names its colour, and the strength of that channel is how
    much of a pixel the shape covers. A triangle has more below than above; a square fills the box around it, and a
    circle π / 4 of it. Its area tells its size.

    Args:
        images: float ``[M, H, W, 3]``, 0 to 1, of red, green and blue shapes on black.
        cells: along a side.

    Returns:
        What stands in the cells of the M images.

    Raises:
        ValueError: where the images do not divide into the cells.
    """
    check(
        images.ndim == 4 and images.shape[1] == images.shape[2] and images.shape[3] == 3,
        f"images have shape {list(images.shape)}; expected [M, H, H, 3].",
    )
    count, side = images.shape[:2]
    pixels = side // cells
    check(pixels * cells == side, f"images of {side} pixels do not divide into {cells} cells.")
    there = images.reshape(count, cells, pixels, cells, pixels, 3).swapaxes(
        2, 3
    )  # [M, n, n, pixels, pixels, 3]
    strongest = there.max((3, 4))  # [M, n, n, 3]
    occupied = strongest.max(-1) > 0.5
    covered = there.max(-1) / np.where(occupied, strongest.max(-1), 1.0)[..., None, None]

    area = covered.sum((3, 4))
    height, width = covered.max(4).sum(3), covered.max(3).sum(3)
    leaning = np.abs(covered - covered[..., ::-1, :]).sum((3, 4)) > 0.15 * area
    full = area > 0.9 * height * width
    shapes = np.where(leaning, SHAPES.index("triangle"), np.where(full, SHAPES.index("square"), 0))
    unit_area = np.array([np.pi, 4.0, 2.0])[shapes]  # of a shape of radius 1
    big = np.sqrt(area / unit_area) > _BETWEEN_SIZES * pixels

    def where_occupied(contents: np.ndarray) -> np.ndarray:
        return np.where(occupied, contents, -1).astype(np.int8)

    return Grids(where_occupied(strongest.argmax(-1)), where_occupied(shapes), where_occupied(big))


_HOW = (
    "Get the folder data/shapes of the authors' repository (github.com/jacobandreas/nmn2, branch shapes), and set"
    " TFMETA_SHAPES to it, or to a shapes.npz with arrays such as test_images, test_query and test_output."
)


def _column(split: str, column: str, path: str | Path | None) -> np.ndarray:
    """Reads the images, the queries or the answers of a split from wherever they are."""
    place = path or os.environ.get("TFMETA_SHAPES")
    if not place:
        raise TfmetaError(f"SHAPES was not found: no path was given, and TFMETA_SHAPES is not set. {_HOW}")
    place = Path(place).expanduser()
    archive = place / "shapes.npz" if place.is_dir() else place
    stem = split.replace("_", ".")  # as the authors name their files
    file = place / (f"{stem}.input.npy" if column == "images" else f"{stem}.{column}")
    try:
        if archive.is_file():
            with np.load(archive, allow_pickle=False) as arrays:
                return arrays[f"{split}_{column}"]
        if column == "images":
            return np.load(file, allow_pickle=False)
        return np.array(file.read_text(encoding="utf-8").split("\n")[:-1])
    except (FileNotFoundError, NotADirectoryError) as error:
        tried = f"{archive} and {file}" if place.is_dir() else str(place)
        raise TfmetaError(f"SHAPES was not found: tried {tried}. {_HOW}") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        read, reason = archive if archive.is_file() else file, str(error).strip("'\"")
        raise TfmetaError(f"SHAPES cannot be read from {read}: {reason}. {_HOW}") from error
