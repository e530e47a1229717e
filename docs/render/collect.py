"""Writes the cards of the runs that fill the Omniglot table, but of those that are shipped with their model."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import find_model, list_models
from tfmeta.recipes.export import card_of
from tfmeta.recipes.omniglot.cells import cells
from tfmeta.recipes.registry import RECIPES
from tfmeta.recipes.run import Run

__all__ = ["collect_cards"]


def collect_cards(runs: str | Path, folder: str | Path) -> Iterator[str]:
    """Writes a card for each run of the table that was measured; the same runs leave the same files.

    Args:
        runs: the folder of all runs.
        folder: where cards are kept.

    Yields:
        What was done with each run, in a line.
    """
    for place, cell in {cell.run(Path(runs)): cell for cell in cells()}.items():
        run = Run(place)
        if not run.results():
            continue
        run.check_free(RECIPES[cell.row.recipe].configure(**cell.trained))
        card = card_of(run)
        shipped = _shipped(card)
        if shipped is None:
            file = Path(folder) / f"{card.name}.json"
            if not (file.is_file() and _same(Card.read(file), card)):
                card.write(file)
            yield f"{place}: {file}"
        elif _same(shipped, card):
            yield f"{place}: shipped as {card.name}"
        else:
            yield f"{place}: shipped as {card.name} with another card; export the run again for its new results"


def _shipped(card: Card) -> Card | None:
    """The card of the model of that name, if the same settings made it."""
    if card.name not in list_models():
        return None
    try:
        found = Card.read(find_model(card.name))
    except TfmetaError:
        return None
    return found if found.recipe == card.recipe else None


def _same(one: Card, other: Card) -> bool:
    """Whether two cards tell the same of a run: who wrote them, and when, is no matter."""

    def told(card: Card) -> Card:
        return dataclasses.replace(card, versions={}, git_hash="", version=0, signatures={})

    return told(one) == told(other)
