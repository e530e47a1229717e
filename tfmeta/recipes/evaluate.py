"""Measures a trained recipe on its test tasks."""

import dataclasses
import json

import keras
import numpy as np

from tfmeta.core.atomic import write_text
from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import Estimate
from tfmeta.core.evaluate import evaluate_tasks
from tfmeta.core.hub import LoadedModel
from tfmeta.recipes.recipe import Part, Recipe, S
from tfmeta.recipes.train import Run

__all__ = ["RESULTS_FILE", "evaluate", "evaluate_model", "read_results"]

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

    Raises:
        TfmetaError: if the run has not ended, has no such setting, or is for another number of classes.
    """
    settings = recipe.configure(**{**dataclasses.asdict(run.settings(recipe)), **changes})
    learner = recipe.for_test(run.learner_of(recipe), settings)
    _check_ways(learner.ways, settings)
    batches = recipe.episodes(settings, part, 0)
    metric = recipe.metric()
    measured = evaluate_tasks(learner, batches, metric, batches=_batches(batches, tasks), verbose=verbose)
    if part == "test":
        setting = recipe.setting(settings)
        published, source = recipe.published(settings)
        row = Result(metric.name, measured.mean, measured.ci95, measured.tasks, setting, published, source)
        rows = [old for old in read_results(run) if old.setting != setting] + [row]
        text = json.dumps([dataclasses.asdict(row) for row in rows], indent=2)
        write_text(run.folder / RESULTS_FILE, text + "\n")
    return measured


def evaluate_model(
    recipe: Recipe[S], settings: S, model: LoadedModel, *, tasks: int = 1000, verbose: int | str = "auto"
) -> Estimate:
    """Evaluates an exported model on test tasks, as it is served.

    Args:
        recipe: what was trained.
        settings: what the test tasks are drawn with.
        model: the model.
        tasks: how many tasks.
        verbose: whether Keras shows its progress bar.

    Returns:
        The mean over the tasks, with its 95% confidence interval.

    Raises:
        TfmetaError: if the model is for another number of classes, or for other inputs.
    """
    _check_ways(int(model.describe(rows=[0])["ways"][0]), settings)
    batches = recipe.episodes(settings, "test", 0)
    count = _batches(batches, tasks)
    metric = recipe.metric()
    bar = keras.utils.Progbar(count, verbose=1 if verbose == "auto" else int(verbose))
    for inputs, query_y in batches.take(count):
        answers = model(**{name: value.numpy() for name, value in inputs.items()})
        metric.update_state(query_y, answers.get("probabilities", answers.get("predictions")))
        bar.add(1, [(metric.name, float(np.asarray(metric.result())))])
    return metric.estimate()


def _check_ways(ways: int | None, settings: S) -> None:
    asked = getattr(settings, "test_ways", 0) or settings.ways
    if ways and asked != ways:
        raise TfmetaError(
            f"This learner tells {ways} classes apart, but test tasks of {asked} were asked for;"
            f" train one with --ways {asked}."
        )


def _batches(batches, tasks: int) -> int:
    size = next(iter(batches.element_spec[0].values())).shape[0]
    return -(-tasks // size)


def read_results(run: Run) -> list[Result]:
    """Returns what `evaluate` has kept of a run."""
    file = run.folder / RESULTS_FILE
    return [Result(**row) for row in json.loads(file.read_text())] if file.exists() else []
