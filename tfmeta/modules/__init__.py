"""Neural module networks: questions composed into networks of small modules, and answered."""

from importlib import import_module
from typing import Any

_HOMES = {
    "DependencyParse": "parse",
    "Layout": "layout",
    "LayoutError": "layout",
    "MODULES": "layout",
    "QuestionError": "parse",
    "RecordedParser": "parse",
    "SpacyParser": "parse",
    "Token": "parse",
    "layout_candidates": "candidates",
    "parse_layout": "layout",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"tfmeta.modules.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'tfmeta.modules' has no attribute {name!r}; it offers {', '.join(__all__)}")
