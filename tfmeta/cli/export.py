"""Exports the learner of a run as a SavedModel, with its card: what it is, its data, command, seed and results.

Evaluate first: the card holds what the run's folder holds.

  tfmeta export prototypical-omniglot --to saved_models
"""

import argparse
from pathlib import Path

from tfmeta.cli.progress import starting_tensorflow, working
from tfmeta.cli.settings import add_run, count, run_of

SUMMARY = "write a run's learner as a SavedModel with its card"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the verb takes."""
    parser.add_argument("recipe", metavar="RECIPE", help="what was trained")
    add_run(parser)
    parser.add_argument(
        "--to", metavar="DIR", type=Path, default=Path("saved_models"),
        help="the folder of all models (default: saved_models)",
    )  # fmt: skip
    parser.add_argument("--version", metavar="V", type=count, default=1, help="its version (default: 1)")
    parser.add_argument("--overwrite", action="store_true", help="replace that version if it exists")


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    from tfmeta.recipes.registry import find_recipe, known_name

    name = known_name(args.recipe)
    with starting_tensorflow():
        recipe = find_recipe(name)
        from tfmeta.recipes.export import export_run
    with working(f"Exporting {args.recipe}"):
        folder = export_run(
            recipe, run_of(recipe, args), args.to, version=args.version, overwrite=args.overwrite
        )
    print(f"{folder}\nNext: tfmeta check {folder}")
