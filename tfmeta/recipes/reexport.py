"""Exports a model again from its own weights, with the signatures that the code of today gives it."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

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
        state = [each for each in tf.saved_model.load(str(model)).state if not _draws(each)]
    learner = recipe.learner()

    def servable() -> Servable:
        """Sets the weights after whatever a method fits to its tasks, so that they are those of the model."""
        made = recipe.method.servable(learner, recipe.tasks, recipe.training, card)
        _assign([each for each in variables_of(made) if not _draws(each)], state, card)
        return made

    servable()  # so that what is computed from the weights, such as an example's state, is of these
    return export(servable(), root, version=version, overwrite=overwrite)


def _draws(variable: tf.Variable) -> bool:
    """Whether a variable is the state of a random generator: no weight, and not always exported."""
    return "seed_generator" in variable.name


def _assign(variables: Sequence[tf.Variable], saved: Sequence[tf.Variable], card: Card) -> None:
    new, old = sorted(variables, key=_made), sorted(saved, key=_made)
    if not _have_shapes_of(new, old):  # the names of networks around layers may be new
        new, old = (sorted(each, key=_made_in_its_layer) for each in (variables, saved))
    if not _have_shapes_of(new, old):
        raise TfmetaError(
            f"{card.name} has other weights than the learner of its recipe: {len(saved)} beside {len(variables)};"
            " train it anew with `tfmeta train --card`."
        )
    for variable, value in zip(new, old, strict=True):
        variable.assign(value)


def _made(variable: tf.Variable) -> list[tuple[int, str]]:
    """Orders variables as they were made: Keras numbers the layers of a process, from another number each time."""
    return _numbered(variable.name)


def _made_in_its_layer(variable: tf.Variable) -> tuple[list[tuple[int, str]], ...]:
    """Orders variables by the names of their layers first, without those of the networks around these."""
    return _numbered("/".join(variable.name.split("/")[-2:])), _made(variable)


def _numbered(name: str) -> list[tuple[int, str]]:
    """Takes a name apart, so that ``dense_10`` comes after ``dense_9``."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _have_shapes_of(variables: Sequence[tf.Variable], others: Sequence[tf.Variable]) -> bool:
    return [variable.shape for variable in variables] == [other.shape for other in others]
