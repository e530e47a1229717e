"""Measures a trained recipe on its test tasks."""

import dataclasses
import json
from pathlib import Path

from tfmeta.core.atomic import write_text
from tfmeta.core.cards import Result
from tfmeta.core.evaluate import Estimate, evaluate_tasks
from tfmeta.recipes.recipe import Part, Recipe, S
from tfmeta.recipes.train import Run

__all__ = ["RESULTS_FILE", "evaluate", "read_results"]

RESULTS_FILE = "results.json"


def evaluate(
    recipe: Recipe[S],
    run: Run,
    *,
    part: Part = "test",
    tasks: int = 1000,
    verbose: int | str = "auto",
    **changes: object,
) -> Estimate:
    """Evaluates a run on test tasks, and keeps the result in the run's folder.

    Args:
        recipe: what was trained.
        run: the run.
        part: ``"test"``, or ``"validation"`` while choosing settings; only test results are kept.
        tasks: how many tasks.
        verbose: whether Keras shows its progress bar.
        **changes: settings that differ in this evaluation, e.g. ``test_ways=20``.

    Returns:
        The mean over the tasks, with its 95% confidence interval.
    """
    settings = dataclasses.replace(run.settings(recipe), **changes)
    batches = recipe.episodes(settings, part, 0)
    size = next(iter(batches.element_spec[0].values())).shape[0]
    metric = recipe.metric()
    learner = recipe.for_test(run.learner(), settings)
    measured = evaluate_tasks(learner, batches, metric, batches=-(-tasks // size), verbose=verbose)
    if part == "test":
        setting = recipe.setting(settings)
        published, source = recipe.published(settings)
        row = Result(metric.name, measured.mean, measured.ci95, measured.tasks, setting, published, source)
        rows = [old for old in read_results(run) if old.setting != setting] + [row]
        text = json.dumps([dataclasses.asdict(row) for row in rows], indent=2)
        write_text(run.folder / RESULTS_FILE, text + "\n")
    return measured


def read_results(run: Run) -> list[Result]:
    """Returns what `evaluate` has kept of a run."""
    file = run.folder / RESULTS_FILE
    return [Result(**row) for row in json.loads(file.read_text())] if file.exists() else []
