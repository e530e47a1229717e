"""What ``--all-cells`` does for a recipe of folds: every fold with every seed, from where it stood."""

import argparse
from pathlib import Path

from tfmeta.cli.progress import keras_verbosity, starting_tensorflow, working
from tfmeta.cli.settings import changes
from tfmeta.core.checks import TfmetaError

__all__ = ["has_folds", "train_folds"]

_WITH_FOLDS = ("nmn-geoqa",)


def has_folds(recipe: str | None) -> bool:
    """Returns whether a recipe is trained and tested fold by fold."""
    return recipe in _WITH_FOLDS


def train_folds(args: argparse.Namespace) -> int:
    """Trains and measures the folds that are missing, and prints their mean; returns the exit code."""
    for name in ("ways", "shots", "arms", "pulls", "agent", "seed", "split", "out", "only"):
        if getattr(args, name):
            raise TfmetaError(
                f"--{name} is not for all folds of {args.recipe}, which have seeds and folders of their own; --set,"
                " --steps and --runs are."
            )
    with starting_tensorflow():
        from tfmeta.recipes.modules.folds import fill_folds, folds_file, mean_of_folds
        from tfmeta.recipes.registry import find_recipe
    recipe, runs = find_recipe(args.recipe), args.runs or Path("runs")
    settings = recipe.configure(**changes(recipe, args.pairs, steps=args.steps))
    folds, results = recipe.folds(settings), []
    with working("Loading the data"):
        recipe.load_data(folds[0].settings, "train")
    for row, fresh in fill_folds(recipe, folds, runs, verbose=keras_verbosity()):
        results.append(row)
        note = f"{row.seconds:.0f} seconds" if fresh else "stands, skipped"
        right = f"{sum(row.right)} of {len(row.right)} right"
        print(f"{len(results)}/{len(folds)} {row.held_out}, seed {row.seed}: {right} ({note})", flush=True)
    mean, (published, source) = mean_of_folds(results), recipe.published(settings)
    print(
        f"{recipe.setting(settings)}: accuracy {mean.mean:.4f} ± {mean.ci95:.4f}; published: {published} ({source})"
    )
    print(f"The results are in {folds_file(runs, recipe.name)}.")
    return 0
