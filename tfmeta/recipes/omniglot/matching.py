"""Matching Networks on Omniglot's characters."""

from tfmeta.fewshot.matching import MatchingNetwork
from tfmeta.recipes.omniglot.common import OmniglotSettings, embedding, omniglot_recipe

__all__ = ["MATCHING_OMNIGLOT"]


def _learner(settings: OmniglotSettings) -> MatchingNetwork:
    return MatchingNetwork(embedding(settings))


MATCHING_OMNIGLOT = omniglot_recipe(
    "matching",
    method="Matching Network",
    summary="Tells handwritten characters apart by attending to a few examples of each.",
    paper="Vinyals et al., NIPS 2016",
    settings=OmniglotSettings(ways=60, queries=5, steps=3000, learning_rate=5e-3, test_ways=5),
    learner=_learner,
)
