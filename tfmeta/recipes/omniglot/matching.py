"""Matching Networks on Omniglot's characters."""

import dataclasses

from tfmeta.fewshot.matching import MatchingNetwork
from tfmeta.recipes.omniglot.common import OmniglotSettings, embedding, omniglot_recipe

__all__ = ["MATCHING_FCE_OMNIGLOT", "MATCHING_OMNIGLOT"]


@dataclasses.dataclass(frozen=True)
class FullContextSettings(OmniglotSettings):
    """Settings of Matching Networks with full-context embeddings.

    Attributes:
        processing_steps: times that a query is processed in the light of the support set.
    """

    processing_steps: int = 5


def _learner(settings: OmniglotSettings) -> MatchingNetwork:
    return MatchingNetwork(embedding(settings))


def _full_context(settings: FullContextSettings) -> MatchingNetwork:
    return MatchingNetwork(
        embedding(settings),
        full_context=True,
        processing_steps=settings.processing_steps,
        seed=settings.seed,
    )


MATCHING_OMNIGLOT = omniglot_recipe(
    "matching",
    method="Matching Network",
    summary="Tells handwritten characters apart by attending to a few examples of each.",
    paper="Vinyals et al., NIPS 2016",
    settings=OmniglotSettings(ways=60, queries=5, steps=3000, learning_rate=5e-3, test_ways=5),
    learner=_learner,
)

MATCHING_FCE_OMNIGLOT = omniglot_recipe(
    "matching-fce",
    system="matching",
    method="Matching Network, full-context embeddings",
    summary="Tells handwritten characters apart by attending to a few examples of each, seen beside each other.",
    paper="Vinyals et al., NIPS 2016",
    # The tasks are those of the plain network, so that what differs is the context; LSTMs ask for smaller steps.
    settings=FullContextSettings(ways=60, queries=5, steps=3000, learning_rate=3e-3, test_ways=5),
    learner=_full_context,
)
