"""RL² on bandits: finding the best arm within a trial."""

import dataclasses

from tfmeta.recipes.recipe import counted
from tfmeta.recipes.rl2.common import SOURCE, RL2Settings, rl2_recipe
from tfmeta.rl import PUBLISHED_BANDITS
from tfmeta.rl.environments import BanditEnvironment

__all__ = ["RL2_BANDIT", "BanditSettings"]


@dataclasses.dataclass(frozen=True)
class BanditSettings(RL2Settings):
    """Settings for bandits.

    Attributes:
        arms: arms of a bandit.
        pulls: pulls of a trial.
    """

    arms: int = 5
    pulls: int = 10


def _published(settings: BanditSettings) -> tuple[float | None, str]:
    row = PUBLISHED_BANDITS.get((settings.pulls, settings.arms))
    return (row["rl2"], SOURCE.format(table=1)) if row else (None, "")


RL2_BANDIT = rl2_recipe(
    lambda settings: BanditEnvironment(settings.arms, settings.pulls),
    name="rl2-bandit",
    summary="Plays bandits that it has never seen, and finds their best arm.",
    data="Bernoulli bandits whose arms pay with probabilities from U(0, 1), drawn as they are needed",
    settings=BanditSettings(steps=150),
    artefact=lambda settings: f"rl2_bandit_n{settings.pulls}k{settings.arms}",
    setting=lambda settings: (
        f"RL² by {settings.agent.upper()}, {counted(settings.pulls, 'pull')} of {counted(settings.arms, 'arm')}"
    ),
    published=_published,
)
