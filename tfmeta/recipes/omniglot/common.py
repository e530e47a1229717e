"""What all methods on Omniglot share: settings, tasks, protocol, and the published numbers beside theirs."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.episodes import episodes
from tfmeta.core.evaluate import TaskAccuracy
from tfmeta.data.augment import random_affine
from tfmeta.data.omniglot import load_omniglot
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.networks.conv4 import conv4
from tfmeta.recipes.few_shot import EpisodeSettings, FewShotRecipe
from tfmeta.recipes.omniglot import lecture
from tfmeta.recipes.recipe import Part

__all__ = [
    "OmniglotSettings", "embedding", "omniglot_episodes", "omniglot_images", "omniglot_protocol", "omniglot_recipe",
    "omniglot_setting",
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class OmniglotSettings(EpisodeSettings):
    """Settings of a recipe on Omniglot.

    Attributes:
        split: ``"alphabets"`` or ``"characters"``; see `tfmeta.data.omniglot.load_omniglot`.
        augment: turns, shears, scales and shifts the training images at random.
        test_ways: ways of the test tasks; those of training where 0.
        test_shots: shots of the test tasks; those of training where 0.
        test_queries: query examples of each class in a test task.
    """

    split: str = "alphabets"
    augment: bool = True
    test_ways: int = 0
    test_shots: int = 0
    test_queries: int = 5


def omniglot_episodes(settings: OmniglotSettings, part: Part, start: int) -> tf.data.Dataset:
    """Returns the tasks of a part, batch `start` first; test tasks are the same for everybody."""
    train = part == "train"
    ways, shots = (settings.ways, settings.shots) if train else _tested(settings)
    return episodes(
        omniglot_images(settings, part),
        ways=ways,
        shots=shots,
        queries=settings.queries if train else settings.test_queries,
        batch_size=settings.batch_size if train else 20,
        # Test tasks are the same for every learner and for every seed of training.
        seed=settings.seed if train else {"validation": 1_000_001, "test": 1_000_002}[part],
        start=start,
        augment=random_affine(shift=1.5) if train and settings.augment else None,
    )


def omniglot_images(settings: OmniglotSettings, part: Part) -> np.ndarray:
    """Returns the drawings of a part, ``[classes, 20, 28, 28, 1]``; turned ones are classes in training only."""
    return load_omniglot(part, split=settings.split, rotations=part == "train")


def omniglot_setting(settings: OmniglotSettings) -> str:
    """Returns what distinguishes a test, e.g. ``"5-way 1-shot, split alphabets"``."""
    ways, shots = _tested(settings)
    return f"{ways}-way {shots}-shot, split {settings.split}"


def embedding(settings: OmniglotSettings) -> keras.Model:
    """Returns the embedding network of the methods that compare images."""
    return conv4(downsampling="mixed", linear_features=True, seed=settings.seed)


def omniglot_recipe(
    key: str,
    *,
    settings: OmniglotSettings,
    learner: Callable[[Any], FewShotLearner],
    artefact: Callable[[Any], str] | None = None,
    system: str | None = None,
    kind: type[FewShotRecipe] = FewShotRecipe,
    **others: Any,
) -> FewShotRecipe:
    """Makes the recipe of a method.

    Args:
        key: names it: ``maml`` makes the recipe ``maml-omniglot`` and the model ``maml_omniglot``.
        settings: those that are believed in.
        learner: builds the learner.
        artefact: names the model, without the split; ``<key>_omniglot`` if None.
        system: its row of the lecture's table; `key` if None.
        kind: the class of the recipe.
        **others: further fields of the `FewShotRecipe`: its method, summary and paper, and what else it does in
            its own way.

    Returns:
        The recipe, of which all test tasks, the loss and the metric are those of everybody unless `others`
        say otherwise.
    """
    name = artefact or (lambda settings: f"{key.replace('-', '_')}_omniglot")
    shared = {
        "name": f"{key}-omniglot",
        "data": "Omniglot (Lake et al. 2015), complete, 28x28, through TensorFlow Datasets",
        "settings": settings,
        "learner": learner,
        "episodes": omniglot_episodes,
        "loss": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "metric": TaskAccuracy,
        "artefact": lambda s: name(s) if s.split == "alphabets" else f"{name(s)}_{s.split}",
        "setting": omniglot_setting,
        "protocol": omniglot_protocol,
        "published": lambda s: lecture.published(system or key, *_tested(s)),
    }
    return kind(**{**shared, **others})


def _tested(settings: OmniglotSettings) -> tuple[int, int]:
    """Ways and shots of the test tasks."""
    return settings.test_ways or settings.ways, settings.test_shots or settings.shots


def omniglot_protocol(settings: OmniglotSettings) -> str:
    """Says how tasks are drawn for training and test."""
    return (
        f"trained on {settings.ways}-way {settings.shots}-shot tasks of the training classes and their rotations,"
        f" {settings.queries} queries a class; tested on upright test classes of the split '{settings.split}',"
        f" {settings.test_queries} queries a class; test classes were never seen in training or tuning"
    )
