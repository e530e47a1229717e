"""Each shipped model against its card, and those that train within three minutes made anew; run by hand, for hours.

python -m pytest -m paper tests/paper -v
"""

import re
from pathlib import Path

import pytest

from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.paths import CHECKOUT_MODELS
from tfmeta.recipes.anew import anew, read_plan, recipe_of_card
from tfmeta.recipes.evaluate import evaluate_model
from tfmeta.recipes.export import export_run
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.run import Run

pytestmark = pytest.mark.paper

MODELS = {
    path.parent.parent.parent.name: path.parent.parent
    for path in sorted(CHECKOUT_MODELS.glob("*/*/assets.extra/card.json"))
}
"""The version folder of each model."""

MOST_MINUTES = 3.0


def minutes(card: Card) -> float:
    """What a model and all runs that it started from took, in minutes; without end where a card does not say it."""
    told = [re.search(r"([\d,]+) minutes? on", each.training) for each in (card, *card.parents)]
    return sum(float(found[1].replace(",", "")) if found else float("inf") for found in told)


QUICK = {name: path for name, path in MODELS.items() if minutes(Card.read(path)) < MOST_MINUTES}


def with_data(card: Card) -> Recipe:
    """The recipe of a card, once its test tasks are here; of a cross-validation one model tells nothing."""
    recipe = recipe_of_card(card)
    if recipe.tasks.folds and not recipe.settings["held_out"]:
        pytest.skip(
            f"the result is the mean over {len(recipe.tasks.folds)} folds, each of other models than this one"
        )
    try:
        recipe.tasks.load("test")
    except TfmetaError as error:
        pytest.skip(str(error))
    return recipe


def check_as_good(model: Path, card: Card, recipe: Recipe) -> None:
    """Measures a model as it is served, on the test tasks of the card's first result.

    The same tasks lead into the interval of the card; fewer have an interval of their own.
    """
    told = card.results[0]
    found = row_of(evaluate_model(load(model), recipe, count=told.tasks, verbose=0), told)
    width = told.ci95 + (found.ci95 if found.tasks < told.tasks else 0.0)
    assert abs(found.value - told.value) <= width, f"measured: {found}; the card: {told}"


def row_of(results: list[Result], told: Result) -> Result:
    """The result of the same test as the one that a card tells."""
    same = [row for row in results if (row.metric, row.setting) == (told.metric, told.setting)]
    assert len(same) == 1, f"the card tells {told.metric}, {told.setting}; measured was {results}"
    return same[0]


@pytest.mark.parametrize("path", MODELS.values(), ids=MODELS)
def test_as_good_as_its_card(path: Path):
    card = Card.read(path)
    check_as_good(path, card, with_data(card))


@pytest.mark.parametrize("path", QUICK.values(), ids=QUICK)
def test_trained_anew(path: Path, tmp_path: Path):
    card = Card.read(path)
    recipe, plan = with_data(card), read_plan(path, tmp_path / "runs" / card.name)
    for planned in plan.runs:
        anew(planned, verbose=0)
    made = export_run(Run(plan.runs[-1].folder), tmp_path / "models")
    check_as_good(made, card, recipe)
