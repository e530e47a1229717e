"""Learners that tell classes apart, or continue a function, after a few examples."""

from tfmeta.lazy import lazily

__all__, __getattr__ = lazily(
    "tfmeta.fewshot",
    {
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
        "Requests": "requests",
        "SiameseNetwork": "siamese",
        "StateSize": "state_size",
        "extra_signatures": "extras",
        "few_shot_servable": "servable",
    },
)
