"""Prototypical Networks on Omniglot's characters."""

from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.recipes.omniglot.common import OmniglotSettings, embedding, omniglot_recipe

__all__ = ["PROTOTYPICAL_OMNIGLOT"]


def _learner(settings: OmniglotSettings) -> PrototypicalNetwork:
    network = embedding(settings)
    return PrototypicalNetwork(network, scale=1.0 / network.output_shape[-1])


PROTOTYPICAL_OMNIGLOT = omniglot_recipe(
    "prototypical",
    method="Prototypical Network",
    summary="Tells handwritten characters apart by their distance to the mean of a few examples of each.",
    paper="Snell, Swersky, Zemel, NIPS 2017",
    settings=OmniglotSettings(ways=60, queries=5, steps=3000, learning_rate=5e-3, test_ways=5),
    learner=_learner,
)
