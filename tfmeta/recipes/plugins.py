"""Finds recipes, methods and tasks by name: ours, and those that other installed packages register.

Ours are listed in `tfmeta.recipes.contents`. Another package registers what it brings by entry points:

===================  ===========================================
group                an entry names
===================  ===========================================
``tfmeta.recipes``   a `tfmeta.recipes.recipe.Recipe`
``tfmeta.methods``   a class of `tfmeta.core.method.Method`
``tfmeta.tasks``     a class of `tfmeta.core.tasks.Tasks`
===================  ===========================================
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.recipes.contents import CONTENTS

__all__ = ["GROUPS", "Plugins"]

GROUPS = ("recipes", "methods", "tasks")


class Plugins(Mapping[str, Any]):
    """What is registered in a group, by name. It is imported, and TensorFlow with it, when it is first used.

    Args:
        kind: ``"recipes"``, ``"methods"`` or ``"tasks"``.
        noun: what one of them is called in messages.

    Example:
        >>> "prototypical" in Plugins("methods", "method")
        True
    """

    def __init__(self, kind: str, noun: str):
        self._kind, self._noun = kind, noun

    @functools.cached_property
    def _entries(self) -> dict[str, list[metadata.EntryPoint]]:
        group = f"tfmeta.{self._kind}"
        found = {
            name: [metadata.EntryPoint(name, place, group)] for name, place in CONTENTS[self._kind].items()
        }
        for entry in metadata.entry_points(group=group):
            found.setdefault(entry.name, []).append(entry)
        return found

    def __getitem__(self, name: str) -> Any:
        """Imports what is called `name`.

        Raises:
            TfmetaError: if there is none, if two packages register it, or if it cannot be imported or used.
        """
        if name not in self._entries:
            raise TfmetaError(f"There is no {self._noun} {name!r}. {nearest(name, self._entries)}")
        entry, *others = self._entries[name]
        if others:
            packages = sorted(_package(each) for each in (entry, *others))
            raise TfmetaError(
                f"The {self._noun} {name!r} is registered by {' and by '.join(packages)}; a plug-in must not take a"
                " name that exists. Rename its entry point, or uninstall it."
            )
        return _loaded(self._kind, self._noun, entry)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


@functools.cache  # mistakes are not kept
def _loaded(kind: str, noun: str, entry: metadata.EntryPoint) -> Any:
    """Imports an entry point, and checks what it names."""
    what = f"The {noun} {entry.name!r} of the package {_package(entry)} cannot be"
    try:
        found = entry.load()
    except (Exception, SystemExit) as error:  # a stranger's module may raise anything
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise TfmetaError(
            f"{what} imported from {entry.value}: {reason}. Mend or uninstall that package."
        ) from error
    from tfmeta.recipes.plugin_checks import check_registered  # which imports TensorFlow

    try:
        check_registered(kind, entry.name, found)
    except TfmetaError as error:
        raise TfmetaError(f"{what} used: {error}. Mend or uninstall that package.") from error
    return found


def _package(entry: metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "tfmeta"
