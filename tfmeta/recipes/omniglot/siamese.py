"""Siamese networks on Omniglot's characters."""

import dataclasses

from tfmeta.fewshot.siamese import SiameseNetwork
from tfmeta.recipes.omniglot.common import OmniglotSettings, embedding, omniglot_recipe

__all__ = ["SIAMESE_OMNIGLOT"]


@dataclasses.dataclass(frozen=True)
class SiameseSettings(OmniglotSettings):
    """Settings of Siamese networks; see `tfmeta.fewshot.siamese.SiameseNetwork` for what they mean."""

    loss: str = "contrastive"
    margin: float = 10.0
    hard_pairs: bool = True
    class_score: str = "mean"


def _learner(settings: SiameseSettings) -> SiameseNetwork:
    return SiameseNetwork(
        embedding(settings),
        loss=settings.loss,
        margin=settings.margin,
        hard_pairs=settings.hard_pairs,
        class_score=settings.class_score,
    )


def _with_class_score(learner: SiameseNetwork, settings: SiameseSettings) -> SiameseNetwork:
    """Weights may be tested with another score of a class than they were trained with."""
    learner.class_score = settings.class_score
    return learner


SIAMESE_OMNIGLOT = omniglot_recipe(
    "siamese",
    method="Siamese Network",
    summary="Tells whether two handwritten characters are the same, and so which of a few one is.",
    paper="Koch, Zemel, Salakhutdinov, ICML workshop 2015",
    settings=SiameseSettings(ways=60, queries=5, steps=3000, learning_rate=5e-3, test_ways=5),
    learner=_learner,
    loss=lambda: None,  # its own, over all pairs
    for_test=_with_class_score,
)
