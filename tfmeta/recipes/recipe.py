"""A recipe: tasks, a method and a training, which together make a result, from data to a served model."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self, TypeVar

import keras

from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.method import Method, Training
from tfmeta.core.published import Published
from tfmeta.core.settings import Setting, Settings
from tfmeta.core.tasks import Tasks

__all__ = ["Recipe"]

P = TypeVar("P", bound=Settings)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Tasks × method × training. The settings of all three are known by their names alone.

    Attributes:
        name: what it is called on the command line; ``<method>-<tasks>`` unless a published result has its own.
        tasks: what is learned from.
        method: what learns, and how.
        training: how long, with which episodes or problems, and how it is tested.
        published: the published numbers that results are shown beside.

    Raises:
        TfmetaError: where the method does not take such tasks.

    Example:
        >>> from tfmeta.recipes.registry import find_recipe
        >>> recipe = find_recipe("maml-sinusoid").configure(steps=2000, inner_steps=5)
        >>> recipe.training.steps, recipe.method.inner_steps
        (2000, 5)
    """

    name: str
    tasks: Tasks
    method: Method
    training: Training
    published: tuple[Published, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.tasks, self.method.takes):
            raise TfmetaError(
                f"{self.method.name} learns from {self.method.takes.__name__}, but {self.tasks.name} are"
                f" {type(self.tasks).__name__}; `tfmeta list` shows what goes together."
            )
        names = [name for part in self._parts() for name in part.values()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise TfmetaError(
                f"{self.name}: {', '.join(twice)} is a setting of two of {type(self.tasks).__name__},"
                f" {type(self.method).__name__} and {type(self.training).__name__}; rename one."
            )

    def _parts(self) -> tuple[Settings, Settings, Settings]:
        return self.tasks, self.method, self.training

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by name."""
        return {name: value for part in self._parts() for name, value in part.values().items()}

    def described(self) -> dict[str, Setting]:
        """Returns all settings with their help, and their values here as defaults."""
        return {
            name: dataclasses.replace(setting, value=part.values()[name])
            for part in self._parts()
            for name, setting in part.described().items()
        }

    def before(self) -> dict[str, Any]:
        """Returns the default of each setting in its class: what a run was made with that does not name it yet."""
        return {name: each.value for part in self._parts() for name, each in part.described().items()}

    def configure(self, **changes: Any) -> Self:
        """Returns the recipe with some settings changed.

        Raises:
            TfmetaError: for a setting that the recipe does not have, or a value that it cannot have.
        """
        unknown = sorted(set(changes) - set(self.settings))
        if unknown:
            raise TfmetaError(
                f"{self.name} has no setting {unknown[0]!r}. {nearest(unknown[0], self.settings)}"
            )
        tasks = _replaced(self.tasks, changes)
        method = _replaced(self.method, changes)
        training = _replaced(self.training, changes)
        if self.training.steps and not training.steps:
            raise TfmetaError("steps=0: expected at least 1.")
        changed = dataclasses.replace(self, tasks=tasks, method=method, training=training)
        changed.method.check(tasks, training)
        return changed

    @property
    def run_name(self) -> str:
        """The folder of its run, below the folder of all runs."""
        return "-".join(filter(None, (self.name, self.tasks.variant)))

    @property
    def artefact(self) -> str:
        """The name of the exported model."""
        return self.method.artefact(self.tasks, self.training)

    @property
    def tested_as(self) -> str:
        """What distinguishes a test; it identifies a result."""
        return self.method.tested_as(self.tasks, self.training)

    @property
    def protocol(self) -> str:
        """How tasks are drawn for training and test, and what the run started from."""
        start = self.training.start_from
        before = f"; started from the weights of the run {start}" if start else ""
        return self.method.protocol(self.tasks, self.training) + before

    def learner(self) -> keras.Model:
        """Builds a fresh learner."""
        return self.method.learner(self.tasks, self.training)

    def beside_published(self, results: list[Result]) -> list[Result]:
        """Returns results with the published number of each, where there is one."""
        facts = {**self.settings, **self.training.tested()}
        shown = []
        for result in results:
            found = next((number for number in self.published if number.is_of(result, facts)), None)
            if found is not None:
                result = dataclasses.replace(result, published=found.value, source=found.source)
            shown.append(result)
        return shown


def _replaced(part: P, changes: Mapping[str, Any]) -> P:
    return part.replaced(**{name: changes[name] for name in part.values() if name in changes})
