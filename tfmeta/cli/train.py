"""Trains a recipe, with the settings of the published result unless told otherwise.

A run keeps its state after every epoch: started again with the same command, it goes on where it stood, so that
neither Ctrl-C nor a power cut costs more than an epoch. `tensorboard --logdir runs` draws its curves.

  tfmeta train prototypical-omniglot
  tfmeta train maml-omniglot --ways 20 --split characters --out runs/maml-20
  tfmeta train maml-sinusoid --steps 2000 --set inner_steps=5
  tfmeta train rl2-bandit --arms 5 --pulls 100 --agent ppo
  tfmeta train --all-cells --split characters
  tfmeta train nmn-geoqa --all-cells --set choice=first
"""

import argparse
from pathlib import Path

from tfmeta.cli.all_cells import add_all_cells, one_or_all, train_all
from tfmeta.cli.folds import has_folds, train_folds
from tfmeta.cli.progress import keras_verbosity, starting_tensorflow, working
from tfmeta.cli.settings import changes, count, default_run

SUMMARY = "train a recipe; started again, it goes on where it stood"
_OF_TRIALS = ("arms", "pulls", "agent")
IF_INTERRUPTED = "interrupted; the same command goes on from the last epoch."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the verb takes."""
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="what to train; `tfmeta list` knows them")
    parser.add_argument("--ways", metavar="N", type=count, help="classes of a training task")
    parser.add_argument("--shots", metavar="K", type=count, help="support examples of each class")
    parser.add_argument("--arms", metavar="K", type=count, help="arms of a bandit")
    parser.add_argument("--pulls", metavar="N", type=count, help="pulls of a bandit's trial")
    parser.add_argument("--agent", metavar="AGENT", help="what learns over trials: trpo or ppo")
    parser.add_argument("--steps", metavar="STEPS", type=count, help="training steps, up to whole epochs")
    parser.add_argument("--seed", metavar="SEED", type=int, help="of the initial weights and the tasks")
    parser.add_argument("--split", metavar="SPLIT", help="alphabets or characters, for Omniglot")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="the run's folder (default: runs/RECIPE-SPLIT)"
    )
    parser.add_argument(
        "--set", metavar="NAME=VALUE", dest="pairs", action="append", default=[],
        help="any other setting of the recipe; may be given several times",
    )  # fmt: skip
    add_all_cells(parser)


def run(args: argparse.Namespace) -> int:
    """Carries out the verb."""
    if args.all_cells and has_folds(args.recipe):
        return train_folds(args)
    if one_or_all(args, "recipe", ("ways", "shots", "steps", "seed", "out", "pairs", *_OF_TRIALS)):
        return train_all(args)
    from tfmeta.recipes.registry import find_recipe, known_name

    name = known_name(args.recipe)
    with starting_tensorflow():
        recipe = find_recipe(name)
        from tfmeta.recipes.train import Run, train
    settings = recipe.configure(**given(recipe, args))
    out = args.out or default_run(recipe.name, getattr(settings, "split", None))
    print(
        f"{recipe.name}: {recipe.setting(settings)}, {settings.steps:,} steps; the run is in {out}",
        flush=True,
    )
    Run(out).check_free(recipe, settings)
    with working("Loading the data"):  # once: what is read from a disk is kept
        recipe.load_data(settings, "train")
    train(recipe, settings, out, verbose=keras_verbosity())
    where = f" --run {args.out}" if args.out else f" --split {args.split}" if args.split else ""
    print(f"Trained. Next: tfmeta evaluate {recipe.name}{where}")
    return 0


def given(recipe, args: argparse.Namespace) -> dict:
    """Returns the settings that the arguments change."""
    options = ("ways", "shots", "steps", "seed", "split", *_OF_TRIALS)
    return changes(recipe, args.pairs, **{name: getattr(args, name) for name in options})
