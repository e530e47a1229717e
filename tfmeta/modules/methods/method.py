"""What methods share that learn to answer questions."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.best import KeepBest
from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import estimate
from tfmeta.core.hub import LoadedModel
from tfmeta.core.method import Method, Training
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.modules.question_tasks import QuestionTasks

__all__ = ["QuestionMethod", "QuestionTraining"]

Answer = Callable[[Mapping[str, tf.Tensor]], Any]
"""Answers a batch of inputs by probabilities or scores, ``[B, A]`` or ``[B, A + K]``."""


@dataclasses.dataclass(frozen=True)
class QuestionTraining(Training):
    """The settings of a training on questions."""

    batch_size: int = setting(64, "questions of a training step", least=1)
    steps: int = setting(3000, "training steps, rounded up to whole epochs", least=0)
    epoch_steps: int = setting(
        100, "training steps between two backups, and between two validations", least=1
    )
    steps_per_execution: int = setting(10, "training steps that Keras runs in one call", least=1)
    weight_decay: float = setting(
        0.0, "decay of all weights, relative to the learning rate, as in AdamW", least=0
    )
    patience: int = setting(
        0, "epochs without a better loss on validation questions after which training ends; 0 for never", least=0
    )  # fmt: skip


T = TypeVar("T", bound=QuestionTasks)


@dataclasses.dataclass(frozen=True)
class QuestionMethod(Method[T, QuestionTraining], Generic[T]):
    """A method that learns to answer questions.

    Attributes:
        composed: whether it composes a network for each question, and so is given candidates.
        does: how a trained model answers, for summaries.
    """

    takes = QuestionTasks
    test_tasks = 10_000  # as many as there are
    of_a_step = "question"
    composed: ClassVar[bool]
    does: ClassVar[str]

    @property
    def chosen(self) -> str:
        """Says how a layout is taken of the candidates; empty where there are none."""
        return ""

    @property
    def fixed(self) -> bool:
        """Whether the first candidate is always taken."""
        return False

    def summary(self, tasks: T) -> str:
        return f"Answers questions about {tasks.items}, {self.does}."

    def tested_as(self, tasks: T, training: QuestionTraining) -> str:
        return tasks.tested_as(fixed=self.fixed)

    def protocol(self, tasks: T, training: QuestionTraining) -> str:
        return tasks.protocol(size=training.batch_size, chosen=self.chosen)

    def artefact(self, tasks: T, training: QuestionTraining) -> str:
        return f"{self.name}_{tasks.model_name}".replace("-", "_")

    def check(self, tasks: T, training: QuestionTraining) -> None:
        tasks.check()
        if training.patience and not tasks.keeps_best:
            raise TfmetaError(
                f"patience={training.patience}: {tasks.name} has no validation questions in training; leave it out."
            )

    def compile(self, learner: keras.Model, tasks: T, training: QuestionTraining) -> None:
        schedule = keras.optimizers.schedules.CosineDecay(
            training.learning_rate, max(training.steps, 1), alpha=0.01
        )
        learner.compile(
            optimizer=keras.optimizers.Adam(
                schedule, clipnorm=10.0, weight_decay=training.weight_decay or None
            ),
            metrics=[keras.metrics.MeanMetricWrapper(tasks.right, name="accuracy")],
            steps_per_execution=training.steps_per_execution,
        )

    def batches(self, tasks: T, training: QuestionTraining, part: Part, start: int = 0) -> tf.data.Dataset:
        if part != "train":
            return tasks.questions(part, composed=self.composed)
        return tasks.drawn(size=training.batch_size, seed=training.seed, start=start, composed=self.composed)

    def fit_options(self, tasks: T, training: QuestionTraining, folder: Path) -> dict[str, Any]:
        if not tasks.keeps_best:
            return {}
        best = KeepBest(folder / "best", "val_loss", training.patience)
        return {"validation_data": self.batches(tasks, training, "validation"), "callbacks": [best]}

    def measure(
        self, learner: Any, tasks: T, training: QuestionTraining, part: Part, *, count: int, folder: Path,
        verbose: int | str,
    ) -> list[Result]:  # fmt: skip
        return self._results(_answers_of(learner), tasks, training, part, count)

    def measure_model(
        self, model: LoadedModel, tasks: T, training: QuestionTraining, *, count: int, verbose: int | str
    ) -> list[Result]:
        def answer(inputs: Mapping[str, tf.Tensor]) -> np.ndarray:
            found = model(**{name: value.numpy() for name, value in inputs.items()})
            return np.concatenate(
                [found[name] for name in ("probabilities", "positions") if name in found], axis=-1
            )

        return self._results(answer, tasks, training, "test", count)

    def judge(self, learner: Any, tasks: T, training: QuestionTraining, part: Part) -> np.ndarray:
        return self._judged(_answers_of(learner), tasks, training, part)

    def _results(
        self, answer: Answer, tasks: T, training: QuestionTraining, part: Part, count: int
    ) -> list[Result]:
        results = []
        for test in tasks.tests(part):
            found = estimate(self._judged(answer, test, training, part, count))
            tested_as = self.tested_as(test, training)
            results.append(Result("accuracy", found.mean, found.ci95, found.tasks, tested_as))
        return results

    def _judged(
        self, answer: Answer, tasks: T, training: QuestionTraining, part: Part, count: int = 0
    ) -> np.ndarray:
        """Says of as many questions, or of all, which are answered rightly."""
        judged, done = [], 0
        for inputs, y in self.batches(tasks, training, part):
            judged.append(np.asarray(tasks.right(y, answer(inputs)), np.float64))
            done += len(judged[-1])
            if count and done >= count:
                break
        return np.concatenate(judged)[: count or None]


def _answers_of(learner: Any) -> Answer:
    @tf.function
    def answer(inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        found = learner(inputs, training=False)
        return found["answers"] if isinstance(found, Mapping) else found

    return answer
