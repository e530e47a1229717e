"""Exports a model again from its own weights, with the signatures that the code of today gives it."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import Servable, export, variables_of
from tfmeta.core.quiet import no_warnings_logged
from tfmeta.recipes.anew import recipe_of_card

__all__ = ["export_again"]


def export_again(model: Path, root: str | Path, *, version: int, overwrite: bool = False) -> Path:
    """Writes ``<root>/<name>/<version>/`` from the weights of an exported model; nothing is trained.

    Signatures that were added or mended since then are in the new version; the card keeps its results.

    Args:
        model: the version folder of the model.
        root: the folder of all models.
        version: of the new one.
        overwrite: replaces a version that exists.

    Returns:
        The folder of the new version.

    Raises:
        TfmetaError: if the card names no recipe, or the model has other weights than the recipe's learner.
    """
    card = Card.read(model)
    recipe = recipe_of_card(card)
    card = dataclasses.replace(card, items=recipe.tasks.facts())
    with no_warnings_logged():
        state = tf.saved_model.load(str(model)).state
    kept = [np.asarray(each) for each in sorted(state, key=_made)]
    learner = recipe.learner()

    def servable() -> Servable:
        """Sets the weights after whatever a method fits to its tasks, so that they are those of the model."""
        made = recipe.method.servable(learner, recipe.tasks, recipe.training, card)
        _assign(sorted(variables_of(made), key=_made), kept, card)
        return made

    servable()  # so that what is computed from the weights, such as an example's state, is of these
    return export(servable(), root, version=version, overwrite=overwrite)


def _made(variable: tf.Variable) -> list[tuple[int, str]]:
    """Orders variables as they were made: Keras numbers the layers of a process, from another number each time."""
    parts = re.split(r"(\d+)", variable.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _assign(variables: Sequence[tf.Variable], values: Sequence[np.ndarray], card: Card) -> None:
    shapes = [[tuple(each.shape) for each in group] for group in (variables, values)]
    if shapes[0] != shapes[1]:
        raise TfmetaError(
            f"{card.name} has other weights than the learner of its recipe: {len(values)} beside {len(variables)};"
            " train it anew with `tfmeta train --card`."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
