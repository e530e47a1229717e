"""Trains a recipe, or a method on tasks of your own.

A run keeps its state after every epoch: started again with the same command, it goes on from there, so that neither
Ctrl-C nor a power cut costs more than an epoch. `tensorboard --logdir runs` draws its curves.

`tfmeta train RECIPE --help` shows the settings of a recipe, each with its flag.

  tfmeta train prototypical-omniglot
  tfmeta train maml-omniglot --ways 20 --split characters --out runs/maml-20
  tfmeta train prototypical --tasks my_images/
  tfmeta train matching --tasks cifar-fs --steps 2000
  tfmeta train --card saved_models/rl2_maze/2
  tfmeta train --all-cells --split characters
  tfmeta train nmn-geoqa --all-cells --choice first
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tfmeta.cli.all_cells import add_all_cells, one_or_all, train_all
from tfmeta.cli.folds import train_folds
from tfmeta.cli.progress import keras_verbosity, starting_tensorflow, working
from tfmeta.cli.settings import RUNS, add_settings, given, option, recipe_named, subject
from tfmeta.core.checks import TfmetaError

SUMMARY = "train a recipe, or a method on your own images; started again, it goes on"
IF_INTERRUPTED = "interrupted; the same command goes on from the last epoch."


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Adds the arguments, with a flag for each setting of the recipe that `argv` names."""
    parser.add_argument(
        "recipe", metavar="RECIPE|METHOD", nargs="?", help="what to train; `tfmeta list` shows them"
    )
    parser.add_argument(
        "--tasks", metavar="TASKS|DIR",
        help="what a method learns from: tasks of `tfmeta list`, or a folder: of images in a subfolder for each class,"
        " or of faces with .pts files",
    )  # fmt: skip
    parser.add_argument(
        "--card", metavar="MODEL", help="train this model anew, with all runs that it started from"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help=f"the run's folder (default: {RUNS}/RECIPE)")
    from tfmeta.recipes.registry import RECIPES

    name = subject(argv)
    add_all_cells(parser, with_split=name is None)
    tasks = option(argv, "--tasks")
    asks_for_help = tasks is None and {"-h", "--help"} & {*argv}
    if name is not None and not (asks_for_help and name not in RECIPES):
        recipe = recipe_named(name, tasks)
        add_settings(parser, recipe)
        parser.set_defaults(found=recipe)


def run(args: argparse.Namespace) -> int:
    """Carries out the verb."""
    if args.card:
        return _train_card(args)
    if args.all_cells and args.recipe is not None:
        return train_folds(args)
    if one_or_all(args, "recipe", ("out", "tasks")):
        return train_all(args)
    from tfmeta.recipes.run import Run
    from tfmeta.recipes.train import train

    recipe = args.found.configure(**given(args.found, args))
    out = args.out or RUNS / recipe.run_name
    print(
        f"{recipe.name}: {recipe.tested_as}, {recipe.training.steps:,} steps; the run is in {out}", flush=True
    )
    Run(out).check_free(recipe)
    with working("Loading the data"):  # once: what is read from a disk is kept
        recipe.tasks.load("train")
    train(recipe, out, verbose=keras_verbosity())
    print(f"Trained. Next: tfmeta evaluate {out}")
    return 0


def _train_card(args: argparse.Namespace) -> int:
    if args.recipe is not None or args.tasks is not None:
        raise TfmetaError("--card says what is trained; leave the recipe and --tasks out.")
    with starting_tensorflow():
        from tfmeta.core.hub import find_model
        from tfmeta.recipes.anew import anew, read_plan
    plan = read_plan(find_model(args.card), args.out)
    for line in plan.notes:
        print(line, flush=True)
    for number, step in enumerate(plan.runs, start=1):
        print(f"{number} of {len(plan.runs)}: {step.folder}: {step.command}", flush=True)
        anew(step, verbose=keras_verbosity())
    print(f"Trained. Next: tfmeta evaluate {plan.runs[-1].folder}")
    return 0
