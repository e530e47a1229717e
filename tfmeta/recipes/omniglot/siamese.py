"""Siamese networks on Omniglot's characters."""

import dataclasses
from pathlib import Path

import tensorflow as tf

from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.pairs import pairs
from tfmeta.fewshot.siamese import SiameseNetwork
from tfmeta.fewshot.verification import measure_verification
from tfmeta.recipes.few_shot import FewShotRecipe
from tfmeta.recipes.omniglot.common import OmniglotSettings, embedding, omniglot_images, omniglot_recipe
from tfmeta.recipes.recipe import Part

__all__ = ["SIAMESE_OMNIGLOT"]

_PAIRS, _BATCHES = 200, 50  # of a batch, and in all for a measurement


@dataclasses.dataclass(frozen=True)
class SiameseSettings(OmniglotSettings):
    """Settings of Siamese networks; see `tfmeta.fewshot.siamese.SiameseNetwork` for what they mean."""

    loss: str = "contrastive"
    margin: float = 10.0
    hard_pairs: bool = True
    class_score: str = "mean"


class SiameseRecipe(FewShotRecipe[SiameseSettings]):
    """A recipe that measures how well pairs are told apart, too."""

    def measure(
        self, learner: SiameseNetwork, settings: SiameseSettings, part: Part, *, tasks: int, folder: Path,
        verbose: int | str,
    ) -> list[Result]:  # fmt: skip
        results = super().measure(learner, settings, part, tasks=tasks, folder=folder, verbose=verbose)
        found = measure_verification(learner, _pairs(settings, part), batches=_BATCHES)
        count, setting = _PAIRS * _BATCHES, f"pairs of {part} characters, split {settings.split}"
        # The half-width of a share of that many independent pairs.
        width = 1.96 * (found.equal_error * (1.0 - found.equal_error) / count) ** 0.5
        return [*results, Result("equal error rate", found.equal_error, width, count, setting)]


def _pairs(settings: SiameseSettings, part: Part) -> tf.data.Dataset:
    """Pairs of a part, the same for everybody; those of validation are what probabilities are fitted to."""
    seed = {"validation": 1_000_001, "test": 1_000_002}[part]
    return pairs(omniglot_images(settings, part), batch_size=_PAIRS, seed=seed)


def _learner(settings: SiameseSettings) -> SiameseNetwork:
    return SiameseNetwork(
        embedding(settings),
        loss=settings.loss,
        margin=settings.margin,
        hard_pairs=settings.hard_pairs,
        class_score=settings.class_score,
    )


def _for_test(learner: SiameseNetwork, settings: SiameseSettings) -> SiameseNetwork:
    """Weights may be tested with another score of a class; probabilities are fitted to validation characters."""
    learner.class_score = settings.class_score
    try:
        learner.calibrate(_pairs(settings, "validation"), batches=_BATCHES)
    except ValueError as error:  # too little training for any
        raise TfmetaError(f"{error}") from error
    return learner


SIAMESE_OMNIGLOT = omniglot_recipe(
    "siamese",
    kind=SiameseRecipe,
    method="Siamese Network",
    summary="Tells whether two handwritten characters are the same, and so which of a few one is.",
    paper="Koch, Zemel, Salakhutdinov, ICML workshop 2015",
    settings=SiameseSettings(ways=60, queries=5, steps=3000, learning_rate=5e-3, test_ways=5),
    learner=_learner,
    loss=lambda: None,  # its own, over all pairs
    for_test=_for_test,
)
