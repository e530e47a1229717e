"""Exports a trained run as a SavedModel with its card."""

from pathlib import Path

from tfmeta.core.cards import Card
from tfmeta.core.export import export
from tfmeta.recipes.run import Run

__all__ = ["card_of", "export_run"]


def export_run(run: Run, root: str | Path, *, version: int = 1, overwrite: bool = False) -> Path:
    """Writes the learner of a run to ``<root>/<name>/<version>/``.

    The card holds the results that the run's folder holds, so evaluate first.

    Args:
        run: the run.
        root: the folder of all models.
        version: a positive integer.
        overwrite: replaces a version that exists.

    Returns:
        The folder of the version.

    Raises:
        TfmetaError: if the run has not ended, the version exists, or the folder cannot be written.
    """
    recipe = run.recipe()
    servable = recipe.method.servable(run.learner(), recipe.tasks, recipe.training, card_of(run))
    return export(servable, root, version=version, overwrite=overwrite)


def card_of(run: Run) -> Card:
    """Writes down what a run is, what it started from, what it took, and what it was measured to do.

    Args:
        run: the run, evaluated.

    Returns:
        The card, which does not yet say in which artefact it lies.
    """
    recipe, origin = run.recipe(), run.origin()
    return Card(
        name=recipe.artefact,
        summary=f"{recipe.method.summary(recipe.tasks)} {recipe.method.title}, {recipe.method.paper}.",
        data=recipe.tasks.source,
        licence=recipe.tasks.licence,
        items=recipe.tasks.facts(),
        protocol=recipe.protocol,
        recipe=origin.recipe,
        command=origin.command,
        seed=recipe.training.seed,
        fingerprint=origin.fingerprint,
        parents=run.parents(),
        training=origin.training,
        results=tuple(sorted(run.results(), key=lambda result: result.setting != recipe.tested_as)),
    )
