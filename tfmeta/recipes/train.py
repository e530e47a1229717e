"""Trains a recipe: resumable, watched by TensorBoard, whole or not at all."""

import dataclasses
import json
import os
from pathlib import Path

import keras

from tfmeta.core.atomic import write_text
from tfmeta.core.backup import Backup
from tfmeta.core.checks import TfmetaError
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.recipes.recipe import Recipe, S

__all__ = ["LEARNER_FILE", "Run", "train"]

LEARNER_FILE = "learner.keras"


@dataclasses.dataclass(frozen=True)
class Run:
    """The folder of a training run.

    ===================  =======================================================================
    ``settings.json``    the recipe's name and all its settings
    ``backup/``          where the run stands, until it has ended
    ``logs/``            for TensorBoard
    ``learner.keras``    the trained learner
    ``budget.json``      steps and seconds that it took
    ===================  =======================================================================
    """

    folder: Path

    def begin(self, recipe: Recipe[S], settings: S) -> None:
        """Claims the folder for a run, or finds the same run begun.

        Raises:
            TfmetaError: if it holds a run with other settings, or cannot be written.
        """
        described = {"recipe": recipe.name, **dataclasses.asdict(settings)}
        file = self.folder / "settings.json"
        if file.exists():
            found = json.loads(file.read_text())
            other = sorted(key for key in described if found.get(key) != described[key])
            if other:
                raise TfmetaError(
                    f"{self.folder} holds a run with other settings: {', '.join(other)}."
                    " Choose another --out, or remove that folder."
                )
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps(described, indent=2) + "\n")
        except OSError as error:
            raise TfmetaError(
                f"{self.folder} cannot be written: {error.strerror}; choose another --out."
            ) from error

    def settings(self, recipe: Recipe[S]) -> S:
        """Reads the settings that the run was made with."""
        file = self.folder / "settings.json"
        if not file.exists():
            raise TfmetaError(f"{self.folder} holds no run: settings.json is missing. Train first, with --out.")
        found = json.loads(file.read_text())
        name = found.pop("recipe")
        if name != recipe.name:
            raise TfmetaError(f"{self.folder} holds a run of {name}, not of {recipe.name}.")
        return recipe.configure(**found)

    def finish(self, learner: FewShotLearner, steps: int, seconds: float) -> None:
        """Writes the trained learner and what it cost."""
        temporary = self.folder / f"new-{LEARNER_FILE}"
        learner.save(temporary)
        budget = {"steps": steps, "seconds": round(seconds, 1), "cores": os.cpu_count()}
        write_text(self.folder / "budget.json", json.dumps(budget) + "\n")
        os.replace(temporary, self.folder / LEARNER_FILE)

    def learner(self) -> FewShotLearner:
        """Loads the trained learner.

        Raises:
            TfmetaError: if the run has not ended.
        """
        file = self.folder / LEARNER_FILE
        if not file.exists():
            raise TfmetaError(f"{self.folder} holds no trained learner; let the training end first.")
        return keras.saving.load_model(file)

    def budget(self) -> dict[str, float]:
        """Reads the steps and seconds that the run took."""
        return json.loads((self.folder / "budget.json").read_text())


def train(recipe: Recipe[S], settings: S, out: str | Path, *, verbose: int | str = "auto") -> FewShotLearner:
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
    run.begin(recipe, settings)
    if (run.folder / LEARNER_FILE).exists():
        return run.learner()
    learner = recipe.learner(settings)
    schedule = keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.steps, alpha=0.01)
    learner.compile(
        optimizer=keras.optimizers.Adam(schedule, clipnorm=10.0),
        loss=recipe.loss(),
        metrics=[recipe.metric()],
        steps_per_execution=settings.steps_per_execution,
    )
    backup = Backup(run.folder / "backup")
    done = backup.restore(learner)
    tasks = recipe.episodes(settings, "train", done)
    learner.fit(
        tasks,
        epochs=settings.epochs,
        initial_epoch=done // settings.epoch_steps,
        steps_per_epoch=settings.epoch_steps,
        shuffle=False,
        callbacks=[backup, keras.callbacks.TensorBoard(run.folder / "logs")],
        verbose=verbose,
    )
    run.finish(learner, settings.epochs * settings.epoch_steps, backup.seconds)
    return learner
