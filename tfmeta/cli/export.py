"""Exports the learner of a run as a SavedModel, with its card: what it is, its data, settings, seed and results.

Evaluate first: the card holds what the run's folder holds. A model is exported again from its own weights, with the
signatures of this version of tfmeta.

  tfmeta export runs/mine --to my_models
  tfmeta export prototypical-omniglot --to saved_models
  tfmeta export my_models/prototypical_omniglot --to my_models --version 2
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tfmeta.cli.progress import starting_tensorflow, working
from tfmeta.cli.settings import add_settings, count, given, option, recipe_named, run_named, subject

SUMMARY = "write a run's learner as a SavedModel with its card"


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Adds the arguments; a recipe's tasks have flags that say which of its runs is meant."""
    parser.add_argument(
        "what", metavar="RUN|RECIPE|MODEL", help="the folder of a run, its recipe, or a model"
    )
    parser.add_argument(
        "--tasks", metavar="TASKS|DIR", help="what the method learned from, where WHAT is a method"
    )
    parser.add_argument("--run", metavar="DIR", type=Path, help="the run's folder (default: runs/RECIPE)")
    parser.add_argument(
        "--to", metavar="DIR", type=Path, default=Path("saved_models"),
        help="the folder of all models (default: saved_models)",
    )  # fmt: skip
    parser.add_argument("--version", metavar="V", type=count, default=1, help="its version (default: 1)")
    parser.add_argument("--overwrite", action="store_true", help="replace that version if it exists")
    from tfmeta.core.hub import list_models

    parser.set_defaults(found=None)
    name = subject(argv)
    if name is not None and not Path(name).is_dir() and name not in list_models():
        recipe = recipe_named(name, option(argv, "--tasks"))
        add_settings(parser, recipe, parts=("tasks",))
        parser.set_defaults(found=recipe)


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    with starting_tensorflow():
        from tfmeta.core.hub import find_model, list_models
        from tfmeta.recipes.export import export_run
        from tfmeta.recipes.reexport import export_again
        from tfmeta.recipes.run import Run
    if (
        args.found is None
        and not Run(args.what).exists
        and (args.what in list_models() or _is_model(args.what))
    ):
        with working(f"Exporting {args.what}"):
            folder = export_again(
                find_model(args.what), args.to, version=args.version, overwrite=args.overwrite
            )
        print(f"{folder}\nNext: tfmeta check {folder}")
        return
    recipe = args.found and args.found.configure(**given(args.found, args))
    with working(f"Exporting {args.what}"):
        folder = export_run(
            run_named(args.what, recipe, args.run), args.to, version=args.version, overwrite=args.overwrite
        )
    print(f"{folder}\nNext: tfmeta check {folder}")


def _is_model(folder: str) -> bool:
    return any(Path(folder).glob("saved_model.pb")) or any(Path(folder).glob("*/saved_model.pb"))
