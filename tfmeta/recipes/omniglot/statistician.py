"""The Neural Statistician on Omniglot's characters."""

import dataclasses

from tfmeta.fewshot.statistician import NeuralStatistician
from tfmeta.recipes.omniglot.common import OmniglotSettings, embedding, omniglot_recipe, omniglot_setting

__all__ = ["STATISTICIAN_OMNIGLOT"]


@dataclasses.dataclass(frozen=True)
class StatisticianSettings(OmniglotSettings):
    """Settings of the Neural Statistician; see `tfmeta.fewshot.statistician.NeuralStatistician`."""

    context_size: int = 64
    latent_size: int = 16
    latent_layers: int = 1
    hidden: int = 256
    sample_dropout: float = 0.5
    episode_weight: float = 0.0
    direction: str = "support_to_query"


def _learner(settings: StatisticianSettings) -> NeuralStatistician:
    return NeuralStatistician(
        embedding(settings),
        context_size=settings.context_size,
        latent_size=settings.latent_size,
        latent_layers=settings.latent_layers,
        hidden=settings.hidden,
        sample_dropout=settings.sample_dropout,
        episode_weight=settings.episode_weight,
        direction=settings.direction,
        seed=settings.seed,
    )


def _setting(settings: StatisticianSettings) -> str:
    """What the paper does not do is said in every row."""
    supervised = ", trained with the queries' cross-entropy too" if settings.episode_weight else ""
    return f"{omniglot_setting(settings)}{supervised}"


STATISTICIAN_OMNIGLOT = omniglot_recipe(
    "statistician",
    method="Neural Statistician",
    summary="Tells handwritten characters apart by the context that it infers from a few examples of each.",
    paper="Edwards, Storkey, ICLR 2017",
    # One support item and four queries of a class are the paper's sets of five.
    settings=StatisticianSettings(ways=60, queries=4, steps=5000, learning_rate=2e-3, test_ways=5),
    learner=_learner,
    setting=_setting,
    loss=lambda: None,  # the learner has its own
)
