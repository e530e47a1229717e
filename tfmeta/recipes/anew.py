"""Reads from a model card how the model was made, and makes it anew, with all runs that it started from."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.registry import command_of, recipe_of
from tfmeta.recipes.train import train

__all__ = ["Plan", "PlannedRun", "anew", "read_plan", "recipe_of_card"]


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run that is to be trained.

    Attributes:
        folder: of the run.
        recipe: with its settings.
    """

    folder: Path
    recipe: Recipe

    @property
    def command(self) -> str:
        """The command that does the same by hand."""
        return f"{command_of(self.recipe)} --out {self.folder}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What makes a model anew.

    Attributes:
        runs: in the order in which they are trained; the last one is that of the model.
        notes: what is not known for certain, or differs here.
    """

    runs: tuple[PlannedRun, ...]
    notes: tuple[str, ...]


def recipe_of_card(card: Card) -> Recipe:
    """Returns the recipe that a card names, with its settings.

    Raises:
        TfmetaError: where the card names none, or one that is not installed.
    """
    if not card.recipe:
        raise TfmetaError(
            f"The card of {card.name} names no recipe, so its test tasks are not known; export the model from a run."
        )
    return recipe_of(card.recipe)


def read_plan(model: Path, out: Path | None = None) -> Plan:
    """Reads which runs make a model anew.

    Args:
        model: the version folder of the model.
        out: the folder of the model's own run; the runs that it starts from lie beside it. Unless given,
            ``runs/<name>-<version>/<name>``.

    Raises:
        TfmetaError: where the card does not say what the model or one of its parents was made by.
    """
    card = Card.read(model)
    recipe = recipe_of_card(card)
    out = out or Path("runs") / f"{card.name}-{card.version}" / card.name
    notes, runs = [], []
    for parent in reversed(card.parents):
        if not parent.recipe:
            raise TfmetaError(
                f"{card.name} started from the run {parent.run}, of which the card does not know the settings:"
                f" {parent.note or 'none were kept'}; it cannot be trained anew."
            )
        if parent.note:
            notes.append(f"note: {parent.run}: {parent.note}")
        runs.append(PlannedRun(out.parent / parent.run, recipe_of(parent.recipe)))
    runs.append(PlannedRun(out, recipe))
    _check_chain(runs)
    if card.fingerprint and card.fingerprint != recipe.tasks.fingerprint():
        notes.append(
            f"note: the training data here are others than those of the card (fingerprint {card.fingerprint});"
            " expect other numbers."
        )
    return Plan(tuple(runs), tuple(notes))


def anew(planned: PlannedRun, *, verbose: int | str = "auto") -> Any:
    """Trains a run of a plan; one that has ended is not repeated."""
    return train(planned.recipe, planned.folder, verbose=verbose)


def _check_chain(runs: list[PlannedRun]) -> None:
    """Each run starts from the one before it, and the first from fresh weights."""
    names: Mapping[str, bool] = {"": True}
    for planned in runs:
        start = planned.recipe.training.start_from
        if start not in names:
            raise TfmetaError(
                f"{planned.folder.name} starts from the run {start}, which the card does not list among its parents;"
                " the card is incomplete."
            )
        names = {planned.folder.name: True}
