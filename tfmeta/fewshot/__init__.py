"""Learners that tell classes apart, or continue a function, after a few examples."""

from importlib import import_module
from typing import Any

_HOMES = {
    "Classifier": "pretraining",
    "FewShotLearner": "learner",
    "FineTuning": "finetuning",
    "LifelongMemory": "lifelong",
    "MAML": "maml",
    "MatchingNetwork": "matching",
    "MemoryLayer": "memory_layer",
    "NearestCentroid": "baselines",
    "NearestNeighbour": "baselines",
    "NeuralStatistician": "statistician",
    "PrototypicalNetwork": "prototypical",
    "Reptile": "reptile",
    "SiameseNetwork": "siamese",
    "few_shot_servable": "servable",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"tfmeta.fewshot.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'tfmeta.fewshot' has no attribute {name!r}; it offers {', '.join(__all__)}")
