"""Baselines on Omniglot's characters: what there is without meta-learning, which makes its worth visible."""

import dataclasses

import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.core.examples import labelled_examples
from tfmeta.data.augment import random_affine
from tfmeta.data.omniglot import load_omniglot
from tfmeta.fewshot.baselines import NearestCentroid, NearestNeighbour, pixels
from tfmeta.fewshot.finetuning import FineTuning
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.pretraining import Classifier
from tfmeta.recipes.omniglot.common import (
    OmniglotSettings,
    embedding,
    omniglot_episodes,
    omniglot_recipe,
    omniglot_setting,
)
from tfmeta.recipes.omniglot.lecture import SETTINGS
from tfmeta.recipes.recipe import Part

__all__ = ["PIXELS_OMNIGLOT", "PRETRAINED_OMNIGLOT"]


@dataclasses.dataclass(frozen=True)
class PixelsSettings(OmniglotSettings):
    """Settings of nearest neighbours on pixels, which take no step of training.

    Attributes:
        metric: ``"cosine"`` or ``"euclidean"``.
    """

    metric: str = "cosine"


@dataclasses.dataclass(frozen=True)
class PretrainedSettings(OmniglotSettings):
    """Settings of an ordinary classification of all training classes; ``ways`` and ``shots`` are those of tests.

    Attributes:
        images: images of a training step.
        head: how a test task is learnt from the features: by the nearest ``"centroid"``, or by ``"tuning"``.
        metric: ``"cosine"`` or ``"euclidean"``, of centroids.
        tuned: what tuning changes, ``"head"`` or ``"all"``; see `tfmeta.fewshot.finetuning.FineTuning`.
        inner_steps: its gradient steps on the support set of a test task.
        inner_rate: their rate.
    """

    images: int = 256
    head: str = "centroid"
    metric: str = "cosine"
    tuned: str = "head"
    inner_steps: int = 50
    inner_rate: float = 0.05


_CLASSES = {"characters": 4 * 1100, "alphabets": 4 * 1028}  # of training, with their rotations


def _classifier(settings: PretrainedSettings) -> Classifier:
    return Classifier(embedding(settings), classes=_CLASSES[settings.split], seed=settings.seed)


def _examples(settings: PretrainedSettings, part: Part, start: int) -> tf.data.Dataset:
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


def _pretrained(settings: PretrainedSettings) -> str:
    return (
        f"trained to tell all {_CLASSES[settings.split]:,} training classes and rotations apart, {settings.images}"
        f" images a step; {_tested(settings)}"
    )


def _with_head(trained: Classifier, settings: PretrainedSettings) -> FewShotLearner:
    if settings.head == "centroid":
        return NearestCentroid(trained.network, metric=settings.metric)
    if settings.head == "tuning":
        return FineTuning(
            trained.network, tuned=settings.tuned, steps=settings.inner_steps, rate=settings.inner_rate
        )
    raise TfmetaError(f"head={settings.head!r}; expected 'centroid' or 'tuning'.")


_VINYALS = {
    "pixels": (0.417, 0.632, 0.267, 0.426),
    "centroid": (0.800, 0.950, 0.695, 0.891),
    "tuning": (0.860, 0.976, 0.729, 0.923),
}


def _published(settings: OmniglotSettings) -> tuple[float | None, str]:
    cell = (settings.test_ways or settings.ways, settings.test_shots or settings.shots)
    if cell not in SETTINGS:
        return None, ""
    accuracies = _VINYALS[getattr(settings, "head", "pixels")]
    source = "Vinyals et al. 2016, table 1; 1,200 random characters for training"
    return accuracies[SETTINGS.index(cell)], source


PIXELS_OMNIGLOT = omniglot_recipe(
    "pixels",
    method="Nearest neighbour on pixels",
    summary="Tells handwritten characters apart by the nearest of a few examples of each, pixel by pixel.",
    paper="a baseline of Vinyals et al., NIPS 2016",
    settings=PixelsSettings(steps=0),
    learner=lambda settings: NearestNeighbour(pixels(), metric=settings.metric),
    protocol=lambda settings: f"not trained; {_tested(settings)}",
    published=_published,
)

PRETRAINED_OMNIGLOT = omniglot_recipe(
    "pretrained",
    method="Pretrained classifier",
    summary="Tells handwritten characters apart by features that were trained to classify other characters.",
    paper="baselines of Vinyals et al., NIPS 2016",
    settings=PretrainedSettings(steps=3000, learning_rate=3e-3),
    learner=_classifier,
    episodes=_examples,
    setting=lambda settings: f"{omniglot_setting(settings)}, {settings.head}",
    protocol=_pretrained,
    for_test=_with_head,
    published=_published,
)
