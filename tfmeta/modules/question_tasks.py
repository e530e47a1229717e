"""Tasks for networks that answer questions: what is asked about which worlds, and how questions become candidates."""

import dataclasses
import functools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.tasks import Part, Tasks
from tfmeta.modules.parse import DependencyParse, SpacyParser
from tfmeta.modules.set_crossentropy import same_set

__all__ = ["QuestionTasks", "QuestionWords", "WorldSizes", "parse_question"]


class QuestionWords(NamedTuple):
    """The words that a network tells apart; all others are one word to it.

    Attributes:
        arguments: of modules, such as ``"red"`` of ``find[red]``.
        of_questions: of the questions themselves.
    """

    arguments: tuple[str, ...]
    of_questions: tuple[str, ...]


class WorldSizes(NamedTuple):
    """The sizes of the worlds that are asked about; see `tfmeta.modules.ModuleNetwork`.

    Attributes:
        features: D, of a position.
        pairs: R, features of a pair of positions; 0 where there are none.
        positions: K, where every world has as many.
    """

    features: int
    pairs: int = 0
    positions: int | None = None


@dataclasses.dataclass(frozen=True)
class QuestionTasks(Tasks):
    """A source of questions. Each comes with the world that it is about, and with its right answer.

    A subclass in one file is an example in ``docs/modules.md``.

    The inputs are those of a `tfmeta.modules.ModuleNetwork`, with a ``mask`` where a model is exported. Answers are
    the numbers of labels ``[B]``; where an answer may be a set of positions, they are ones and zeros ``[B, A + K]``.

    Attributes:
        sets: whether an answer may be a set of positions.
        keeps_best: whether the weights of the epoch that answers validation questions best are kept.
    """

    sets: ClassVar[bool] = False
    keeps_best: ClassVar[bool] = True

    # What is asked

    @property
    @abstractmethod
    def answers(self) -> tuple[str, ...]:
        """The labels that a question may be answered with, in the order of their numbers."""

    @abstractmethod
    def drawn(self, *, size: int, seed: int, start: int = 0, composed: bool = True) -> tf.data.Dataset:
        """Draws batches of training questions without end; batch number ``i`` is a function of ``(seed, i)``.

        Args:
            size: questions of a batch.
            seed: names the sequence of batches.
            start: number of the first batch.
            composed: whether the inputs hold ``layouts``, the candidates of each question.

        Returns:
            Batches of inputs by name, and of right answers.
        """

    @abstractmethod
    def questions(self, part: Part, *, composed: bool = True) -> tf.data.Dataset:
        """Returns all questions of validation or of the test, each once, in batches as of `drawn`."""

    def tests(self, part: Part) -> tuple[Self, ...]:
        """Returns the tasks that a result is measured on: these, and any that are reported beside them."""
        return (self,)

    def example(self) -> dict[str, np.ndarray]:
        """Returns one question that is none of the test, as a request to an exported model would hold it."""
        inputs, _ = next(iter(self.questions("validation")))
        return {name: value[:1].numpy() for name, value in inputs.items()}

    def check(self) -> None:
        """Raises `TfmetaError` for settings that do not go together."""

    # What a network must know

    @property
    @abstractmethod
    def world(self) -> WorldSizes:
        """The sizes of the worlds."""

    @abstractmethod
    def question_words(self) -> QuestionWords:
        """Returns the words that a network tells apart."""

    @abstractmethod
    def reading(self) -> dict[str, Any]:
        """Returns how candidates are made of a parse: arguments of `tfmeta.modules.layout_candidates`."""

    def eyes(self, *, pairs: bool, seed: int) -> keras.Model | None:
        """Builds what looks at the inputs called ``image``, with fresh weights.

        Args:
            pairs: whether it says how positions lie to each other, too.
            seed: of its weights.

        Returns:
            A model from images to ``features [B, K, D]``, and ``pairs``; None where the inputs hold features.
        """
        return None

    @property
    def right(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """Says of right answers and a network's outputs which questions are answered rightly, ``[B]``."""
        return same_set if self.sets else keras.metrics.sparse_categorical_accuracy

    # What it is called

    @property
    def model_name(self) -> str:
        """What names of exported models say of the tasks."""
        return self.name

    def tested_as(self, *, fixed: bool) -> str:
        """Says what distinguishes a test; it identifies a result.

        Args:
            fixed: whether the first candidate is always taken.
        """
        return self.name

    @abstractmethod
    def protocol(self, *, size: int, chosen: str) -> str:
        """Says what is learned from, and what the test is.

        Args:
            size: questions of a training step.
            chosen: how the method takes a layout: ``"the first of the"`` candidates, or ``"chosen among"`` them; empty
                for a method without layouts.
        """


@functools.cache
def _parser() -> SpacyParser:
    return SpacyParser()


@functools.cache
def parse_question(question: str) -> DependencyParse:
    """Parses a question by spaCy, once in a process.

    Raises:
        TfmetaError: where spaCy or its model is missing.
    """
    return _parser()(question)
