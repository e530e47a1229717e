"""The learners that are held to the contract: each kind, with the options that change what it computes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from tfmeta.fewshot.baselines import NearestCentroid, NearestNeighbour
from tfmeta.fewshot.finetuning import FineTuning
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.lifelong import LifelongMemory
from tfmeta.fewshot.maml import MAML
from tfmeta.fewshot.matching import MatchingNetwork
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.fewshot.reptile import Reptile
from tfmeta.fewshot.siamese import SiameseNetwork
from tfmeta.fewshot.statistician import NeuralStatistician
from tfmeta.networks import mlp

WAYS = 3
ITEM = (6, 7, 3)  # no square, and in colour


def network(outputs: int, item: tuple[int, ...] = ITEM) -> keras.Model:
    glorot = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(1))
    return keras.Sequential([
        keras.Input(item),
        keras.layers.Conv2D(4, 3, strides=2, kernel_initializer=glorot),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("tanh"),
        keras.layers.Flatten(),
        keras.layers.Dense(outputs, kernel_initializer=glorot),
    ])  # fmt: skip


class Case(NamedTuple):
    """A learner to build: its class, the network inside, and its options."""

    kind: type[FewShotLearner]
    network: Callable[[], keras.Model]
    options: dict[str, Any]

    def build(self) -> FewShotLearner:
        return self.kind(self.network(), **self.options)


def head() -> keras.Model:
    return network(WAYS)


def embedding() -> keras.Model:
    return network(8)


def curve() -> keras.Model:
    return mlp(1, [5, 5], 1, activation="tanh")


CASES = {
    "maml-support": Case(MAML, head, {"inner_rate": 0.1, "learn_rates": True, "inner_steps": 2}),
    "maml-transductive": Case(MAML, head, {"first_order": True, "batch_statistics": "transductive"}),
    "maml-none": Case(MAML, head, {"batch_statistics": "none"}),
    "maml-map": Case(MAML, head, {"engine": "map"}),
    "maml-regression": Case(MAML, curve, {"inner_rate": 0.05, "task": "regression"}),
    "maml-plus-plus": Case(MAML, head, {
        "inner_rate": 0.1, "inner_steps": 2, "test_steps": 3, "learn_rates": True, "first_order_until": 2,
        "multi_step_until": 4, "batch_statistics": "per_step",
    }),
    "anil": Case(MAML, head, {"inner_rate": 0.1, "inner_steps": 2, "adapt_only": "head"}),
    "reptile": Case(Reptile, head, {"inner_rate": 0.1, "inner_steps": 3}),
    "prototypical": Case(PrototypicalNetwork, embedding, {"scale": 0.25}),
    "matching": Case(MatchingNetwork, embedding, {}),
    "matching-full-context": Case(MatchingNetwork, embedding, {"full_context": True, "processing_steps": 2}),
    "siamese-contrastive": Case(SiameseNetwork, embedding, {"margin": 2.0, "class_score": "nearest"}),
    "siamese-verification": Case(SiameseNetwork, embedding, {"loss": "verification"}),
    "lifelong-memory": Case(LifelongMemory, embedding, {"size": 16, "neighbours": 8, "margin": 0.5}),
    "nearest-neighbour": Case(NearestNeighbour, embedding, {"metric": "euclidean"}),
    "nearest-centroid": Case(NearestCentroid, embedding, {}),
    "fine-tuning": Case(FineTuning, embedding, {"steps": 3, "rate": 0.1}),
    "fine-tuning-all": Case(FineTuning, embedding, {"tuned": "all", "steps": 3, "rate": 0.1}),
    "statistician": Case(NeuralStatistician, embedding, {"context_size": 4, "latent_size": 2, "hidden": 8}),
    "statistician-supervised": Case(
        NeuralStatistician, embedding, {"context_size": 4, "latent_layers": 2, "hidden": 8, "episode_weight": 1.0}
    ),
}  # fmt: skip


def is_regression(learner: FewShotLearner) -> bool:
    return learner.task == "regression"


def episode(
    learner: FewShotLearner, tasks: int = 2, shots: int = 2, queries: int = 5, seed: int = 0
) -> dict[str, np.ndarray]:
    """Draws tasks of noise with as many examples of each class."""
    random = np.random.RandomState(seed)
    item = learner.network.input_shape[1:]
    y = np.tile(np.repeat(np.arange(WAYS), shots), [tasks, 1])
    support_x = random.randn(tasks, WAYS * shots, *item).astype(np.float32)
    return {
        "support_x": support_x,
        "support_y": np.sin(support_x) if is_regression(learner) else y.astype(np.int32),
        "query_x": random.randn(tasks, queries, *item).astype(np.float32),
    }
