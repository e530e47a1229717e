"""Few-shot classification of Omniglot's characters: one file a method, and what they share in `common`."""

from importlib import import_module
from typing import Any

_HOMES = {
    "MAML_OMNIGLOT": "maml",
    "MATCHING_FCE_OMNIGLOT": "matching",
    "MATCHING_OMNIGLOT": "matching",
    "MEMORY_OMNIGLOT": "memory",
    "PIXELS_OMNIGLOT": "baselines",
    "PRETRAINED_OMNIGLOT": "baselines",
    "PROTOTYPICAL_OMNIGLOT": "prototypical",
    "SIAMESE_OMNIGLOT": "siamese",
    "STATISTICIAN_OMNIGLOT": "statistician",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"tfmeta.recipes.omniglot.{_HOMES[name]}"), name)
    raise AttributeError(
        f"module 'tfmeta.recipes.omniglot' has no attribute {name!r}; it offers {', '.join(__all__)}"
    )
