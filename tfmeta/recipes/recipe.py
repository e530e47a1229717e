"""A recipe: everything that makes one published result, from data to a served model."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

import keras
import tensorflow as tf

from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.export import Servable
from tfmeta.core.hub import LoadedModel

__all__ = ["Part", "Recipe", "S", "Settings", "counted"]

Part = Literal["train", "validation", "test"]


def counted(count: int, noun: str) -> str:
    """Returns a count with its noun in the right number.

    Example:
        >>> counted(1, "step"), counted(3000, "step")
        ('1 step', '3,000 steps')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


_WEIGHTS = ".weights.h5"


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings that every recipe has.

    Attributes:
        batch_size: tasks (or problems, or questions) of a training step.
        steps: training steps, rounded up to whole epochs.
        epoch_steps: steps between two backups.
        steps_per_execution: steps that Keras runs in one go, for small networks.
        learning_rate: Adam's rate at the start; it falls to a hundredth along a half cosine.
        seed: of the initial weights and of the training tasks.
    """

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(ABC, Generic[S]):
    """One published result. Its fields say what it is, and its methods what its kind of model does.

    Attributes:
        name: what it is called on the command line.
        summary: what its model does, in a sentence.
        method: what the learner is called in the literature.
        paper: the publication.
        data: what it learns from.
        settings: the settings of the published result.
        learner: builds the learner, with fresh weights that depend on ``settings.seed`` alone.
        artefact: names the exported model.
        setting: says what distinguishes a test, e.g. ``"5-way 1-shot, split alphabets"``.
        protocol: says how tasks are drawn for training and test.
    """

    name: str
    summary: str
    method: str
    paper: str
    data: str
    settings: S
    learner: Callable[[S], keras.Model]
    artefact: Callable[[S], str]
    setting: Callable[[S], str]
    protocol: Callable[[S], str]

    learner_file: ClassVar[str] = "learner.keras"
    """What `save` writes in the folder of a run."""
    test_tasks: ClassVar[int] = 1000
    """What a result is the mean over, unless told otherwise."""
    of_a_step: ClassVar[str] = "task"
    """What ``settings.batch_size`` counts."""

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

    @abstractmethod
    def compile(self, learner: keras.Model, settings: S) -> None:
        """Compiles a fresh learner for its training."""

    @abstractmethod
    def batches(self, settings: S, part: Part, start: int = 0) -> tf.data.Dataset:
        """Returns what the learner is fitted to or tested on, batch number `start` first."""

    def load_data(self, settings: S, part: Part) -> None:
        """Reads what a part needs, once, so that what is missing is told before anything is begun."""
        self.batches(settings, part)

    @abstractmethod
    def measure(
        self, learner: Any, settings: S, part: Part, *, tasks: int, folder: Path, verbose: int | str
    ) -> list[Result]:
        """Measures a trained learner.

        Args:
            learner: what `load` returned.
            settings: those of its run, with what is changed for this test.
            part: ``"test"``, or ``"validation"``.
            tasks: how many tasks.
            folder: of the run, which may keep more than the results.
            verbose: whether to show progress.

        Returns:
            The result that was asked for, and any others that came with it.
        """

    @abstractmethod
    def servable(self, learner: Any, settings: S, card: Card) -> Servable:
        """Makes of a trained learner what is exported."""

    def begin(self, learner: keras.Model, settings: S, runs: Path) -> None:
        """Changes a fresh learner before its first step, knowing the folder that holds all runs."""

    def done(self, learner: keras.Model) -> int:
        """Returns how many batches a learner has seen."""
        return int(learner.optimizer.iterations.numpy())

    def fit_options(self, settings: S, folder: Path) -> dict[str, Any]:
        """Returns further arguments of ``fit``; ``callbacks`` come after the backup's."""
        return {}

    def save(self, learner: keras.Model, file: Path) -> None:
        """Writes a trained learner to a file: whole, or its weights alone where `learner_file` says so."""
        if file.name.endswith(_WEIGHTS):
            learner.save_weights(file)
        else:
            learner.save(file)

    def load(self, file: Path, settings: S) -> Any:
        """Reads what `save` wrote."""
        if not file.name.endswith(_WEIGHTS):
            return keras.saving.load_model(file)
        learner = self.learner(settings)
        learner.load_weights(file)
        return learner

    def weights_of(self, learner: Any) -> Sequence[keras.Variable]:
        """Returns the weights whose shapes tell learners of different settings apart."""
        return learner.weights

    def measure_model(
        self, model: LoadedModel, settings: S, *, tasks: int, verbose: int | str
    ) -> list[Result]:
        """Measures an exported model as it is served.

        Raises:
            TfmetaError: where models of this kind are only measured in the folders of their runs.
        """
        raise TfmetaError(
            f"Models of {self.name} are measured in the folder of their run: `tfmeta evaluate {self.name}`."
        )


# Settings with an option of their own on the command line.
_OPTIONS = ("split", "ways", "shots", "arms", "pulls", "agent", "steps", "seed")
