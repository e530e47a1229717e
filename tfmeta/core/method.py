"""Methods: what is learned, from which tasks, and how it is measured and served."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import Servable
from tfmeta.core.hub import LoadedModel
from tfmeta.core.settings import Settings, setting
from tfmeta.core.tasks import Part, Tasks

__all__ = ["WEIGHTS_SUFFIX", "Method", "Training"]

WEIGHTS_SUFFIX = ".weights.h5"
"""How the `Method.learner_file` of a learner ends of which only the weights are kept."""


@dataclasses.dataclass(frozen=True)
class Training(Settings):
    """The settings that every training has."""

    batch_size: int = setting(1, "tasks of a training step", least=1)
    steps: int = setting(1000, "training steps, rounded up to whole epochs", least=0)
    epoch_steps: int = setting(50, "training steps between two backups", least=1)
    steps_per_execution: int = setting(1, "training steps that Keras runs in one call", least=1)
    learning_rate: float = setting(
        1e-3, "learning rate at the start; it falls to a hundredth along a half cosine"
    )
    seed: int = setting(0, "random seed of the initial weights and of the training tasks")
    start_from: str = setting(
        "", "name of a finished run in the same folder, whose weights this run starts from"
    )

    @property
    def epochs(self) -> int:
        """Epochs of `epoch_steps` that hold `steps`."""
        return -(-self.steps // self.epoch_steps)

    def changed_for_test(self, **changes: Any) -> dict[str, Any]:
        """Returns what a test means by changes, where a training has settings of its own for tests."""
        return changes

    def tested(self) -> dict[str, Any]:
        """Returns what the tests use, by the name of the setting, where 0 or nothing stands for a default."""
        return {}


T = TypeVar("T", bound=Tasks)
S = TypeVar("S", bound=Training)


@dataclasses.dataclass(frozen=True)
class Method(Settings, ABC, Generic[T, S]):
    """A way to learn. Its fields are the settings of its learner; it keeps no state.

    Attributes:
        name: what it is called on the command line.
        title: what it is called in the literature.
        paper: the publication.
        takes: the class of the tasks that it learns from.
        learner_file: what a run keeps: a whole Keras model, or its weights where it ends with ``.weights.h5``.
        test_tasks: how many tasks a result is the mean over, unless given.
        of_a_step: what `Training.batch_size` counts.
        finite_losses: whether a loss that is NaN or infinite ends the training. False for a learner that passes over
            such steps by itself.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]
    takes: ClassVar[type[Tasks]]
    learner_file: ClassVar[str] = "learner.keras"
    test_tasks: ClassVar[int] = 1000
    of_a_step: ClassVar[str] = "task"
    finite_losses: ClassVar[bool] = True

    # What it is

    @abstractmethod
    def training(self, tasks: T) -> S:
        """Returns the default training for these tasks, which fits their number of classes and examples."""

    @abstractmethod
    def summary(self, tasks: T) -> str:
        """Says in a sentence what a trained model does."""

    @abstractmethod
    def tested_as(self, tasks: T, training: S) -> str:
        """Says what distinguishes a test, such as ``"5-way 1-shot, split alphabets"``; it identifies a result."""

    @abstractmethod
    def protocol(self, tasks: T, training: S) -> str:
        """Says how tasks are drawn for training and test."""

    def artefact(self, tasks: T, training: S) -> str:
        """Names the exported model."""
        return f"{self.name}_{tasks.name}".replace("-", "_")

    def check(self, tasks: T, training: S) -> None:
        """Raises `TfmetaError` for settings that do not go together; the class of the tasks is checked before."""

    # What it learns

    @abstractmethod
    def learner(self, tasks: T, training: S) -> keras.Model:
        """Builds the learner, with fresh weights that depend on ``training.seed`` alone."""

    @abstractmethod
    def compile(self, learner: Any, tasks: T, training: S) -> None:
        """Compiles a fresh learner for its training."""

    @abstractmethod
    def batches(self, tasks: T, training: S, part: Part, start: int = 0) -> tf.data.Dataset:
        """Returns what the learner is fitted to or tested on, batch number `start` first."""

    def start_from(self, learner: Any, before: Any, training: S) -> None:
        """Takes over what a finished learner has learned, before the first step.

        Args:
            learner: the fresh learner, compiled.
            before: the learner of the run ``training.start_from``.
            training: of the fresh learner.

        Raises:
            TfmetaError: where this method cannot start from that learner.
        """
        raise TfmetaError(
            f"{self.title} starts from fresh weights; leave start_from={training.start_from} out."
        )

    def done(self, learner: Any) -> int:
        """Returns how many batches a learner has seen."""
        return int(learner.optimizer.iterations.numpy())

    def fit_options(self, tasks: T, training: S, folder: Path) -> dict[str, Any]:
        """Returns further arguments of ``fit``.

        The ``callbacks`` among them are called after the backup. An ``x`` takes the place of `batches`, for data that
        the training writes in the folder of its run.
        """
        return {}

    def weights_of(self, learner: Any) -> Sequence[keras.Variable]:
        """Returns the weights whose shapes tell learners of different settings apart."""
        return learner.weights

    # How it is measured and served

    @abstractmethod
    def measure(
        self, learner: Any, tasks: T, training: S, part: Part, *, count: int, folder: Path, verbose: int | str
    ) -> list[Result]:
        """Measures a trained learner.

        Args:
            learner: the trained learner.
            tasks: those of its run.
            training: that of its run, with what is changed for this test.
            part: ``"test"``, or ``"validation"``.
            count: how many tasks.
            folder: of the run, which may keep more than the results.
            verbose: whether to show progress.

        Returns:
            The result that was asked for, and any others that come with it. Published numbers are added later.
        """

    def measure_model(
        self, model: LoadedModel, tasks: T, training: S, *, count: int, verbose: int | str
    ) -> list[Result]:
        """Measures an exported model as it is served.

        Raises:
            TfmetaError: where models of this kind are only measured in the folders of their runs.
        """
        raise TfmetaError(
            f"A model by {self.title} is measured in the folder of its run: tfmeta evaluate RUN."
        )

    def judge(self, learner: Any, tasks: T, training: S, part: Part) -> np.ndarray:
        """Says of each item of a part whether it is answered rightly, ``[items]``; needed for cross-validation.

        Raises:
            TfmetaError: where there is nothing to be right or wrong.
        """
        raise TfmetaError(f"{self.title} is not measured item by item, so there is no cross-validation.")

    @abstractmethod
    def servable(self, learner: Any, tasks: T, training: S, card: Card) -> Servable:
        """Makes the exported signatures of a trained learner."""
