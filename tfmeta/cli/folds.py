"""What ``--all-cells`` does for a recipe with folds: every fold with every seed, from where it stood."""

import argparse

from tfmeta.cli.progress import keras_verbosity, working
from tfmeta.cli.settings import RUNS, given
from tfmeta.core.checks import TfmetaError

__all__ = ["train_folds"]


def train_folds(args: argparse.Namespace) -> int:
    """Trains and measures the folds that are missing, and prints their mean; returns the exit code.

    Raises:
        TfmetaError: where the tasks of the recipe have no folds.
    """
    if not args.found.tasks.folds:
        raise TfmetaError(
            f"{args.recipe} has no folds; --all-cells alone fills the Omniglot table, narrowed by --split and --only."
        )
    changes = given(args.found, args)
    for name in ("seed", "held_out", "out", "only"):
        if changes.get(name) or getattr(args, name, None):
            raise TfmetaError(
                f"--{name.replace('_', '-')} is not for all folds of {args.recipe}, which have seeds and folders of"
                " their own."
            )
    from tfmeta.recipes.folds import fill_folds, folds_file, folds_of, mean_of_folds, measure_folds

    recipe, runs = args.found.configure(**changes), args.runs or RUNS
    folds, results = folds_of(recipe), []
    with working("Loading the data"):
        folds[0].recipe.tasks.load("train")
    for row, fresh in fill_folds(folds, runs, verbose=keras_verbosity()):
        results.append(row)
        note = f"{row.seconds:.0f} seconds" if fresh else "stands, skipped"
        right = f"{sum(row.right)} of {len(row.right)} right"
        print(f"{len(results)}/{len(folds)} {row.held_out}, seed {row.seed}: {right} ({note})", flush=True)
    mean = mean_of_folds(results)
    (result,) = recipe.beside_published(measure_folds(recipe, runs))
    beside = "" if result.published is None else f"; published: {result.published} ({result.source})"
    print(f"{result.setting}: accuracy {mean.mean:.4f} ± {mean.ci95:.4f}{beside}")
    print(f"The results are in {folds_file(runs, recipe.name)}.")
    return 0
