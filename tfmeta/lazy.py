"""Packages whose names are loaded when they are first used: a room is named without waiting for TensorFlow."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(package: str, homes: Mapping[str, str]) -> tuple[list[str], Callable[[str], Any]]:
    """Makes ``__all__`` and ``__getattr__`` of a package that offers what its modules define.

    Args:
        package: its name.
        homes: the module of each name, seen from the package.

    Returns:
        The names in order, and the function that loads one.

    Example:
        >>> __all__, __getattr__ = lazily("tfmeta.core", {"estimate": "estimate"})
        >>> __getattr__("estimate").__module__
        'tfmeta.core.estimate'
    """
    names = sorted(homes)

    def load(name: str) -> Any:
        if name in homes:
            return getattr(import_module(f"{package}.{homes[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}; it offers {', '.join(names)}")

    return names, load
