"""Baselines on Omniglot's characters: what there is without meta-learning, which makes its worth visible."""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfmeta.core.examples import labelled_examples
from tfmeta.data.augment import random_affine
from tfmeta.data.omniglot import load_omniglot
from tfmeta.fewshot.baselines import NearestCentroid, NearestNeighbour, pixels
from tfmeta.fewshot.finetuning import FineTuning
from tfmeta.fewshot.pretraining import Classifier
from tfmeta.recipes.few_shot import FewShotRecipe
from tfmeta.recipes.omniglot.common import OmniglotSettings, embedding, omniglot_episodes, omniglot_recipe
from tfmeta.recipes.omniglot.lecture import SETTINGS
from tfmeta.recipes.recipe import Part

__all__ = ["CENTROID_OMNIGLOT", "FINETUNE_OMNIGLOT", "PIXELS_OMNIGLOT"]


@dataclasses.dataclass(frozen=True)
class PixelsSettings(OmniglotSettings):
    """Settings of nearest neighbours on pixels, which take no step of training.

    Attributes:
        metric: ``"cosine"`` or ``"euclidean"``.
    """

    metric: str = "cosine"


@dataclasses.dataclass(frozen=True)
class PretrainingSettings(OmniglotSettings):
    """Settings of an ordinary classification of all training classes; ``ways`` and ``shots`` are those of tests.

    Attributes:
        images: images of a training step.
    """

    images: int = 256


@dataclasses.dataclass(frozen=True)
class CentroidSettings(PretrainingSettings):
    """Settings of nearest centroids on pretrained features.

    Attributes:
        metric: ``"cosine"`` or ``"euclidean"``.
    """

    metric: str = "cosine"


@dataclasses.dataclass(frozen=True)
class FineTuningSettings(PretrainingSettings):
    """Settings of fine-tuning; see `tfmeta.fewshot.finetuning.FineTuning` for what they mean.

    Attributes:
        tuned: ``"head"`` or ``"all"``.
        inner_steps: gradient steps on the support set of a test task.
        inner_rate: their rate.
    """

    tuned: str = "head"
    inner_steps: int = 50
    inner_rate: float = 0.05


_CLASSES = {"characters": 4 * 1100, "alphabets": 4 * 1028}  # of training, with their rotations


def _classifier(settings: PretrainingSettings) -> Classifier:
    return Classifier(embedding(settings), classes=_CLASSES[settings.split], seed=settings.seed)


def _examples(settings: PretrainingSettings, part: Part, start: int) -> tf.data.Dataset:
    if part != "train":
        return omniglot_episodes(settings, part, start)
    return labelled_examples(
        load_omniglot("train", split=settings.split, rotations=True),
        items=settings.images,
        seed=settings.seed,
        start=start,
        augment=random_affine(shift=1.5) if settings.augment else None,
    )


def _tested(settings: OmniglotSettings) -> str:
    return (
        f"tested on upright test classes of the split '{settings.split}', {settings.test_queries} queries a class;"
        " test classes were never seen in training or tuning"
    )


def _pretrained(settings: PretrainingSettings) -> str:
    return (
        f"trained to tell all {_CLASSES[settings.split]:,} training classes and rotations apart, {settings.images}"
        f" images a step; {_tested(settings)}"
    )


def _published(*accuracies: float) -> Callable[[OmniglotSettings], tuple[float | None, str]]:
    def published(settings: OmniglotSettings) -> tuple[float | None, str]:
        cell = (settings.test_ways or settings.ways, settings.test_shots or settings.shots)
        if cell not in SETTINGS:
            return None, ""
        return accuracies[
            SETTINGS.index(cell)
        ], "Vinyals et al. 2016, table 1; 1,200 random characters for training"

    return published


def _pretrained_recipe(key: str, **fields: Any) -> FewShotRecipe:
    return omniglot_recipe(key, learner=_classifier, episodes=_examples, protocol=_pretrained, **fields)


PIXELS_OMNIGLOT = omniglot_recipe(
    "pixels",
    method="Nearest neighbour on pixels",
    summary="Tells handwritten characters apart by the nearest of a few examples of each, pixel by pixel.",
    paper="a baseline of Vinyals et al., NIPS 2016",
    settings=PixelsSettings(steps=0),
    learner=lambda settings: NearestNeighbour(pixels(), metric=settings.metric),
    protocol=lambda settings: f"not trained; {_tested(settings)}",
    published=_published(0.417, 0.632, 0.267, 0.426),
)

CENTROID_OMNIGLOT = _pretrained_recipe(
    "centroid",
    method="Nearest centroid on pretrained features",
    summary="Tells handwritten characters apart by features that were trained to classify other characters.",
    paper="a baseline of Vinyals et al., NIPS 2016",
    settings=CentroidSettings(steps=3000, learning_rate=3e-3),
    for_test=lambda trained, settings: NearestCentroid(trained.network, metric=settings.metric),
    published=_published(0.800, 0.950, 0.695, 0.891),
)

FINETUNE_OMNIGLOT = _pretrained_recipe(
    "finetune",
    method="Fine-tuning",
    summary="Tells handwritten characters apart by descending on a few examples of each from a classifier.",
    paper="a baseline of Vinyals et al., NIPS 2016",
    settings=FineTuningSettings(steps=3000, learning_rate=3e-3),
    for_test=lambda trained, settings: FineTuning(
        trained.network, tuned=settings.tuned, steps=settings.inner_steps, rate=settings.inner_rate
    ),
    published=_published(0.860, 0.976, 0.729, 0.923),
)
