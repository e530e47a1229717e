"""Neural module networks: questions composed into networks of small modules, and answered."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.modules",
    {
        "DependencyParse": "parse",
        "Inventory": "inventory",
        "Layout": "layout",
        "LayoutError": "layout",
        "MODULES": "layout",
        "ModuleLayer": "layer",
        "ModuleNetwork": "module_network",
        "ModuleSettings": "layer",
        "ModuleSpec": "spec",
        "ModuleType": "layout",
        "MonolithicNetwork": "monolithic",
        "QuestionError": "parse",
        "RecordedParser": "parse",
        "STANDARD": "standard",
        "SetCrossentropy": "set_crossentropy",
        "SpacyParser": "parse",
        "Token": "parse",
        "World": "world",
        "cell_network": "cells",
        "evaluate": "evaluator",
        "execute": "executor",
        "layout_candidates": "candidates",
        "module_servable": "servable",
        "pad_layouts": "layout",
        "parse_layout": "layout",
        "question_words": "vocabulary",
    },
)
