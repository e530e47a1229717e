"""Lists what can be trained, and the trained models that were found.

Recipes are published results. A method learns from any tasks of its kind: those that are listed, or a folder of
images of your own. Other packages may add to each list.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfmeta.cli.progress import starting_tensorflow
from tfmeta.core.checks import TfmetaError
from tfmeta.core.words import printable

SUMMARY = "the recipes, methods and tasks, and the trained models"

_WIDTH = 28  # of a name and the space after it


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Adds no argument."""


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    from tfmeta.core.hub import list_models
    from tfmeta.recipes.registry import METHODS, RECIPES, TASKS

    with starting_tensorflow():
        found = [_each(group) for group in (RECIPES, METHODS, TASKS)]
    recipes, methods, tasks = found
    lines = ["Recipes (tfmeta train RECIPE)"]
    for name, recipe in recipes:
        lines += _row(name, recipe, lambda it: (it.method.summary(it.tasks), it.method.paper))
    lines += ["", "Methods (tfmeta train METHOD --tasks TASKS)"]
    for name, method in methods:
        lines += _row(name, method, lambda it: (f"{it.title}, {it.paper}; learns from {it.takes.__name__}",))
    lines += [
        "",
        "Tasks (or a folder: with a subfolder of images for each class, or of faces with .pts files)",
    ]
    for name, source in tasks:
        lines += _row(name, source, lambda it: (_first_line(it),))
    models = list_models()
    lines += ["", "Models (tfmeta serve; tfmeta.load(MODEL))" if models else "Models: none found; see --help"]
    for name, versions in models.items():
        numbers = ", ".join(path.name for path in versions)
        lines.append(f"  {name:{_WIDTH}}version {numbers}: {_result(versions[-1])}")
    print(printable("\n".join(lines)))


def _each(group: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Each entry of a group; one that cannot be imported is listed with its error."""
    found: list[tuple[str, Any]] = []
    for name in group:
        try:
            found.append((name, group[name]))
        except TfmetaError as error:
            found.append((name, error))
    return found


def _row(name: str, entry: Any, words: Any) -> Iterable[str]:
    lines = (f"broken: {entry}",) if isinstance(entry, TfmetaError) else words(entry)
    yield f"  {name:{_WIDTH}}{lines[0]}"
    yield from (f"  {'':{_WIDTH}}{line}" for line in lines[1:])


def _first_line(source: type) -> str:
    return f"{(source.__doc__ or source.__name__).splitlines()[0]} ({', '.join(_kinds(source))})"


def _kinds(source: type) -> list[str]:
    """The classes of tasks that methods ask for, of which this source is one."""
    from tfmeta.core.tasks import Tasks

    return [kind.__name__ for kind in source.__mro__[1:] if issubclass(kind, Tasks) and kind is not Tasks]


def _result(path: Any) -> str:
    """What a model's card claims, in one line."""
    from tfmeta.core.cards import Card

    try:
        results = Card.read(path).results
    except TfmetaError:
        return "no readable card"
    if not results:
        return "not measured"
    first = results[0]
    more = f"; {len(results) - 1} more on its card" if len(results) > 1 else ""
    return f"{first.metric} {first.value:.3f} ± {first.ci95:.3f}, {first.setting}{more}"
