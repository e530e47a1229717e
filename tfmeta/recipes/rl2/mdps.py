"""RL² on tabular MDPs: exploring one within a trial, and exploiting what was found."""

import dataclasses

from tfmeta.recipes.recipe import counted
from tfmeta.recipes.rl2.common import SOURCE, RL2Settings, rl2_recipe
from tfmeta.rl import PUBLISHED_MDPS
from tfmeta.rl.environments import TabularMDPEnvironment

__all__ = ["RL2_MDP", "MDPSettings"]


@dataclasses.dataclass(frozen=True)
class MDPSettings(RL2Settings):
    """Settings for tabular MDPs.

    Attributes:
        episodes: episodes of a trial, each of ten steps.
    """

    episodes: int = 10


def _published(settings: MDPSettings) -> tuple[float | None, str]:
    row = PUBLISHED_MDPS.get(settings.episodes)
    return (row["rl2"], SOURCE.format(table=2)) if row else (None, "")


RL2_MDP = rl2_recipe(
    lambda settings: TabularMDPEnvironment(settings.episodes),
    name="rl2-mdp",
    summary="Explores tabular MDPs that it has never seen, and then exploits them.",
    data="MDPs of 10 states and 5 actions, transitions from Dirichlet(1), mean rewards from N(1, 1), drawn as needed",
    settings=MDPSettings(
        steps=800,
        batch_size=400,
        agent="ppo",
        learning_rate=2e-3,
        minibatches=8,
        units=128,
        crossed=True,
        entropy=0.01,
    ),
    artefact=lambda settings: "rl2_mdp" if settings.episodes == 10 else f"rl2_mdp_n{settings.episodes}",
    setting=lambda settings: f"RL² by {settings.agent.upper()}, {counted(settings.episodes, 'episode')}",
    published=_published,
)
