"""The folder of a training run: its settings, its state, and what came out."""

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from tfmeta.core.atomic import sha256, write_text
from tfmeta.core.cards import Origin, Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.method import WEIGHTS_SUFFIX
from tfmeta.core.words import counted
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.registry import command_of, describe, recipe_of

__all__ = ["RESULTS_FILE", "Run"]

RESULTS_FILE = "results.json"

_DISK_TROUBLE = ("No space left", "File too large", "quota exceeded", "Read-only", "Permission denied")


@dataclasses.dataclass(frozen=True)
class Run:
    """The folder of a training run.

    Args:
        folder: the folder.
        trains: what is trained, where its tasks are not registered and so cannot be found by their name, such as
            `tfmeta.data.array_tasks.ArrayTasks`.

    ===================  ===========================================================================
    ``settings.json``    the recipe, all its settings, and the runs that it started from
    ``backup/``          the state of the training after its last epoch
    ``logs/``            for TensorBoard
    ``learner.keras``    the trained learner (of some methods ``learner.weights.h5``)
    ``budget.json``      steps and seconds that it took, the fingerprint of the data, and the hash of the learner
    ``results.json``     what was measured on test tasks
    ===================  ===========================================================================
    """

    folder: Path
    trains: Recipe | None = None

    def __init__(self, folder: str | Path, trains: Recipe | None = None):
        object.__setattr__(self, "folder", Path(folder))
        object.__setattr__(self, "trains", trains)

    # Its settings

    @property
    def _settings_file(self) -> Path:
        return self.folder / "settings.json"

    @property
    def exists(self) -> bool:
        """Whether a training was begun here."""
        return self._settings_file.is_file()

    def recipe(self) -> Recipe:
        """Returns what was trained, with the settings of the run.

        Raises:
            TfmetaError: if the folder holds no run, or its recipe is not installed.
        """
        described = self._read_settings()[0]
        if self.trains is None:
            return recipe_of(described)
        asked = describe(self.trains)
        return self.trains.configure(
            **{
                name: value
                for name, value in described.items()
                if name in self.trains.settings and name in asked
            }
        )

    def parents(self) -> tuple[Origin, ...]:
        """Returns the runs that this one started from, the nearest first."""
        return tuple(Origin(**row) for row in self._read_settings()[1])

    def _read_settings(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if not self.exists:
            raise TfmetaError(f"{self.folder} holds no run: settings.json is missing. Train first.")
        try:
            found = json.loads(self._settings_file.read_text(encoding="utf-8"))
            return found, found.pop("parents", [])
        except (ValueError, AttributeError, RecursionError) as error:
            raise TfmetaError(f"{self._settings_file} is damaged: {error}; remove {self.folder}.") from error

    def check_free(self, recipe: Recipe) -> None:
        """Raises `TfmetaError` if the folder holds a run with other settings."""
        if not self.exists:
            return
        found, asked = describe(self.recipe()), describe(recipe)
        other = sorted(key for key in {*found, *asked} if found.get(key) != asked.get(key))
        if other:
            raise TfmetaError(
                f"{self.folder} holds a run with other settings: {', '.join(other)}."
                " Choose another --out, or remove that folder."
            )

    def begin(self, recipe: Recipe, parents: tuple[Origin, ...] = ()) -> None:
        """Claims the folder for a run, or finds the same run begun.

        Raises:
            TfmetaError: if it holds a run with other settings, or cannot be written.
        """
        self.check_free(recipe)
        if self.exists:
            return
        with self.writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            rows = {"parents": [dataclasses.asdict(parent) for parent in parents]} if parents else {}
            write_text(self._settings_file, _json({**describe(recipe), **rows}))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Says in one line, as a `TfmetaError`, that the folder cannot be written."""
        try:
            yield
        except Exception as error:  # A full disk is an OSError, or h5py's or TensorFlow's own kind.
            text = str(error)
            if not isinstance(error, OSError) and not any(words in text for words in _DISK_TROUBLE):
                raise
            reason = getattr(error, "strerror", None) or text.splitlines()[0]
            raise TfmetaError(
                f"{self.folder} cannot be written: {reason}. Free some space, or choose a folder that may be"
                " written with --out; a run that has begun goes on from its last epoch."
            ) from error

    # Its learner

    def ended(self, recipe: Recipe) -> bool:
        """Whether there is a trained learner."""
        return (self.folder / recipe.method.learner_file).exists()

    def finish(self, recipe: Recipe, learner: keras.Model, steps: int, seconds: float) -> None:
        """Writes the trained learner and what it cost."""
        name = recipe.method.learner_file
        temporary = self.folder / f"new-{name}"
        try:
            if name.endswith(WEIGHTS_SUFFIX):
                learner.save_weights(temporary)
            else:
                learner.save(temporary)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        budget = {
            "steps": steps,
            "seconds": round(seconds, 1),
            "cores": os.cpu_count(),
            "fingerprint": recipe.tasks.fingerprint(),
            "sha256": sha256(temporary),
        }
        write_text(self.folder / "budget.json", _json(budget))
        os.replace(temporary, self.folder / name)

    def learner(self) -> Any:
        """Loads the trained learner, which must be of the kind and size that the settings say.

        Raises:
            TfmetaError: if the run has not ended, or the file is damaged or holds another learner.
        """
        recipe = self.recipe()
        file = self.folder / recipe.method.learner_file
        if not file.exists():
            raise TfmetaError(f"{self.folder} holds no trained learner; let the training end first.")
        expected = recipe.learner()
        try:
            if not file.name.endswith(WEIGHTS_SUFFIX):
                learner = keras.saving.load_model(file)
            else:
                learner = expected
                learner.load_weights(file)
        except Exception as error:  # What a damaged file raises depends on where the damage is.
            raise TfmetaError(f"{file} is damaged; remove it, and train again.") from error
        if type(learner) is not type(expected):
            raise TfmetaError(
                f"{file} holds a {type(learner).__name__}, but {recipe.name} trains a {type(expected).__name__};"
                " name the folder of its own run, or train again."
            )
        sizes = [[tuple(w.shape) for w in recipe.method.weights_of(each)] for each in (learner, expected)]
        if sizes[0] != sizes[1]:
            raise TfmetaError(
                f"{file} holds a {type(learner).__name__} of another size than {self._settings_file} says;"
                " put back the file of that run, or train again."
            )
        if self._hash() not in (
            "",
            sha256(file),
        ):  # HDF5 has no checksums, and Keras does not look at those of a zip
            raise TfmetaError(f"{file} was changed since it was written; remove it, and train again.")
        return learner

    def _hash(self) -> str:
        """The hash of the trained learner; empty in a run that does not know it."""
        return self.budget().get("sha256", "") if (self.folder / "budget.json").is_file() else ""

    # What is told of it

    def budget(self) -> dict[str, Any]:
        """Reads the steps and seconds that the run took."""
        file = self.folder / "budget.json"
        try:
            return dict(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError, RecursionError) as error:
            raise TfmetaError(
                f"{file} is damaged: {error}; remove {self.folder}, and train again."
            ) from error

    def training(self) -> str:
        """Says what the run took, such as ``"3,000 steps of 1 task, 13 minutes on 2 cores"``."""
        recipe, budget = self.recipe(), self.budget()
        return (
            f"{counted(budget['steps'], 'step')} of {counted(recipe.training.batch_size, recipe.method.of_a_step)},"
            f" {counted(round(budget['seconds'] / 60), 'minute')} on {counted(budget['cores'], 'core')}"
        )

    def origin(self) -> Origin:
        """Returns what somebody must know to make this run again."""
        recipe = self.recipe()
        return Origin(
            run=self.folder.name,
            recipe=describe(recipe),
            command=command_of(recipe),
            fingerprint=self.budget().get("fingerprint", ""),
            training=self.training(),
        )

    def results(self) -> list[Result]:
        """Returns what was measured on test tasks."""
        file = self.folder / RESULTS_FILE
        if not file.exists():
            return []
        try:
            return [Result(**row) for row in json.loads(file.read_text(encoding="utf-8"))]
        except (ValueError, TypeError, RecursionError) as error:
            raise TfmetaError(f"{file} is damaged: {error}; remove it, and evaluate again.") from error

    def keep(self, results: list[Result]) -> None:
        """Keeps results; a new one replaces an old one of the same setting."""
        new = {row.setting for row in results}
        rows = [old for old in self.results() if old.setting not in new] + results
        write_text(self.folder / RESULTS_FILE, _json([dataclasses.asdict(row) for row in rows]))


def _json(value: Mapping[str, Any] | list[Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
