"""Fills the cells of the Omniglot table: trains what is not trained, measures what is not measured."""

from pathlib import Path

import keras

from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.recipes.evaluate import evaluate, for_test
from tfmeta.recipes.omniglot.cells import Cell
from tfmeta.recipes.registry import find_recipe
from tfmeta.recipes.run import Run
from tfmeta.recipes.train import train

__all__ = ["evaluate_cell", "train_cell"]


def train_cell(cell: Cell, runs: Path, *, verbose: int | str = "auto") -> bool:
    """Trains the run that fills a cell; one that was interrupted goes on where it stood.

    Args:
        cell: a cell of the table.
        runs: the folder of all runs.
        verbose: whether Keras shows its progress bar.

    Returns:
        Whether there was something to train.

    Raises:
        TfmetaError: if the folder holds a run with other settings, or data are missing.
    """
    recipe, folder = find_recipe(cell.row.recipe).configure(**cell.trained), cell.run(runs)
    Run(folder).check_free(recipe)
    if Run(folder).ended(recipe):
        return False
    keras.backend.clear_session()  # the graphs of the run before
    train(recipe, folder, verbose=verbose)
    return True


def evaluate_cell(
    cell: Cell, runs: Path, *, tasks: int | None = None, verbose: int | str = "auto"
) -> tuple[Result, bool]:
    """Measures a cell on the test tasks, and keeps the result in the folder of its run.

    Args:
        cell: a cell of the table.
        runs: the folder of all runs.
        tasks: how many tasks, 1,000 unless given; a result of as many or more stands.
        verbose: whether Keras shows its progress bar.

    Returns:
        The result, and whether it was measured now.

    Raises:
        TfmetaError: if the run has not ended, or has other settings than the table's.
    """
    recipe, run = find_recipe(cell.row.recipe).configure(**cell.trained), Run(cell.run(runs))
    if not recipe.training.steps:  # there is nothing to train, and nothing to wait for
        train_cell(cell, runs, verbose=0)
    if not run.ended(recipe):
        raise TfmetaError(f"{run.folder} holds no trained learner; train it first, with --all-cells.")
    run.check_free(recipe)
    setting = for_test(recipe, **cell.tested).tested_as

    def standing() -> Result | None:
        return next((row for row in run.results() if row.setting == setting), None)

    found = standing()
    if found is not None and found.tasks >= (tasks or recipe.method.test_tasks):
        return found, False
    keras.backend.clear_session()
    return evaluate(run, count=tasks, verbose=verbose, **cell.tested)[0], True
