"""Measures a trained recipe on its test tasks."""

from typing import Any

from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import LoadedModel
from tfmeta.core.tasks import Part
from tfmeta.recipes.folds import measure_folds
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.run import Run

__all__ = ["evaluate", "evaluate_model", "for_test"]


def for_test(recipe: Recipe, **changes: Any) -> Recipe:
    """Returns a recipe with what is changed for a test.

    Raises:
        TfmetaError: for a setting that there is not, or one of the tasks: a test keeps those of the training, so that
            no test class was seen in training; see `tfmeta.core.tasks.Tasks.fresh`.
    """
    changed = recipe.configure(**changes)
    other = [name for name, value in changes.items() if recipe.tasks.values().get(name, value) != value]
    if other and not recipe.tasks.fresh:
        raise TfmetaError(
            f"{other[0]}={changes[other[0]]}: a run is tested on the tasks that it was trained for, with"
            f" {other[0]}={recipe.settings[other[0]]}; train another run instead."
        )
    return changed


def evaluate(
    run: Run, *, part: Part = "test", count: int | None = None, verbose: int | str = "auto", **changes: Any
) -> list[Result]:
    """Measures a run on test tasks, and keeps the results in its folder.

    Args:
        run: the run.
        part: ``"test"``, or ``"validation"`` while choosing settings; only test results are kept.
        count: how many tasks; as many as the method's results are the mean over, unless given.
        verbose: whether to show progress.
        **changes: settings that differ in this test, e.g. ``test_ways=20``.

    Returns:
        The mean over the tasks, with its 95% confidence interval; and other results that come with it.

    Raises:
        TfmetaError: if the run has not ended, has no such setting, or is for another number of classes.
    """
    recipe = for_test(run.recipe(), **changes)
    learner = run.learner()
    if recipe.tasks.folds and part == "test" and not recipe.settings["held_out"]:
        results = measure_folds(recipe, run.folder.parent)
    else:
        results = recipe.method.measure(
            learner,
            recipe.tasks,
            recipe.training,
            part,
            count=count or recipe.method.test_tasks,
            folder=run.folder,
            verbose=verbose,
        )
    results = recipe.beside_published(results)
    if part == "test":
        run.keep(results)
    return results


def evaluate_model(
    model: LoadedModel, recipe: Recipe, *, count: int | None = None, verbose: int | str = "auto"
) -> list[Result]:
    """Measures an exported model as it is served, on the test tasks of its recipe.

    Args:
        model: the model.
        recipe: what trained it; see `tfmeta.recipes.cards.recipe_of_card`.
        count: how many tasks; as many as the method's results are the mean over, unless given.
        verbose: whether to show progress.
    """
    results = recipe.method.measure_model(
        model, recipe.tasks, recipe.training, count=count or recipe.method.test_tasks, verbose=verbose
    )
    return recipe.beside_published(results)
