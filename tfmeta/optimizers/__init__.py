"""Update rules, designed by hand and learnt, and the problems that they are compared on."""

from importlib import import_module
from typing import Any

_HOMES = {
    "Comparison": "comparison",
    "CoordinatewiseLSTM": "coordinatewise_lstm",
    "Curriculum": "curriculum",
    "Descents": "race",
    "KerasProblem": "keras_problem",
    "LearnedOptimizer": "learned_optimizer",
    "LearnedRule": "learned_rule",
    "MetaTrainer": "meta_trainer",
    "Problem": "problem",
    "Quadratic": "quadratic",
    "RandomlyScaled": "random_scaling",
    "Sensitivity": "tuning",
    "ZOO": "zoo",
    "compare": "comparison",
    "convolution_problem": "convolution",
    "descend": "race",
    "find_rule": "zoo",
    "perceptron_problem": "perceptron",
    "problem_seeds": "meta_trainer",
    "rule_servable": "servable",
    "tune": "tuning",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"tfmeta.optimizers.{_HOMES[name]}"), name)
    raise AttributeError(
        f"module 'tfmeta.optimizers' has no attribute {name!r}; it offers {', '.join(__all__)}"
    )
