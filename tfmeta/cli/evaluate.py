"""Measures a trained run, or an exported model, on test tasks: the mean with its 95% confidence interval.

A run is named by its folder, or by its recipe; its folder keeps the result for the model card. A model is measured as
it is served, on the test tasks that its card names.

  tfmeta evaluate prototypical-omniglot
  tfmeta evaluate runs/mine --ways 20
  tfmeta evaluate maml_omniglot_5w1s --count 200
  tfmeta evaluate --all-cells --split characters
  tfmeta evaluate prototypical_omniglot --one-shot-runs all_runs
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tfmeta.cli.all_cells import add_all_cells, evaluate_all, one_or_all
from tfmeta.cli.progress import keras_verbosity, starting_tensorflow, working
from tfmeta.cli.settings import (
    add_settings,
    count,
    given,
    option,
    recipe_named,
    run_named,
    subject,
)
from tfmeta.core.checks import TfmetaError, nearest

SUMMARY = "measure a run or an exported model on test tasks"


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Adds the arguments, with a flag for each setting of the run or model that `argv` names."""
    parser.add_argument(
        "what", metavar="RUN|RECIPE|MODEL", nargs="?", help="the folder of a run, its recipe, or a model"
    )
    parser.add_argument(
        "--tasks", metavar="TASKS|DIR", help="what the method learned from, where WHAT is a method"
    )
    parser.add_argument("--run", metavar="DIR", type=Path, help="the run's folder (default: runs/RECIPE)")
    parser.add_argument(
        "--count", metavar="TASKS", type=count, help="test tasks (default: as many as the recipe's results)"
    )
    parser.add_argument(
        "--one-shot-runs", metavar="DIR", type=Path,
        help="test a model on the images of DIR/run01/{training,test}/*.png, DIR/run01/class_labels.txt, ...",
    )  # fmt: skip
    name = subject(argv)
    add_all_cells(parser, with_split=name is None)
    parser.set_defaults(found=None, model=None, pairs=[])
    if name is None or option(argv, "--one-shot-runs"):
        return
    _add_subject(parser, name, option(argv, "--tasks"))


def _add_subject(parser: argparse.ArgumentParser, name: str, tasks: str | None) -> None:
    from tfmeta.recipes.registry import METHODS, RECIPES

    if name in RECIPES or name in METHODS:
        recipe = recipe_named(name, tasks)
        parser.set_defaults(found=recipe)
        add_settings(parser, recipe)
        return
    with starting_tensorflow():
        from tfmeta.recipes.run import Run
    if Run(Path(name)).exists:
        add_settings(parser, Run(Path(name)).recipe())
        return
    from tfmeta.recipes.anew import recipe_of_card

    model = _load_model(name)
    recipe = recipe_of_card(model.card)
    parser.set_defaults(found=recipe, model=model)
    add_settings(parser, recipe, parts=("training",))


def run(args: argparse.Namespace) -> int:
    """Carries out the verb."""
    if args.one_shot_runs:
        _one_shot(args)
        return 0
    if one_or_all(args, "what", ("run", "tasks")):
        return evaluate_all(args)
    from tfmeta.recipes.evaluate import evaluate, evaluate_model, for_test

    if args.model is not None:
        recipe = for_test(args.found, **args.found.training.changed_for_test(**given(args.found, args)))
        _load_data(recipe)
        _show(evaluate_model(args.model, recipe, count=args.count, verbose=keras_verbosity()))
        return 0
    run, changes = _which(args)
    _load_data(for_test(run.recipe(), **changes))
    _show(evaluate(run, count=args.count, verbose=keras_verbosity(), **changes))
    return 0


def _which(args: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """Returns the run that is meant, and what is changed for its test."""
    named = args.found
    if named is None:
        run = run_named(args.what, None, None)
        recipe = run.recipe()
        changes = given(recipe, args)
    else:
        changes = given(named, args)
        of_tasks = {name: value for name, value in changes.items() if name in named.tasks.values()}
        run = run_named(args.what, named.configure(**of_tasks), args.run)
        recipe = run.recipe()
        if recipe.name != named.name:
            raise TfmetaError(
                f"{run.folder} holds a run of {recipe.name}, not of {named.name}; say: tfmeta evaluate {run.folder}."
            )
    return run, recipe.training.changed_for_test(**changes)


def _one_shot(args: argparse.Namespace) -> None:
    from tfmeta.core.words import counted
    from tfmeta.data.one_shot_runs import load_one_shot_runs
    from tfmeta.recipes.one_shot import drawing_side, evaluate_one_shot

    if args.what is None:
        raise TfmetaError("--one-shot-runs tests a model; say which.")
    model = _load_model(args.what)
    with working("Loading the drawings"):
        runs = load_one_shot_runs(args.one_shot_runs, drawing_side(model))
    found = evaluate_one_shot(model, runs)
    trials = counted(sum(len(run.query_y) for run in runs), "trial")
    print(
        f"accuracy {found.mean:.4f} ± {found.ci95:.4f} ({counted(found.tasks, 'run')}, {trials}),"
        " one-shot within an alphabet"
    )


def _load_model(name: str) -> Any:
    from tfmeta.core.hub import find_model, list_models, load
    from tfmeta.recipes.registry import METHODS, RECIPES

    try:
        path = find_model(name)
    except TfmetaError as error:
        known = [*RECIPES, *METHODS, *list_models()]
        raise TfmetaError(f"There is no run, recipe or model {name!r}. {nearest(name, known)}") from error
    with starting_tensorflow(), working(f"Loading {name}"):
        return load(path)


def _load_data(recipe: Any) -> None:
    with working("Loading the data"):  # once: what is read from a disk is kept
        recipe.tasks.load("test")


def _show(results: Iterable[Any]) -> None:
    for row in results:
        beside = f"; published: {row.published} ({row.source})" if row.published is not None else ""
        print(f"{row}, {row.setting}{beside}")
