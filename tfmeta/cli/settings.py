"""What the verbs on recipes share: which recipe or run is meant, and flags that are made of its settings."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmeta.cli.progress import starting_tensorflow
from tfmeta.core.checks import TfmetaError

if TYPE_CHECKING:
    from tfmeta.core.settings import Setting
    from tfmeta.recipes.recipe import Recipe
    from tfmeta.recipes.run import Run

__all__ = ["RUNS", "add_settings", "count", "given", "option", "recipe_named", "run_named", "subject"]

RUNS = Path("runs")
"""The folder of all runs, unless another is named."""

_WITHOUT_VALUE = ("--all-cells", "--overwrite")

_PARTS = ("tasks", "method", "training")


def count(text: str) -> int:
    """Reads a number of things: a whole number from 1 on."""
    try:
        number = int(text.replace(",", "").replace("_", ""))
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return number


def option(argv: Sequence[str], name: str) -> str | None:
    """Returns the value of an option before the parser that knows the others can be made; None where it is not given.

    Example:
        >>> option(["prototypical", "--tasks", "photos"], "--tasks"), option(["--tasks=photos"], "--tasks")
        ('photos', 'photos')
    """
    for place, word in enumerate(argv):
        if word == name and place + 1 < len(argv):
            return argv[place + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def subject(argv: Sequence[str]) -> str | None:
    """Returns the word that says what a verb is about: a known recipe or method, or else the first word.

    Example:
        >>> subject(["--steps", "100", "maml-sinusoid"]), subject(["runs/mine", "--ways", "5"])
        ('maml-sinusoid', 'runs/mine')
    """
    from tfmeta.recipes.registry import METHODS, RECIPES

    before = ["", *argv]
    known = [
        word
        for place, word in enumerate(argv)
        if (word in RECIPES or word in METHODS) and not _takes_a_value(before[place])
    ]
    if known:
        return known[0]
    return argv[0] if argv and not argv[0].startswith("-") else None


def _takes_a_value(word: str) -> bool:
    return word.startswith("--") and "=" not in word and word not in _WITHOUT_VALUE


def recipe_named(name: str, tasks: str | None) -> "Recipe":
    """Returns the recipe that is called `name`, or the method of that name on some tasks.

    Raises:
        TfmetaError: where there is none.
    """
    from tfmeta.recipes.registry import find_recipe, known_name

    known_name(name)  # a misspelt name need not wait for TensorFlow
    with starting_tensorflow():
        return find_recipe(name, tasks)


def add_settings(parser: argparse.ArgumentParser, recipe: "Recipe", parts: Sequence[str] = _PARTS) -> None:
    """Adds a flag for each setting of a recipe, and ``--set NAME=VALUE`` for any.

    Args:
        parser: of the verb.
        recipe: whose settings are shown, with their values as defaults.
        parts: whose settings: those of the tasks, the method or the training.
    """
    words = {
        "tasks": f"settings of the tasks ({recipe.tasks.name})",
        "method": f"settings of the method ({recipe.method.name})",
        "training": "settings of the training and its tests",
    }
    taken = set(parser._option_string_actions)
    for part in parts:
        owner = {"tasks": recipe.tasks, "method": recipe.method, "training": recipe.training}[part]
        shown = {name: each for name, each in owner.described().items() if each.help}
        if not shown:
            continue
        group = parser.add_argument_group(words[part])
        for name, each in shown.items():
            flag = f"--{name.replace('_', '-')}"
            if flag not in taken:
                _add(group, flag, each, owner.values()[name])
    parser.add_argument(
        "--set", metavar="NAME=VALUE", dest="pairs", action="append", default=[],
        help="the same for any setting; may be given several times",
    )  # fmt: skip


def _add(group: Any, flag: str, setting: "Setting", value: Any) -> None:
    shown = "none" if value == "" else str(value).lower() if setting.kind is bool else value
    metavar = "|".join(filter(None, setting.choices)) if setting.choices else setting.kind.__name__.upper()
    group.add_argument(
        flag, metavar=metavar, type=setting.read, default=None, dest=f"setting_{setting.name}",
        help=f"{setting.help} (default: {shown})".replace("%", "%%"),
    )  # fmt: skip


def given(recipe: "Recipe", args: argparse.Namespace) -> dict[str, Any]:
    """Returns the settings that the arguments of `add_settings` change.

    Raises:
        TfmetaError: for a setting that the recipe does not have, or a value that it cannot have.
    """
    found = {
        key.removeprefix("setting_"): value
        for key, value in vars(args).items()
        if key.startswith("setting_") and value is not None
    }
    known = recipe.described()
    for pair in args.pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise TfmetaError(f"--set {pair}: expected name=value, such as --set learning_rate=0.001.")
        if name not in known:
            recipe.configure(**{name: text})  # says that there is no such setting
        found[name] = known[name].read(text)
    return found


def run_named(what: str | None, recipe: "Recipe | None", folder: Path | None) -> "Run":
    """Returns the run that is meant.

    Args:
        what: what the user named: a recipe, a method, or the folder of a run.
        recipe: the recipe of that name; None where `what` is a folder.
        folder: of ``--run``; the usual one where None.

    Raises:
        TfmetaError: if there is no such folder.
    """
    from tfmeta.recipes.run import Run
    from tfmeta.recipes.train import train

    if recipe is None:
        return Run(Path(what or "."))
    place = folder or RUNS / recipe.run_name
    if not place.is_dir() and not recipe.training.steps:  # there is nothing to train, and nothing to wait for
        train(recipe, place, verbose=0)
    if not place.is_dir():
        begun = sorted(str(path.parent) for path in RUNS.glob("*/settings.json"))
        there = f"Runs here: {', '.join(begun)}; name one." if begun else "Train it first"
        raise TfmetaError(
            f"There is no run in {place}. {there}"
            + ("" if begun else f": tfmeta train {what}, or name its folder.")
        )
    return Run(place)
