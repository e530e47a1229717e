"""Exports a trained recipe as a SavedModel with its card."""

from pathlib import Path

from tfmeta.core.cards import Card
from tfmeta.core.export import export
from tfmeta.recipes.evaluate import read_results
from tfmeta.recipes.recipe import Recipe, S, counted
from tfmeta.recipes.train import Run

__all__ = ["card_of", "export_run"]


def export_run(
    recipe: Recipe[S], run: Run, root: str | Path, *, version: int = 1, overwrite: bool = False
) -> Path:
    """Writes the learner of a run to ``<root>/<name>/<version>/``.

    The card holds the results that the run's folder holds, so evaluate first.

    Args:
        recipe: what was trained.
        run: the run.
        root: the folder of all models.
        version: a positive integer.
        overwrite: replaces a version that exists.

    Returns:
        The folder of the version.

    Raises:
        TfmetaError: if the run has not ended, the version exists, or the folder cannot be written.
    """
    settings = run.settings(recipe)
    servable = recipe.servable(run.learner_of(recipe), settings, card_of(recipe, run))
    return export(servable, root, version=version, overwrite=overwrite)


def card_of(recipe: Recipe[S], run: Run) -> Card:
    """Writes down what a run is, what it took, and what it was measured to do.

    Args:
        recipe: what was trained.
        run: the run, evaluated.

    Returns:
        The card, which does not yet say in which artefact it lies.
    """
    settings, budget = run.settings(recipe), run.budget()
    as_served = recipe.setting(settings)
    return Card(
        name=recipe.artefact(settings),
        summary=f"{recipe.summary} {recipe.method}, {recipe.paper}.",
        data=recipe.data,
        protocol=recipe.protocol(settings),
        command=recipe.command(settings),
        seed=settings.seed,
        training=(
            f"{counted(budget['steps'], 'step')} of {counted(settings.batch_size, recipe.of_a_step)},"
            f" {counted(round(budget['seconds'] / 60), 'minute')} on {counted(budget['cores'], 'core')}"
        ),
        results=tuple(sorted(read_results(run), key=lambda result: result.setting != as_served)),
    )
