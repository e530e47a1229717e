"""Learning to learn for TensorFlow and Keras 3, from training to an answered gRPC request.

Importing `tfmeta` imports no TensorFlow: each public name is loaded when it is first used.
"""

from importlib import import_module
from typing import Any

from tfmeta.version import __version__

_ROOMS = ("core", "data", "fewshot", "modules", "networks", "optimizers", "recipes", "rl", "serving")

__all__ = [
    "__version__", "core", "data", "fewshot", "load", "modules", "networks", "optimizers", "recipes", "rl", "serving"
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "load":
        return import_module("tfmeta.core.hub").load
    if name in _ROOMS:
        return import_module(f"tfmeta.{name}")
    raise AttributeError(f"module 'tfmeta' has no attribute {name!r}; it offers {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
