"""Trains a recipe: resumable, watched by TensorBoard, whole or not at all."""

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from tfmeta.core.atomic import write_text
from tfmeta.core.backup import Backup
from tfmeta.core.checks import TfmetaError
from tfmeta.recipes.recipe import Recipe, S

__all__ = ["Run", "train"]

_DISK_TROUBLE = ("No space left", "File too large", "quota exceeded", "Read-only", "Permission denied")


@dataclasses.dataclass(frozen=True)
class Run:
    """The folder of a training run.

    ===================  =======================================================================
    ``settings.json``    the recipe's name and all its settings
    ``backup/``          where the run stands, until it has ended
    ``logs/``            for TensorBoard
    ``learner.keras``    the trained learner (of some kinds ``learner.weights.h5``)
    ``budget.json``      steps and seconds that it took
    ===================  =======================================================================
    """

    folder: Path

    def check_free(self, recipe: Recipe[S], settings: S) -> None:
        """Raises `TfmetaError` if the folder holds a run with other settings."""
        if not self._settings_file.exists():
            return
        described = self._described(recipe, settings)
        found = {**_before(recipe), **self._read_settings()}
        other = sorted(key for key in described if found.get(key) != described[key])
        if other:
            raise TfmetaError(
                f"{self.folder} holds a run with other settings: {', '.join(other)}."
                " Choose another --out, or remove that folder."
            )

    def begin(self, recipe: Recipe[S], settings: S) -> None:
        """Claims the folder for a run, or finds the same run begun.

        Raises:
            TfmetaError: if it holds a run with other settings, or cannot be written.
        """
        self.check_free(recipe, settings)
        if self._settings_file.exists():
            return
        with self.writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self._described(recipe, settings), indent=2)
            write_text(self._settings_file, text + "\n")

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

    @property
    def _settings_file(self) -> Path:
        return self.folder / "settings.json"

    @staticmethod
    def _described(recipe: Recipe[S], settings: S) -> dict[str, Any]:
        return {"recipe": recipe.name, **dataclasses.asdict(settings)}

    def _read_settings(self) -> dict[str, Any]:
        try:
            return json.loads(self._settings_file.read_text())
        except ValueError as error:
            raise TfmetaError(f"{self._settings_file} is damaged: {error}; remove {self.folder}.") from error

    @property
    def recipe_name(self) -> str:
        """What was trained."""
        if not self._settings_file.exists():
            raise TfmetaError(
                f"{self.folder} holds no run: settings.json is missing. Train first, with --out."
            )
        return self._read_settings().get("recipe", "?")

    def settings(self, recipe: Recipe[S]) -> S:
        """Reads the settings that the run was made with."""
        name, found = self.recipe_name, self._read_settings()
        found.pop("recipe", None)
        if name != recipe.name:
            raise TfmetaError(
                f"{self.folder} holds a run of {name}, not of {recipe.name};"
                f" ask for {name}, or name another folder with --run."
            )
        return recipe.configure(**{**_before(recipe), **found})

    def ended(self, recipe: Recipe[S]) -> bool:
        """Whether there is a trained learner."""
        return (self.folder / recipe.learner_file).exists()

    def finish(self, recipe: Recipe[S], learner: keras.Model, steps: int, seconds: float) -> None:
        """Writes the trained learner and what it cost."""
        temporary = self.folder / f"new-{recipe.learner_file}"
        try:
            recipe.save(learner, temporary)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        budget = {"steps": steps, "seconds": round(seconds, 1), "cores": os.cpu_count()}
        write_text(self.folder / "budget.json", json.dumps(budget) + "\n")
        os.replace(temporary, self.folder / recipe.learner_file)

    def learner(self, recipe: Recipe[S]) -> Any:
        """Loads the trained learner.

        Raises:
            TfmetaError: if the run has not ended, or the file is damaged.
        """
        file = self.folder / recipe.learner_file
        if not file.exists():
            raise TfmetaError(f"{self.folder} holds no trained learner; let the training end first.")
        settings = self.settings(recipe)
        try:
            return recipe.load(file, settings)
        except Exception as error:  # What a damaged file raises depends on where the damage is.
            raise TfmetaError(f"{file} is damaged; remove it, and train again.") from error

    def learner_of(self, recipe: Recipe[S]) -> Any:
        """Loads the trained learner, which must be of the recipe's kind and size.

        Raises:
            TfmetaError: if the run has not ended, or the file is damaged or holds another learner.
        """
        learner, expected = self.learner(recipe), recipe.learner(self.settings(recipe))
        if type(learner) is not type(expected):
            raise TfmetaError(
                f"{self.folder / recipe.learner_file} holds a {type(learner).__name__}, but {recipe.name} trains a"
                f" {type(expected).__name__}; name the folder of its own run with --run, or train again."
            )
        sizes = [[tuple(w.shape) for w in recipe.weights_of(each)] for each in (learner, expected)]
        if sizes[0] != sizes[1]:
            raise TfmetaError(
                f"{self.folder / recipe.learner_file} holds a {type(learner).__name__} of another size than"
                f" {self._settings_file} says; put back the file of that run, or train again."
            )
        return learner

    def budget(self) -> dict[str, float]:
        """Reads the steps and seconds that the run took."""
        return json.loads((self.folder / "budget.json").read_text())


def _before(recipe: Recipe[S]) -> dict[str, Any]:
    """What settings were before there was such a setting: a run that does not name one was made without it."""
    return {field.name: field.default for field in dataclasses.fields(recipe.settings)}


def train(recipe: Recipe[S], settings: S, out: str | Path, *, verbose: int | str = "auto") -> Any:
    """Trains a recipe in a folder; a run that was interrupted goes on where its last epoch ended.

    Args:
        recipe: what to train.
        settings: with which settings.
        out: the folder of the run.
        verbose: whether Keras shows its progress bar.

    Returns:
        The trained learner, which is in the folder too. A run that has ended is not repeated.

    Raises:
        TfmetaError: if the folder holds a run with other settings, or data are missing.
    """
    run = Run(Path(out))
    run.check_free(recipe, settings)
    if run.ended(recipe):
        return run.learner(recipe)
    learner = recipe.learner(settings)
    recipe.compile(learner, settings)
    backup = Backup(run.folder / "backup")
    try:
        backup.restore(learner)
        done = recipe.done(learner)
    except Exception as error:  # What a damaged file raises depends on where the damage is.
        raise TfmetaError(
            f"{backup.folder} holds the state of another learner, or a damaged one; remove {run.folder} to begin"
            " again, or choose another --out."
        ) from error
    if not done:
        recipe.begin(learner, settings, run.folder.parent)
    batches = recipe.batches(settings, "train", done)
    options = recipe.fit_options(settings, run.folder)
    callbacks = [backup, keras.callbacks.TensorBoard(run.folder / "logs"), *options.pop("callbacks", [])]
    run.begin(recipe, settings)  # not before all has been found good: what cannot be trained leaves no folder
    with run.writing():
        learner.fit(
            batches,
            epochs=settings.epochs,
            initial_epoch=done // settings.epoch_steps,
            steps_per_epoch=settings.epoch_steps,
            shuffle=False,
            callbacks=callbacks,
            verbose=verbose,
            **options,
        )
        run.finish(recipe, learner, recipe.done(learner), backup.seconds)
    return learner
