"""Checks what is registered, so that a mistake in somebody's package is told in one line and harms nothing else."""

import dataclasses
import inspect
import typing
from typing import Any, ClassVar

from tfmeta.core.checks import TfmetaError
from tfmeta.core.method import Method
from tfmeta.core.settings import Settings
from tfmeta.core.tasks import Tasks
from tfmeta.recipes.recipe import Recipe

__all__ = ["check_registered"]

_KINDS = (bool, int, float, str)

# The first three are keys beside the settings in the file of a run and on cards; the others are flags of the verbs.
_RESERVED = {
    "recipe", "method", "tasks", "card", "out", "run", "count", "to", "version", "overwrite", "set", "help", "debug",
}  # fmt: skip


def check_registered(kind: str, name: str, found: Any) -> None:
    """Checks an entry of a group.

    Args:
        kind: ``"recipes"``, ``"methods"`` or ``"tasks"``.
        name: that of the entry point.
        found: what the entry point names.

    Raises:
        TfmetaError: where it is of another type, lacks what every entry of its group says, has settings that cannot be
            set, or has another name.

    Example:
        >>> from tfmeta.fewshot.methods import Prototypical
        >>> check_registered("methods", "proto", Prototypical)
        Traceback (most recent call last):
        tfmeta.core.checks.TfmetaError: Prototypical is named 'prototypical'; give its entry point that name
    """
    if kind == "recipes":
        if not isinstance(found, Recipe):
            raise TfmetaError(f"expected a Recipe, came {_shown(found)}")
        for part in (found.tasks, found.method, found.training):
            _check_settings(type(part))
        called = found.name
    elif kind == "methods":
        method = _made(found, Method)
        if not (inspect.isclass(method.takes) and issubclass(method.takes, Tasks)):
            raise TfmetaError(
                f"{found.__name__}.takes: expected a class of Tasks, came {_shown(method.takes)}"
            )
        called = method.name
    else:
        called = _made(found, Tasks).registered
    if called != name:
        raise TfmetaError(f"{_name(found)} is named {called!r}; give its entry point that name")


def _made(found: Any, base: type[Settings]) -> Any:
    """Makes an object of a registered class, as the command line does."""
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise TfmetaError(f"expected a class of {base.__name__}, came {_shown(found)}")
    kinds = typing.get_type_hints(found)
    missing = sorted(found.__abstractmethods__) + sorted(  # type: ignore[attr-defined]
        name
        for name, kind in kinds.items()
        if typing.get_origin(kind) is ClassVar and getattr(found, name, None) is None
    )
    if missing:
        raise TfmetaError(f"{found.__name__} does not define {', '.join(missing)}")
    _check_settings(found)
    needed = [
        name for name, each in inspect.signature(found).parameters.items() if each.default is each.empty
    ]
    if needed:
        raise TfmetaError(f"{found.__name__} is made without arguments; give {', '.join(needed)} a default")
    return found()


def _check_settings(owner: type[Settings]) -> None:
    forgotten = [name for name, value in vars(owner).items() if isinstance(value, dataclasses.Field)]
    if forgotten:
        raise TfmetaError(
            f"{owner.__name__} has the settings {', '.join(forgotten)}, but is no dataclass; decorate it with"
            " @dataclasses.dataclass(frozen=True)"
        )
    for name, setting in owner.described().items():
        if setting.kind not in _KINDS:
            raise TfmetaError(f"the setting {name} of {owner.__name__} must be a bool, int, float or str")
        if type(setting.value) is not setting.kind and (setting.kind, type(setting.value)) != (float, int):
            raise TfmetaError(
                f"the setting {name} of {owner.__name__} is of the type {setting.kind.__name__}, but its default is"
                f" {setting.value!r}"
            )
        if name in _RESERVED:
            raise TfmetaError(
                f"a setting of {owner.__name__} cannot be called {name}, which means something else"
            )


def _name(found: Any) -> str:
    return found.__name__ if inspect.isclass(found) else "it"


def _shown(found: Any) -> str:
    return f"the class {found.__name__}" if inspect.isclass(found) else f"an object of {type(found).__name__}"
