"""Tasks: where the episodes, problems, questions or environments of a training come from."""

import dataclasses
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

from tfmeta.core.settings import Settings

__all__ = ["PARTS", "Part", "Tasks"]

Part = Literal["train", "validation", "test"]

PARTS: tuple[Part, ...] = ("train", "validation", "test")
"""The parts of a source of tasks; no class, world or problem is in two of them."""


@dataclasses.dataclass(frozen=True)
class Tasks(Settings, ABC):
    """A source of tasks. Its fields are settings, such as the way in which classes are divided.

    Each room adds what its methods ask for: `tfmeta.data.episode_tasks.EpisodeTasks` gives episodes, and so on.

    Attributes:
        items: what the tasks are about, in the plural, such as ``"handwritten characters"``; for summaries.
        licence: the terms under which the data may be used; empty where nothing is copied from anybody.
        fresh: whether tasks are drawn as they are needed. A test may then change their settings, since none of its
            tasks was seen in training.
    """

    items: ClassVar[str]
    licence: ClassVar[str] = ""
    fresh: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """What the tasks are called on the command line, and in the names of runs and models."""

    @property
    def registered(self) -> str:
        """The entry point that names the class; another one than `name` where a setting says what is read."""
        return self.name

    @property
    @abstractmethod
    def source(self) -> str:
        """What the data are, who made them, and how they are fetched: for the model card."""

    @property
    def variant(self) -> str:
        """What names of runs say beside `name`, such as the split; empty where there is nothing to tell apart."""
        return ""

    @property
    def words(self) -> str:
        """The tasks in words: their name, and the settings that are not the default. They identify a result."""
        default = {name: each.value for name, each in self.described().items()}
        return ", ".join([self.name, *(f"{name}={value}" for name, value in self.changed(default).items())])

    @property
    def folds(self) -> tuple[str, ...]:
        """The values of the setting ``held_out`` that a cross-validation goes through; empty where there is none."""
        return ()

    def fold(self, held_out: str) -> tuple["Tasks", Part]:
        """Returns the tasks of one fold, and the part that its learner is judged on; see `folds`."""
        raise NotImplementedError(f"{self.name} has no folds.")

    @abstractmethod
    def load(self, part: Part) -> None:
        """Reads what a part needs, once in a process, so that missing or broken data are reported at the start.

        Raises:
            TfmetaError: where data are missing or broken.
        """

    def facts(self) -> dict[str, Any]:
        """Returns what a user of the model must know of its items, for the model card: their shape, for example."""
        return {}

    def fingerprint(self) -> str:
        """Returns a hash of the training data, for the model card; empty for tasks that are drawn as needed."""
        return ""
