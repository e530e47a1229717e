"""Neural module networks: questions composed into networks of small modules, and answered."""

from importlib import import_module
from typing import Any

_HOMES = {
    "DependencyParse": "parse",
    "Inventory": "inventory",
    "Layout": "layout",
    "LayoutError": "layout",
    "MODULES": "layout",
    "ModuleNetwork": "module_network",
    "MonolithicNetwork": "monolithic",
    "QuestionError": "parse",
    "RecordedParser": "parse",
    "SetCrossentropy": "set_crossentropy",
    "SpacyParser": "parse",
    "Token": "parse",
    "World": "world",
    "cell_network": "cells",
    "evaluate": "evaluator",
    "execute": "executor",
    "layout_candidates": "candidates",
    "module_servable": "servable",
    "pad_layouts": "program",
    "parse_layout": "layout",
    "question_words": "vocabulary",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"tfmeta.modules.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'tfmeta.modules' has no attribute {name!r}; it offers {', '.join(__all__)}")
