"""Few-shot classification of Omniglot's characters: MAML, Prototypical and Matching Networks."""

import dataclasses
import functools

import keras
import tensorflow as tf

from tfmeta.core.episodes import episodes
from tfmeta.core.evaluate import TaskAccuracy
from tfmeta.data.augment import random_affine
from tfmeta.data.omniglot import load_omniglot
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.maml import MAML
from tfmeta.fewshot.matching import MatchingNetwork
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.networks.conv4 import conv4
from tfmeta.recipes.recipe import Part, Recipe, Settings

__all__ = ["MAML_OMNIGLOT", "MATCHING_OMNIGLOT", "PROTOTYPICAL_OMNIGLOT"]


@dataclasses.dataclass(frozen=True)
class OmniglotSettings(Settings):
    """Settings of a recipe on Omniglot.

    Attributes:
        split: ``"alphabets"`` or ``"characters"``; see `tfmeta.data.omniglot.load_omniglot`.
        augment: turns, shears, scales and shifts the training images at random.
        test_ways: ways of the test tasks; those of training where 0.
        test_queries: query examples of each class in a test task.
    """

    split: str = "alphabets"
    augment: bool = True
    test_ways: int = 0
    test_queries: int = 5


@dataclasses.dataclass(frozen=True)
class MAMLSettings(OmniglotSettings):
    """Settings of MAML; see `tfmeta.fewshot.maml.MAML` for what they mean."""

    inner_rate: float = 0.4
    inner_steps: int = 1
    learn_rates: bool = True
    batch_statistics: str = "support"
    first_order: bool = False


def _episodes(settings: OmniglotSettings, part: Part, start: int) -> tf.data.Dataset:
    train = part == "train"
    return episodes(
        load_omniglot(part, split=settings.split, rotations=train),
        ways=settings.ways if train else settings.test_ways or settings.ways,
        shots=settings.shots,
        queries=settings.queries if train else settings.test_queries,
        batch_size=settings.batch_size if train else 20,
        # Test tasks are the same for every learner and for every seed of training.
        seed=settings.seed if train else {"validation": 1_000_001, "test": 1_000_002}[part],
        start=start,
        augment=random_affine(shift=1.5) if train and settings.augment else None,
    )


def _maml(settings: MAMLSettings) -> FewShotLearner:
    return MAML(
        conv4(downsampling="stride", outputs=settings.ways, linear_features=True, seed=settings.seed),
        inner_rate=settings.inner_rate,
        inner_steps=settings.inner_steps,
        learn_rates=settings.learn_rates,
        first_order=settings.first_order,
        batch_statistics=settings.batch_statistics,
    )


def _with_statistics(learner: MAML, settings: MAMLSettings) -> MAML:
    """Weights may be tested with other statistics than they were trained with."""
    learner.batch_statistics = settings.batch_statistics
    return learner


def _embedding(settings: OmniglotSettings) -> keras.Model:
    return conv4(downsampling="mixed", linear_features=True, seed=settings.seed)


def _prototypical(settings: OmniglotSettings) -> FewShotLearner:
    network = _embedding(settings)
    return PrototypicalNetwork(network, scale=1.0 / network.output_shape[-1])


def _matching(settings: OmniglotSettings) -> FewShotLearner:
    return MatchingNetwork(_embedding(settings))


def _protocol(settings: OmniglotSettings) -> str:
    return (
        f"trained on {settings.ways}-way {settings.shots}-shot tasks of the training classes and their rotations,"
        f" {settings.queries} queries a class; tested on upright test classes of the split '{settings.split}',"
        f" {settings.test_queries} queries a class; test classes were never seen in training or tuning"
    )


def _setting(settings: OmniglotSettings) -> str:
    ways = settings.test_ways or settings.ways
    return f"{ways}-way {settings.shots}-shot, split {settings.split}"


def _published(method: str, settings: OmniglotSettings) -> tuple[float | None, str]:
    """The lecture's number, where its table has one: on a random split of the characters."""
    cell = (settings.test_ways or settings.ways, settings.shots)
    found = _LECTURE.get(method, {}).get(cell)
    return found, "" if found is None else "the lecture's table; 1,200 random characters for training"


def _name(method: str, settings: OmniglotSettings) -> str:
    return method if settings.split == "alphabets" else f"{method}_{settings.split}"


def _recipe(
    key: str, method: str, summary: str, paper: str, settings: OmniglotSettings, learner, artefact
) -> Recipe:
    return Recipe(
        name=f"{key}-omniglot",
        summary=summary,
        method=method,
        paper=paper,
        data="Omniglot (Lake et al. 2015), complete, 28x28, through TensorFlow Datasets",
        settings=settings,
        learner=learner,
        episodes=_episodes,
        loss=lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metric=TaskAccuracy,
        artefact=artefact,
        setting=_setting,
        protocol=_protocol,
        published=functools.partial(_published, key),
    )


_LECTURE = {
    "maml": {(5, 1): 0.987, (5, 5): 0.999, (20, 1): 0.931, (20, 5): 0.988},
    "matching": {(5, 1): 0.981, (5, 5): 0.989, (20, 1): 0.938, (20, 5): 0.985},
}


MAML_OMNIGLOT = dataclasses.replace(
    _recipe(
        "maml",
        "MAML",
        "Tells handwritten characters apart after one gradient step on a few examples of each.",
        "Finn, Abbeel, Levine, ICML 2017",
        MAMLSettings(queries=3, batch_size=16, steps=12000, learning_rate=2e-3),
        _maml,
        lambda s: _name(f"maml_omniglot_{s.ways}w{s.shots}s", s),
    ),
    setting=lambda s: f"{_setting(s)}, {s.batch_statistics} statistics",
    for_test=_with_statistics,
)

PROTOTYPICAL_OMNIGLOT = _recipe(
    "prototypical",
    "Prototypical Network",
    "Tells handwritten characters apart by their distance to the mean of a few examples of each.",
    "Snell, Swersky, Zemel, NIPS 2017",
    OmniglotSettings(ways=60, queries=5, steps=3000, learning_rate=5e-3, test_ways=5),
    _prototypical,
    lambda s: _name("prototypical_omniglot", s),
)

MATCHING_OMNIGLOT = _recipe(
    "matching",
    "Matching Network",
    "Tells handwritten characters apart by attending to a few examples of each.",
    "Vinyals et al., NIPS 2016",
    OmniglotSettings(ways=60, queries=5, steps=3000, learning_rate=5e-3, test_ways=5),
    _matching,
    lambda s: _name("matching_omniglot", s),
)
