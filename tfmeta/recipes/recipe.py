"""A recipe: everything that makes one published result, from data to learner."""

import dataclasses
from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import keras
import tensorflow as tf

from tfmeta.core.evaluate import TaskMean
from tfmeta.fewshot.learner import FewShotLearner

__all__ = ["Part", "Recipe", "Settings"]

Part = Literal["train", "validation", "test"]


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
        learning_rate: Adam's rate at the start; it falls to a hundredth along a half cosine.
        seed: of the initial weights and of the training tasks.
    """

    ways: int = 5
    shots: int = 1
    queries: int = 1
    batch_size: int = 1
    steps: int = 1000
    epoch_steps: int = 50
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
        paper: the publication.
        settings: the settings of the published result.
        learner: builds the learner, with fresh weights that depend on ``settings.seed`` alone.
        episodes: ``(settings, part, start)`` gives the batches of a part from number `start` on.
        loss: names the loss of the queries.
        metric: makes the metric that results are reported in.
        artefact: ``settings`` to the name of the exported model.
    """

    name: str
    summary: str
    paper: str
    settings: S
    learner: Callable[[S], FewShotLearner]
    episodes: Callable[[S, Part, int], tf.data.Dataset]
    loss: Callable[[], keras.losses.Loss]
    metric: Callable[[], TaskMean]
    artefact: Callable[[S], str]
    data: str = ""
    protocol: Callable[[S], str] = lambda settings: ""

    def configure(self, **changes: Any) -> S:
        """Returns the recipe's settings with `changes`.

        Raises:
            ValueError: for a setting that the recipe does not have.
        """
        known = {field.name for field in dataclasses.fields(self.settings)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise ValueError(f"{self.name} has no setting {', '.join(unknown)}; it has {', '.join(sorted(known))}.")
        return dataclasses.replace(self.settings, **changes)
