"""Lists the recipes, each of which trains one published result, and the trained models that were found."""

import argparse
from pathlib import Path

from tfmeta.cli.progress import starting_tensorflow

SUMMARY = "the recipes, and the trained models"

_WIDTH = 26  # of a name and the space after it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the verb takes."""


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    from tfmeta.core.hub import list_models
    from tfmeta.recipes.registry import RECIPES

    with starting_tensorflow():
        recipes = list(RECIPES.values())
    lines = ["Recipes (tfmeta train RECIPE)"]
    for recipe in recipes:
        lines += [f"  {recipe.name:{_WIDTH}}{recipe.summary}", f"  {'':{_WIDTH}}{recipe.paper}"]
    models = list_models()
    lines += ["", "Models (tfmeta serve; tfmeta.load(MODEL))" if models else "Models: none found; see --help"]
    for name, versions in models.items():
        numbers = ", ".join(path.name for path in versions)
        lines.append(f"  {name:{_WIDTH}}version {numbers}: {_result(versions[-1])}")
    print("\n".join(lines))


def _result(path: Path) -> str:
    """What a model's card claims, in one line."""
    from tfmeta.core.cards import Card
    from tfmeta.core.checks import TfmetaError

    try:
        results = Card.read(path).results
    except TfmetaError:
        return "no readable card"
    if not results:
        return "not measured"
    first = results[0]
    more = f"; {len(results) - 1} more on its card" if len(results) > 1 else ""
    return f"{first.metric} {first.value:.3f} ± {first.ci95:.3f}, {first.setting}{more}"
