"""Trains a recipe in a folder: resumable, watched by TensorBoard, whole or not at all."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras

from tfmeta.core.atomic import locked
from tfmeta.core.backup import Backup
from tfmeta.core.cards import Origin
from tfmeta.core.checks import TfmetaError
from tfmeta.core.method import WEIGHTS_SUFFIX
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.run import Run

__all__ = ["train"]


def train(recipe: Recipe, out: str | Path, *, verbose: int | str = "auto") -> Any:
    """Trains a recipe in a folder; a run that was interrupted goes on from its last epoch.

    Args:
        recipe: what to train, with its settings.
        out: the folder of the run. A run with ``start_from`` looks for the other run beside it.
        verbose: whether Keras shows its progress bar.

    Returns:
        The trained learner, which is in the folder too. A run that has ended is not repeated.

    Raises:
        TfmetaError: if the folder holds a run with other settings, another process trains there, data are missing, or
            the training has diverged.
    """
    run = Run(out, recipe)
    run.check_free(recipe)
    if run.ended(recipe):
        return run.learner()
    with ExitStack() as until_the_end:
        if run.exists:
            until_the_end.enter_context(locked(run.folder, "training"))
        return _train(recipe, run, until_the_end, verbose)


def _train(recipe: Recipe, run: Run, until_the_end: ExitStack, verbose: int | str) -> Any:
    tasks, method, training = recipe.tasks, recipe.method, recipe.training
    tasks.load("train")
    learner = recipe.learner()
    _check_learner(recipe, learner)
    method.compile(learner, tasks, training)
    backup = Backup(run.folder / "backup", finite_losses=method.finite_losses)
    try:
        backup.restore(learner)
        done = method.done(learner)
    except Exception as error:  # What a damaged file raises depends on where the damage is.
        raise TfmetaError(
            f"{backup.folder} holds the state of another learner, or a damaged one; remove {run.folder} to begin"
            " again, or choose another --out."
        ) from error
    parents = _start(recipe, learner, run, fresh=not done)
    batches = method.batches(tasks, training, "train", done)
    if not run.exists:  # not before all has been found good: what cannot be trained leaves no folder
        run.begin(recipe, parents)
        until_the_end.enter_context(locked(run.folder, "training"))
    with run.writing():
        options = method.fit_options(tasks, training, run.folder)  # may write data in the folder
        callbacks = [backup, keras.callbacks.TensorBoard(run.folder / "logs"), *options.pop("callbacks", [])]
        learner.fit(
            options.pop("x", batches),
            epochs=training.epochs,
            initial_epoch=done // training.epoch_steps,
            steps_per_epoch=training.epoch_steps,
            shuffle=False,
            callbacks=callbacks,
            verbose=verbose,
            **options,
        )
        run.finish(recipe, learner, method.done(learner), backup.seconds)
    return learner


def _check_learner(recipe: Recipe, learner: keras.Model) -> None:
    """A learner that could not be loaded again would be found out when its training has ended."""
    if not isinstance(learner, keras.Model):
        raise TfmetaError(
            f"The learner of {recipe.method.name} is a {type(learner).__name__}; expected a keras.Model."
        )
    if recipe.method.learner_file.endswith(WEIGHTS_SUFFIX):
        return
    try:
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(learner))
    except Exception as error:  # a stranger's class may raise anything
        reason = " ".join(str(error).split())[:200]
        raise TfmetaError(
            f"A {type(learner).__name__} could not be loaded again after its training: {reason} Register its class by"
            " @keras.saving.register_keras_serializable, and let get_config return all arguments of its constructor."
        ) from error


def _start(recipe: Recipe, learner: keras.Model, run: Run, *, fresh: bool) -> tuple[Origin, ...]:
    """Takes over the weights of the run that this one starts from; returns that run and all before it."""
    name = recipe.training.start_from
    if not name or not fresh:
        return ()
    before = Run(run.folder.parent / name)
    recipe.method.start_from(learner, before.learner(), recipe.training)
    return before.origin(), *before.parents()
