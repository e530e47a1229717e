"""Measures a trained recipe, or an exported model, on test tasks: the mean with its 95% confidence interval.

A recipe is measured in the folder of its run, which keeps the result for the model card. A model is measured as
it is served, on the test tasks of the recipe that its card names.

  tfmeta evaluate prototypical-omniglot
  tfmeta evaluate prototypical-omniglot --ways 20 --run runs/mine
  tfmeta evaluate maml_omniglot_5w1s --tasks 200
"""

import argparse
import shlex
from typing import Any

from tfmeta.cli import train
from tfmeta.cli.progress import keras_verbosity, starting_tensorflow, working
from tfmeta.cli.settings import add_run, changes, count, run_of
from tfmeta.core.checks import TfmetaError, nearest

SUMMARY = "measure a run or an exported model on test tasks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the verb takes."""
    parser.add_argument(
        "what", metavar="RECIPE|MODEL", help="a recipe that was trained, or a model or its folder"
    )
    add_run(parser)
    parser.add_argument("--ways", metavar="N", type=count, help="classes of a test task")
    parser.add_argument("--shots", metavar="K", type=count, help="support examples of each class")
    parser.add_argument(
        "--tasks", metavar="TASKS", type=count, default=1000, help="test tasks (default: 1000)"
    )
    parser.add_argument(
        "--set", metavar="NAME=VALUE", dest="pairs", action="append", default=[],
        help="another setting for this test, such as test_steps=10; may be given several times",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    with starting_tensorflow():
        from tfmeta.core.hub import find_model, list_models, load
        from tfmeta.recipes.evaluate import evaluate, evaluate_model
        from tfmeta.recipes.registry import RECIPES
    measure = {"tasks": args.tasks, "verbose": keras_verbosity()}
    if args.what in RECIPES:
        recipe = RECIPES[args.what]
        trained = run_of(recipe, args)
        changed = _changes(recipe, args)
        settings = recipe.configure(**{**vars(trained.settings(recipe)), **changed})
        _load_data(recipe, settings)
        found = evaluate(recipe, trained, **measure, **changed)
    else:
        if args.run or args.split:
            raise TfmetaError(f"There is no recipe {args.what!r}. {nearest(args.what, RECIPES)}")
        try:
            path = find_model(args.what)
        except TfmetaError as error:
            known = [*RECIPES, *list_models()]
            raise TfmetaError(
                f"There is no recipe or model {args.what!r}. {nearest(args.what, known)}"
            ) from error
        if args.pairs:
            raise TfmetaError(
                f"--set {args.pairs[0]}: a model is tested as it was exported; --set is for runs."
            )
        with working(f"Loading {args.what}"):
            model = load(path)
        recipe, given = _trained_by(model.card)
        settings = recipe.configure(**{**given, **_changes(recipe, args)})
        _load_data(recipe, settings)
        found = evaluate_model(recipe, settings, model, **measure)
    print(f"{recipe.metric().name} {found}, {recipe.setting(settings)}{_beside(recipe, settings)}")


def _load_data(recipe: Any, settings: Any) -> None:
    with working("Loading the data"):  # once: what is read from a disk is kept
        recipe.episodes(settings, "test", 0)


def _changes(recipe: Any, args: argparse.Namespace) -> dict[str, Any]:
    ways = {"test_ways": args.ways} if args.ways is not None else {}
    return changes(recipe, args.pairs, shots=args.shots, **ways)


def _trained_by(card: Any) -> tuple[Any, dict[str, Any]]:
    """Returns the recipe of a model, and the settings that its run changed, as its card's command names them."""
    from tfmeta.recipes.registry import find_recipe

    words = shlex.split(card.command)
    if words[:2] != ["tfmeta", "train"]:
        raise TfmetaError(
            f"The card of {card.name} names no `tfmeta train` command, so nobody knows its test tasks."
        )
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    args = parser.parse_args(words[2:])
    recipe = find_recipe(args.recipe)
    return recipe, train.given(recipe, args)


def _beside(recipe: Any, settings: Any) -> str:
    published, source = recipe.published(settings)
    return f"; published: {published} ({source})" if published is not None else ""
