"""VQA: free questions about photographs, each answered by ten people; in the files that visualqa.org offers."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, check

__all__ = [
    "VqaQuestion",
    "answer_vocabulary",
    "consensus_accuracy",
    "load_vqa",
    "plain_answer",
    "vqa_batches",
]

_HOW = "Get questions, annotations and images from visualqa.org/download.html, and unpack them."
_ARTICLES = frozenset(["a", "an", "the"])
_NUMBERS = {
    "none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip


class VqaQuestion(NamedTuple):
    """A question about an image.

    Attributes:
        question_id: its number in the data set.
        image_id: that of its image.
        question: English.
        answers: what people said, plain (see `plain_answer`); empty where the answers are not published.
    """

    question_id: int
    image_id: int
    question: str
    answers: tuple[str, ...]

    @property
    def answer(self) -> str:
        """What most people said; of equally many, what was said first. Empty where the answers are not published."""
        return Counter(self.answers).most_common(1)[0][0] if self.answers else ""


def load_vqa(questions: str | Path, annotations: str | Path | None = None) -> list[VqaQuestion]:
    """Loads a split of VQA, version 1 or 2.

    Args:
        questions: a file such as ``v2_OpenEnded_mscoco_train2014_questions.json``.
        annotations: a file such as ``v2_mscoco_train2014_annotations.json``; None for a test split, whose answers
            are not published.

    Returns:
        The questions in the order of the file.

    Raises:
        TfmetaError: where a file is absent, is not what it should be, or lacks the answers of a question.

    Example:
        >>> load_vqa("questions.json", "annotations.json")[0]  # doctest: +SKIP
        VqaQuestion(question_id=458752000, image_id=458752, question='What is this photo taken looking through?',
            answers=('net', 'net', 'net', ...))

    Reference:
        Antol, Agrawal, Lu, Mitchell, Batra, Zitnick, Parikh. "VQA: Visual Question Answering." ICCV, 2015.
    """
    said: dict[int, tuple[str, ...]] = {}
    if annotations is not None:
        for entry in _entries(annotations, "annotations", ("question_id", "answers")):
            said[entry["question_id"]] = tuple(plain_answer(given["answer"]) for given in entry["answers"])
    loaded = []
    for entry in _entries(questions, "questions", ("question_id", "image_id", "question")):
        number = entry["question_id"]
        if annotations is not None and number not in said:
            raise TfmetaError(
                f"{annotations} has no answers to question {number} of {questions}; are both of one split?"
            )
        loaded.append(VqaQuestion(number, entry["image_id"], entry["question"], said.get(number, ())))
    return loaded


def plain_answer(answer: str) -> str:
    """Spells an answer as it is compared: lower case, no articles and no punctuation, small numbers in digits.

    Contractions are not put right, as they are by the official script; that changes hardly any answer.

    Example:
        >>> plain_answer(" The Two dogs. "), plain_answer("3.5"), plain_answer("left-hand")
        ('2 dogs', '3.5', 'left hand')
    """
    text = re.sub(r"(?<!\d)[.](?!\d)|[^\w\s.':$%]", " ", answer.lower())
    words = (_NUMBERS.get(word, word) for word in text.replace("_", " ").split() if word not in _ARTICLES)
    return " ".join(words)


def answer_vocabulary(questions: Iterable[VqaQuestion], size: int = 1000) -> tuple[str, ...]:
    """Lists the answers that are most often what most people said; of equally frequent ones, by the alphabet.

    Args:
        questions: of the training split.
        size: of the vocabulary, at most.

    Returns:
        Answers, the most frequent first.
    """
    check(size >= 1, f"size={size}; a vocabulary holds at least 1 answer.")
    counts = Counter(question.answer for question in questions if question.answers)
    return tuple(sorted(counts, key=lambda answer: (-counts[answer], answer))[:size])


def consensus_accuracy(answer: str, given: Sequence[str]) -> float:
    """Returns how right an answer is: fully if three people said so, ``min(n / 3, 1)`` if n did.

    The official script takes the mean of this over all choices of nine of the ten people.

    Args:
        answer: the one to be judged, in any spelling.
        given: what people said, plain.

    Example:
        >>> consensus_accuracy("Yes", ["yes", "no", "yes", "no", "no"])
        0.6666666666666666
    """
    return min(given.count(plain_answer(answer)) / 3, 1.0)


def vqa_batches(
    questions: Sequence[VqaQuestion],
    features: Mapping[int, np.ndarray],
    answers: Sequence[str],
    size: int,
    *,
    seed: int = 0,
    start: int = 0,
) -> tf.data.Dataset:
    """Draws batches of questions for training without end; batch ``i`` is a function of (seed, i).

    Questions whose answer, that of most people, is not in the vocabulary are left out.

    Args:
        questions: with answers.
        features: of the image with a number, ``[K, D]``, as of `tfmeta.data.vqa_features.image_features`.
        answers: the vocabulary.
        size: questions of a batch, B.
        seed: names the sequence of batches.
        start: number of the first batch.

    Returns:
        An infinite dataset of ``({"question": string [B], "features": float32 [B, K, D]}, answer int32 [B])``.

    Raises:
        ValueError: for an empty batch, or where no question has an answer of the vocabulary.
    """
    check(size >= 1, f"size={size}; a batch holds at least 1 question.")
    places = {answer: place for place, answer in enumerate(answers)}
    asked = [question for question in questions if question.answer in places]
    check(bool(asked), f"None of {len(questions)} questions has an answer of the vocabulary.")
    texts = tf.constant([question.question for question in asked])
    images = tf.constant([question.image_id for question in asked], tf.int64)
    right = tf.constant([places[question.answer] for question in asked], tf.int32)
    shape = features[asked[0].image_id].shape

    def look(numbers: np.ndarray) -> np.ndarray:
        return np.stack([features[int(number)] for number in numbers]).astype(np.float32)

    def batch(index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        chosen = tf.random.stateless_uniform(
            [size], [tf.cast(seed, tf.int64), index], maxval=len(asked), dtype=tf.int32
        )
        seen = tf.numpy_function(look, [tf.gather(images, chosen)], tf.float32, stateful=False)
        x = {"question": tf.gather(texts, chosen), "features": tf.ensure_shape(seen, [size, *shape])}
        return x, tf.gather(right, chosen)

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)


def _entries(file: str | Path, name: str, needed: Sequence[str]) -> list[dict[str, Any]]:
    """Reads the list that a file of the data set holds under a name."""
    try:
        content = json.loads(Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TfmetaError(f"VQA was not found: there is no file {file}. {_HOW}") from error
    except (OSError, ValueError) as error:
        raise TfmetaError(f"{file} cannot be read as JSON: {error}. {_HOW}") from error
    entries = content.get(name) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise TfmetaError(f"{file} holds no list of {name}; expected a file of VQA's {name}.")
    for entry in entries:
        missing = [key for key in needed if key not in entry]
        if missing:
            raise TfmetaError(f"{file}: an entry of its {name} lacks {', '.join(missing)}.")
    return entries
