"""Measures a trained recipe, or an exported model, on test tasks: the mean with its 95% confidence interval.

A recipe is measured in the folder of its run, which keeps the result for the model card. A model is measured as
it is served, on the test tasks of the recipe that its card names.

  tfmeta evaluate prototypical-omniglot
  tfmeta evaluate prototypical-omniglot --ways 20 --run runs/mine
  tfmeta evaluate maml_omniglot_5w1s --tasks 200
  tfmeta evaluate --all-cells --split characters
  tfmeta evaluate prototypical_omniglot --one-shot-runs all_runs
"""

import argparse
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfmeta.cli import train
from tfmeta.cli.all_cells import add_all_cells, evaluate_all, one_or_all
from tfmeta.cli.progress import keras_verbosity, starting_tensorflow, working
from tfmeta.cli.settings import add_run, changes, count, run_of
from tfmeta.core.checks import TfmetaError, nearest

SUMMARY = "measure a run or an exported model on test tasks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the verb takes."""
    parser.add_argument(
        "what", metavar="RECIPE|MODEL", nargs="?", help="a recipe that was trained, or a model or its folder"
    )
    add_run(parser)
    parser.add_argument("--ways", metavar="N", type=count, help="classes of a test task")
    parser.add_argument("--shots", metavar="K", type=count, help="support examples of each class")
    parser.add_argument(
        "--tasks", metavar="TASKS", type=count, help="test tasks (default: as many as the recipe's results)"
    )
    parser.add_argument(
        "--set", metavar="NAME=VALUE", dest="pairs", action="append", default=[],
        help="another setting for this test, such as test_steps=10; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--one-shot-runs", metavar="DIR", type=Path,
        help="test a model on the images of DIR/run01/{training,test}/*.png, DIR/run01/class_labels.txt, ...",
    )  # fmt: skip
    add_all_cells(parser)


def run(args: argparse.Namespace) -> int:
    """Carries out the verb."""
    if one_or_all(args, "what", ("run", "ways", "shots", "pairs", "one_shot_runs")):
        return evaluate_all(args)
    with starting_tensorflow():
        from tfmeta.recipes.registry import RECIPES
    if args.one_shot_runs:
        _one_shot(args)
    elif args.what in RECIPES:
        _evaluate_run(RECIPES[args.what], args)
    else:
        _evaluate_model(args)
    return 0


def _evaluate_run(recipe: Any, args: argparse.Namespace) -> None:
    from tfmeta.recipes.evaluate import evaluate

    trained = run_of(recipe, args)
    changed = _changes(recipe, args)
    settings = recipe.configure(**{**vars(trained.settings(recipe)), **changed})
    _load_data(recipe, settings)
    _tell(evaluate(recipe, trained, tasks=args.tasks, verbose=keras_verbosity(), **changed))


def _evaluate_model(args: argparse.Namespace) -> None:
    model = _load_model(args)
    if args.pairs:
        raise TfmetaError(f"--set {args.pairs[0]}: a model is tested as it was exported; --set is for runs.")
    recipe, given = _trained_by(model.card)
    settings = recipe.configure(**{**given, **_changes(recipe, args)})
    _load_data(recipe, settings)
    tasks = args.tasks or recipe.test_tasks
    _tell(recipe.measure_model(model, settings, tasks=tasks, verbose=keras_verbosity()))


def _one_shot(args: argparse.Namespace) -> None:
    from tfmeta.data.one_shot_runs import load_one_shot_runs
    from tfmeta.recipes.one_shot import drawing_side, evaluate_one_shot
    from tfmeta.recipes.recipe import counted

    if args.ways or args.shots or args.pairs:
        raise TfmetaError(
            "--one-shot-runs: the folder says what the tasks are; leave --ways, --shots and --set out."
        )
    model = _load_model(args)
    with working("Loading the drawings"):
        runs = load_one_shot_runs(args.one_shot_runs, drawing_side(model))
    found = evaluate_one_shot(model, runs)
    trials = counted(sum(len(run.query_y) for run in runs), "trial")
    print(
        f"accuracy {found.mean:.4f} ± {found.ci95:.4f} ({counted(found.tasks, 'run')}, {trials}),"
        " one-shot within an alphabet"
    )


def _load_model(args: argparse.Namespace) -> Any:
    from tfmeta.core.hub import find_model, list_models, load
    from tfmeta.recipes.registry import RECIPES

    if args.run or args.split:
        raise TfmetaError(f"There is no recipe {args.what!r}. {nearest(args.what, RECIPES)}")
    try:
        path = find_model(args.what)
    except TfmetaError as error:
        known = [*RECIPES, *list_models()]
        raise TfmetaError(
            f"There is no recipe or model {args.what!r}. {nearest(args.what, known)}"
        ) from error
    with working(f"Loading {args.what}"):
        return load(path)


def _load_data(recipe: Any, settings: Any) -> None:
    with working("Loading the data"):  # once: what is read from a disk is kept
        recipe.load_data(settings, "test")


def _changes(recipe: Any, args: argparse.Namespace) -> dict[str, Any]:
    """What the arguments change: the shots of the test tasks, where a recipe tells them from those of training."""
    shots = "test_shots" if hasattr(recipe.settings, "test_shots") else "shots"
    return changes(recipe, args.pairs, **{"test_ways": args.ways, shots: args.shots})


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


def _tell(results: Iterable[Any]) -> None:
    for row in results:
        beside = f"; published: {row.published} ({row.source})" if row.published is not None else ""
        print(f"{row}, {row.setting}{beside}")
