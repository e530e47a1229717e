"""What the verbs on recipes share: settings on the command line, and where a run lies."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfmeta.core.checks import TfmetaError

__all__ = ["add_run", "changes", "count", "default_run", "run_of"]

_TRUTH = {"true": True, "false": False}


def count(text: str) -> int:
    """Reads a number of things: a whole number from 1 on."""
    try:
        number = int(text.replace(",", "").replace("_", ""))
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return number


def changes(recipe: Any, pairs: Sequence[str], **options: Any) -> dict[str, Any]:
    """Reads the settings that are given on the command line.

    Args:
        recipe: whose settings they are.
        pairs: those of ``--set``, each ``name=value``.
        **options: those with an option of their own; None where it was not given.

    Returns:
        Values by name, of the type that each setting has.

    Raises:
        TfmetaError: for a setting that the recipe does not have, or a value that it cannot have.
    """
    types = {field.name: field.type for field in dataclasses.fields(recipe.settings)}
    found = {name: value for name, value in options.items() if value is not None}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise TfmetaError(f"--set {pair}: expected name=value, such as --set learning_rate=0.001.")
        found[name] = _read(name, text, types[name]) if name in types else text
    recipe.configure(**found)  # refuses names that it does not know
    return found


def _read(name: str, text: str, kind: Any) -> Any:
    try:
        return _TRUTH[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        expected = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise TfmetaError(f"--set {name}={text}: expected {expected}.") from error


def default_run(recipe: str, split: str | None) -> Path:
    """Returns the folder of a recipe's run where none is named, ``runs/<recipe>-<split>``."""
    return Path("runs") / (f"{recipe}-{split}" if split else recipe)


def add_run(parser: argparse.ArgumentParser) -> None:
    """Adds ``--run`` and ``--split``, of which one says which run is meant."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--run", metavar="DIR", type=Path, help="the run's folder (default: runs/RECIPE-SPLIT)"
    )
    which.add_argument("--split", metavar="SPLIT", help="the run of this split, in its usual folder")


def run_of(recipe: Any, args: argparse.Namespace) -> Any:
    """Returns the `Run` that the arguments of `add_run` mean.

    Raises:
        TfmetaError: if there is no such folder.
    """
    from tfmeta.recipes.train import Run, train

    folder = args.run or default_run(recipe.name, args.split or getattr(recipe.settings, "split", None))
    # There may be nothing to train, and nothing to wait for.
    if not folder.is_dir() and recipe.settings.steps == 0:
        split = {"split": args.split} if args.split else {}
        train(recipe, recipe.configure(**split), folder, verbose=0)
    if not folder.is_dir():
        begun = sorted(str(path.parent) for path in Path("runs").glob("*/settings.json"))
        there = f"Runs here: {', '.join(begun)}; name one with --run." if begun else "Train it first"
        raise TfmetaError(
            f"There is no run in {folder}. {there}"
            + ("" if begun else f": tfmeta train {recipe.name}, or name its folder with --run.")
        )
    return Run(folder)
