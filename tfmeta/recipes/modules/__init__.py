"""Questions answered by composed networks: one file a world, and what they share in `common`."""

from importlib import import_module
from typing import Any

_HOMES = {
    "NMN_GEOQA": "geoqa",
    "MONOLITHIC_COMBINATIONS": "combinations",
    "MONOLITHIC_SHAPES": "shapes",
    "NMN_COMBINATIONS": "combinations",
    "NMN_SHAPES": "shapes",
    "QuestionRecipe": "common",
    "QuestionSettings": "common",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"tfmeta.recipes.modules.{_HOMES[name]}"), name)
    raise AttributeError(
        f"module 'tfmeta.recipes.modules' has no attribute {name!r}; it offers {', '.join(__all__)}"
    )
