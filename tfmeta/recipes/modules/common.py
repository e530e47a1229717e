"""Recipes of networks that answer questions, about pictures or about databases."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card, Result
from tfmeta.core.estimate import estimate
from tfmeta.core.export import Servable
from tfmeta.core.hub import LoadedModel
from tfmeta.modules.parse import SpacyParser
from tfmeta.modules.servable import module_servable
from tfmeta.recipes.recipe import Part, Recipe, Settings

__all__ = ["Q", "QuestionRecipe", "QuestionSettings", "spacy_parser"]


@dataclasses.dataclass(frozen=True)
class QuestionSettings(Settings):
    """The settings that every recipe of questions has.

    Attributes:
        choice: how a layout is chosen: ``"sampled"``, ``"expected"``, ``"marginal"`` or ``"first"``; see
            `tfmeta.modules.ModuleNetwork`.
        exploration: weight of keeping the choice open in training.
        completeness: by how many nats a candidate is likelier beforehand for each argument that it names.
        hidden: units of the modules' hidden layers.
        units: of the LSTM that reads the question.
        weight_decay: of all weights, relative to the learning rate, as in AdamW.
    """

    batch_size: int = 64
    choice: str = "sampled"
    exploration: float = 0.0
    completeness: float = 0.0
    hidden: int = 64
    units: int = 64
    weight_decay: float = 0.0


Q = TypeVar("Q", bound=QuestionSettings)


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuestionRecipe(Recipe[Q], Generic[Q]):
    """One published result of answering questions.

    Attributes:
        questions: ``(settings, part, start)`` gives batches of inputs, by name, and of right answers: for training
            without end, from batch number `start` on; for validation and test each question once.
        published: the number of the paper, and where it stands, for a setting.
        right: ``(y, answers)`` says of each question whether it is answered rightly, ``[B]``. A model that is
            saved with it must find it again, so it is one of Keras's or registered.
        reading: how candidates are made of a parse, as the arguments of `tfmeta.modules.layout_candidates`; the
            exported model says so, that it may be asked in the same way.
    """

    questions: Callable[[Q, Part, int], tf.data.Dataset]
    published: Callable[[Q], tuple[float | None, str]]
    right: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = keras.metrics.sparse_categorical_accuracy
    reading: Callable[[Q], dict[str, Any]] = lambda settings: {}

    test_tasks: ClassVar[int] = 10_000  # as many as there are
    of_a_step: ClassVar[str] = "question"

    def compile(self, learner: keras.Model, settings: Q) -> None:
        schedule = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, max(settings.steps, 1), alpha=0.01
        )
        learner.compile(
            optimizer=keras.optimizers.Adam(
                schedule, clipnorm=10.0, weight_decay=settings.weight_decay or None
            ),
            metrics=[keras.metrics.MeanMetricWrapper(self.right, name="accuracy")],
            steps_per_execution=settings.steps_per_execution,
        )

    def batches(self, settings: Q, part: Part, start: int = 0) -> tf.data.Dataset:
        return self.questions(settings, part, start)

    def measure(
        self, learner: Any, settings: Q, part: Part, *, tasks: int, folder: Path, verbose: int | str
    ) -> list[Result]:
        return [self.result(self.judge(learner, settings, part, tasks), settings)]

    def measure_model(
        self, model: LoadedModel, settings: Q, *, tasks: int, verbose: int | str
    ) -> list[Result]:
        def answer(inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
            found = model(**{name: value.numpy() for name, value in inputs.items()})
            return tf.concat(
                [found[name] for name in ("probabilities", "positions") if name in found], axis=-1
            )

        return [self.result(self._judged(answer, settings, "test", tasks), settings)]

    def judge(self, learner: keras.Model, settings: Q, part: Part, tasks: int | None = None) -> np.ndarray:
        """Says which questions a learner answers rightly.

        Args:
            learner: the learner.
            settings: say which questions there are.
            part: whose questions are asked.
            tasks: how many of them; all unless given.

        Returns:
            1 for each right answer and 0 for each wrong one, ``[tasks]``.
        """

        @tf.function
        def answer(inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
            found = learner(inputs, training=False)
            return found["answers"] if isinstance(found, Mapping) else found

        return self._judged(answer, settings, part, tasks)

    def servable(self, learner: Any, settings: Q, card: Card) -> Servable:
        return module_servable(
            learner, self.artefact(settings), example=self.example(settings), card=card,
            reading=self.reading(settings),
        )  # fmt: skip

    def example(self, settings: Q) -> dict[str, np.ndarray]:
        """Returns one training question, as a request to the exported model would hold it."""
        inputs, _ = next(iter(self.questions(settings, "train", 0)))
        return {name: value[:1].numpy() for name, value in inputs.items()}

    def result(self, right: np.ndarray, settings: Q) -> Result:
        """Writes down which questions were answered rightly, beside the published number."""
        found, (published, source) = estimate(right), self.published(settings)
        return Result(
            "accuracy", found.mean, found.ci95, found.tasks, self.setting(settings), published, source
        )

    def _judged(
        self, answer: Callable[[Any], tf.Tensor], settings: Q, part: Part, tasks: int | None
    ) -> np.ndarray:
        judged, count = [], 0
        for inputs, y in self.questions(settings, part, 0):
            judged.append(np.asarray(self.right(y, answer(inputs)), np.float64))
            count += len(judged[-1])
            if tasks and count >= tasks:
                break
        return np.concatenate(judged)[:tasks]


@functools.cache
def spacy_parser() -> SpacyParser:
    """Returns the parser of questions, which is loaded once in a process.

    Raises:
        TfmetaError: where spaCy or its model is missing.
    """
    return SpacyParser()
