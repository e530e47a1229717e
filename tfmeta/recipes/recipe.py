"""A recipe: everything that makes one published result, from data to learner."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.evaluate import TaskMean
from tfmeta.fewshot.learner import FewShotLearner

__all__ = ["Part", "Recipe", "Settings", "counted"]

Part = Literal["train", "validation", "test"]


def counted(count: int, noun: str) -> str:
    """Returns a count with its noun in the right number.

    Example:
        >>> counted(1, "step"), counted(3000, "step")
        ('1 step', '3,000 steps')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings that every episodic recipe has.

    Attributes:
        ways: classes of a training task.
        shots: support examples of each class.
        queries: query examples of each class.
        batch_size: tasks of a training step.
        steps: training steps, rounded up to whole epochs.
        epoch_steps: steps between two backups.
        steps_per_execution: steps that Keras runs in one go, for small networks.
        learning_rate: Adam's rate at the start; it falls to a hundredth along a half cosine.
        seed: of the initial weights and of the training tasks.
    """

    ways: int = 5
    shots: int = 1
    queries: int = 1
    batch_size: int = 1
    steps: int = 1000
    epoch_steps: int = 50
    steps_per_execution: int = 1
    learning_rate: float = 1e-3
    seed: int = 0

    @property
    def epochs(self) -> int:
        """Epochs of ``epoch_steps`` that hold ``steps``."""
        return -(-self.steps // self.epoch_steps)


S = TypeVar("S", bound=Settings)


@dataclasses.dataclass(frozen=True)
class Recipe(Generic[S]):
    """One published result.

    Attributes:
        name: what it is called on the command line.
        summary: what its model does, in a sentence.
        method: what the learner is called in the literature.
        paper: the publication.
        data: what it learns from.
        settings: the settings of the published result.
        learner: builds the learner, with fresh weights that depend on ``settings.seed`` alone.
        episodes: ``(settings, part, start)`` gives the batches of a part from number `start` on.
        loss: makes the loss of the queries.
        metric: makes the metric that results are reported in.
        artefact: names the exported model.
        setting: says what distinguishes a test, e.g. ``"5-way 1-shot, split alphabets"``.
        protocol: says how tasks are drawn for training and test.
        published: the published number for a test, if there is one, and its source.
        for_test: sets a trained learner up as it is tested and served.
        prepare: changes a fresh learner before its first step, knowing the folder that holds all runs.
    """

    name: str
    summary: str
    method: str
    paper: str
    data: str
    settings: S
    learner: Callable[[S], FewShotLearner]
    episodes: Callable[[S, Part, int], tf.data.Dataset]
    loss: Callable[[], keras.losses.Loss]
    metric: Callable[[], TaskMean]
    artefact: Callable[[S], str]
    setting: Callable[[S], str]
    protocol: Callable[[S], str]
    published: Callable[[S], tuple[float | None, str]]
    for_test: Callable[[FewShotLearner, S], FewShotLearner] = lambda learner, settings: learner
    prepare: Callable[[FewShotLearner, S, Path], None] = lambda learner, settings, runs: None

    def configure(self, **changes: Any) -> S:
        """Returns the recipe's settings with `changes`.

        Raises:
            TfmetaError: for a setting that the recipe does not have.
        """
        known = {field.name for field in dataclasses.fields(self.settings)}
        for name in set(changes) - known:
            raise TfmetaError(f"{self.name} has no setting {name!r}. {nearest(name, known)}")
        return dataclasses.replace(self.settings, **changes)

    def command(self, settings: S) -> str:
        """Returns the command that trains with `settings`."""
        default = dataclasses.asdict(self.settings)
        changed = {
            name: value for name, value in dataclasses.asdict(settings).items() if value != default[name]
        }
        options = [f"--set {name}={value}" for name, value in changed.items() if name not in _OPTIONS]
        options += [f"--{name} {changed[name]}" for name in _OPTIONS if name in changed]
        return " ".join(["tfmeta train", self.name, *options])

    def example(self, settings: S) -> dict[str, np.ndarray]:
        """Returns one validation task, as a request to the exported model would hold it."""
        inputs, _ = next(iter(self.episodes(settings, "validation", 0)))
        return {name: value[:1].numpy() for name, value in inputs.items()}


# Settings with an option of their own on the command line.
_OPTIONS = ("split", "ways", "shots", "steps", "seed")
