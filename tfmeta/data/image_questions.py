"""Questions about images, each with its layout and its answer, side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tfmeta.core.checks import check
from tfmeta.data.shape_grid import Grids

__all__ = ["ImageQuestions", "numbered"]


@dataclass(frozen=True)
class ImageQuestions:
    """M questions, each about an image of its own.

    Args:
        images: float32 ``[M, H, W, 3]``, red, green and blue, 0 to 1.
        questions: English texts ``[M]``.
        layouts: texts ``[M]``: how the answer is composed, such as ``(exists (and find[red] find[circle]))``.
        answers: texts ``[M]``.
        grids: what really stands in the cells of each image.

    Raises:
        ValueError: where they are not equally many.
    """

    images: np.ndarray
    questions: np.ndarray
    layouts: np.ndarray
    answers: np.ndarray
    grids: Grids

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        check(
            len(set(lengths.values())) == 1,
            f"{lengths}; expected one of each for every question.",
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: Any) -> "ImageQuestions":
        """Picks questions by a slice, their numbers or a mask."""
        return ImageQuestions(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def in_batches(self, size: int) -> Iterator["ImageQuestions"]:
        """Yields all questions in their order, `size` at a time; the last batch may be smaller."""
        check(size >= 1, f"size={size}; a batch holds at least 1 question.")
        for first in range(0, len(self), size):
            yield self[first : first + size]


def numbered(answers: np.ndarray, vocabulary: Sequence[str]) -> np.ndarray:
    """Turns answers into their places in a vocabulary.

    Args:
        answers: texts of any shape.
        vocabulary: every answer that may come, each once.

    Returns:
        int32, of the same shape.

    Raises:
        ValueError: where an answer is not in the vocabulary.

    Example:
        >>> numbered(np.array(["yes", "no", "yes"]), ["no", "yes"])
        array([1, 0, 1], dtype=int32)
    """
    places = {answer: place for place, answer in enumerate(vocabulary)}
    strange = sorted({str(answer) for answer in answers.flat} - places.keys())
    check(
        not strange, f"answers hold {', '.join(map(repr, strange))}; expected {', '.join(vocabulary)} only."
    )
    return np.array([places[str(answer)] for answer in answers.flat], np.int32).reshape(answers.shape)
