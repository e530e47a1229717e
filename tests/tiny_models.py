"""Untrained classifiers of 28x28 drawings that are small enough to export in a test."""

import keras
import numpy as np

from tfmeta.core.cards import Card, Result
from tfmeta.core.export import export
from tfmeta.fewshot.matching import MatchingNetwork
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.fewshot.servable import few_shot_servable

NAMES = ("matching_tiny", "prototypical_tiny")

RESULTS = (
    Result("accuracy", 0.25, 0.0125, 100, "5-way 1-shot"),
    Result("accuracy", 0.5, 0.0125, 100, "2-way"),
)


def build(folder):
    """Exports them to a folder, and returns it."""
    random = np.random.default_rng(0)
    episode = {
        "support_x": random.random((1, 5, 28, 28, 1)),
        "support_y": np.arange(5)[None],
        "query_x": random.random((1, 3, 28, 28, 1)),
    }
    for name, learner in zip(NAMES, (MatchingNetwork, PrototypicalNetwork), strict=True):
        layers = [keras.Input([28, 28, 1]), keras.layers.AveragePooling2D(4), keras.layers.Flatten()]
        card = Card("Guesses.", results=RESULTS)
        servable = few_shot_servable(
            learner(keras.Sequential(layers)), name, example_episode=episode, card=card
        )
        export(servable, folder)
    return folder
