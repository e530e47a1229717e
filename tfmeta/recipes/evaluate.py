"""Measures a trained recipe on its test tasks."""

import dataclasses
import json

from tfmeta.core.atomic import write_text
from tfmeta.core.cards import Result
from tfmeta.recipes.recipe import Part, Recipe, S
from tfmeta.recipes.train import Run

__all__ = ["RESULTS_FILE", "evaluate", "read_results"]

RESULTS_FILE = "results.json"


def evaluate(
    recipe: Recipe[S],
    run: Run,
    *,
    part: Part = "test",
    tasks: int | None = None,
    verbose: int | str = "auto",
    **changes: object,
) -> list[Result]:
    """Evaluates a run on test tasks, and keeps the results in the run's folder.

    Args:
        recipe: what was trained.
        run: the run.
        part: ``"test"``, or ``"validation"`` while choosing settings; only test results are kept.
        tasks: how many tasks; as many as the recipe's results are the mean over, unless given.
        verbose: whether to show progress.
        **changes: settings that differ in this evaluation, e.g. ``test_ways=20``.

    Returns:
        The mean over the tasks, with its 95% confidence interval; and other results that came with it.

    Raises:
        TfmetaError: if the run has not ended, has no such setting, or is for another number of classes.
    """
    settings = recipe.configure(**{**dataclasses.asdict(run.settings(recipe)), **changes})
    learner = run.learner_of(recipe)
    results = recipe.measure(
        learner, settings, part, tasks=tasks or recipe.test_tasks, folder=run.folder, verbose=verbose
    )
    if part == "test":
        new = {row.setting for row in results}
        rows = [old for old in read_results(run) if old.setting not in new] + results
        text = json.dumps([dataclasses.asdict(row) for row in rows], indent=2)
        write_text(run.folder / RESULTS_FILE, text + "\n")
    return results


def read_results(run: Run) -> list[Result]:
    """Returns what `evaluate` has kept of a run."""
    file = run.folder / RESULTS_FILE
    return [Result(**row) for row in json.loads(file.read_text())] if file.exists() else []
