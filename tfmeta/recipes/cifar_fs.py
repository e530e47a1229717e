"""Few-shot classification of photographs: Prototypical Networks on CIFAR-FS."""

import dataclasses

import keras
import tensorflow as tf

from tfmeta.core.episodes import episodes
from tfmeta.core.evaluate import TaskAccuracy
from tfmeta.data.augment import random_mirror
from tfmeta.data.cifar_fs import load_cifar_fs
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.networks.conv4 import conv4
from tfmeta.recipes.few_shot import EpisodeSettings, FewShotRecipe
from tfmeta.recipes.recipe import Part

__all__ = ["PROTOTYPICAL_CIFAR_FS"]

_PUBLISHED = {(5, 1): 0.555, (5, 5): 0.720}
_SOURCE = "Bertinetto et al., ICLR 2019, four blocks of 64 filters"


@dataclasses.dataclass(frozen=True)
class CifarFSSettings(EpisodeSettings):
    """Settings of a recipe on CIFAR-FS.

    Attributes:
        augment: shifts and mirrors the training images at random.
        test_ways: ways of the test tasks; those of training where 0.
        test_shots: shots of the test tasks; those of training where 0.
        test_queries: query examples of each class in a test task.
    """

    augment: bool = True
    test_ways: int = 0
    test_shots: int = 0
    test_queries: int = 15


def _learner(settings: CifarFSSettings) -> PrototypicalNetwork:
    network = conv4((32, 32, 3), downsampling="pool", linear_features=True, seed=settings.seed)
    return PrototypicalNetwork(network, scale=1.0 / network.output_shape[-1])


def _episodes(settings: CifarFSSettings, part: Part, start: int) -> tf.data.Dataset:
    train = part == "train"
    ways, shots = (settings.ways, settings.shots) if train else _tested(settings)
    return episodes(
        load_cifar_fs(part),
        ways=ways,
        shots=shots,
        queries=settings.queries if train else settings.test_queries,
        batch_size=settings.batch_size if train else 20,
        # Test tasks are the same for every learner and for every seed of training.
        seed=settings.seed if train else {"validation": 1_000_001, "test": 1_000_002}[part],
        start=start,
        augment=random_mirror() if train and settings.augment else None,
    )


def _tested(settings: CifarFSSettings) -> tuple[int, int]:
    """Ways and shots of the test tasks."""
    return settings.test_ways or settings.ways, settings.test_shots or settings.shots


def _setting(settings: CifarFSSettings) -> str:
    return "{}-way {}-shot".format(*_tested(settings))


def _protocol(settings: CifarFSSettings) -> str:
    return (
        f"trained on {settings.ways}-way {settings.shots}-shot tasks of 64 classes, {settings.queries} queries a class;"
        f" tested on the 20 test classes, {settings.test_queries} queries a class; test classes were never seen in"
        " training or tuning"
    )


def _published(settings: CifarFSSettings) -> tuple[float | None, str]:
    found = _PUBLISHED.get(_tested(settings))
    return found, "" if found is None else _SOURCE


PROTOTYPICAL_CIFAR_FS = FewShotRecipe(
    name="prototypical-cifar-fs",
    summary="Tells small photographs apart by their distance to the mean of a few examples of each class.",
    method="Prototypical Network",
    paper="Snell, Swersky, Zemel, NIPS 2017",
    data="CIFAR-FS (Bertinetto et al. 2019): CIFAR-100, complete, 32x32, through TensorFlow Datasets",
    settings=CifarFSSettings(ways=20, shots=5, queries=10, steps=10_000, learning_rate=2e-3, test_ways=5),
    learner=_learner,
    episodes=_episodes,
    loss=lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metric=TaskAccuracy,
    artefact=lambda settings: "prototypical_cifar_fs",
    setting=_setting,
    protocol=_protocol,
    published=_published,
)
