"""Questions about images, each with its layout and its answer, side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.data.shape_grid import Grids

__all__ = ["ImageQuestions", "drawn", "in_order", "numbered"]


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


def drawn(
    pool: ImageQuestions, size: int, *, answers: Sequence[str], seed: int = 0, start: int = 0
) -> tf.data.Dataset:
    """Draws batches from a pool of questions without end; batch ``i`` is a function of (seed, i).

    Args:
        pool: M questions, each as likely as the others.
        size: questions of a batch, B.
        answers: the vocabulary that answers are numbered by.
        seed: names the sequence of batches.
        start: number of the first batch.

    Returns:
        An infinite dataset of ``({"image": float32 [B, H, W, 3], "question": string [B], "layout": string [B]},
        answer int32 [B])``.

    Raises:
        ValueError: for an empty batch, or an answer that is not in the vocabulary.

    Example:
        >>> from tfmeta.data.shape_world import ShapeWorld
        >>> world = ShapeWorld(kinds=("exists",))
        >>> x, y = next(iter(drawn(world.questions(range(20)), 5, answers=world.answers)))
        >>> x["image"].shape, y.shape
        (TensorShape([5, 30, 30, 3]), TensorShape([5]))
    """
    check(size >= 1, f"size={size}; a batch holds at least 1 question.")
    x, y = _tensors(pool, answers)

    def batch(index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        chosen = tf.random.stateless_uniform(
            [size], tf.stack([tf.cast(seed, tf.int64), index]), maxval=len(pool), dtype=tf.int32
        )
        return {name: tf.gather(column, chosen) for name, column in x.items()}, tf.gather(y, chosen)

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)


def in_order(questions: ImageQuestions, size: int, *, answers: Sequence[str]) -> tf.data.Dataset:
    """Makes batches of all questions, each once, in their order; the last batch may be smaller.

    Args:
        questions: M of them.
        size: questions of a batch, B.
        answers: the vocabulary that answers are numbered by.

    Returns:
        A dataset as of `drawn`, which ends.

    Raises:
        ValueError: for an empty batch, or an answer that is not in the vocabulary.
    """
    check(size >= 1, f"size={size}; a batch holds at least 1 question.")
    return tf.data.Dataset.from_tensor_slices(_tensors(questions, answers)).batch(size).prefetch(4)


def _tensors(questions: ImageQuestions, answers: Sequence[str]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    x = {"image": questions.images, "question": questions.questions, "layout": questions.layouts}
    return {name: tf.constant(column) for name, column in x.items()}, tf.constant(
        numbered(questions.answers, answers)
    )
