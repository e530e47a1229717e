"""Tabular MDPs as tasks of policies that learn within a trial."""

import dataclasses

from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.core.words import counted
from tfmeta.rl.environment_tasks import EnvironmentTasks
from tfmeta.rl.environments.tabular_mdp import TabularMDPEnvironment

__all__ = ["MDPTasks"]


@dataclasses.dataclass(frozen=True)
class MDPTasks(EnvironmentTasks):
    """Tabular MDPs: each is to be explored within a trial, and what was found is to be exploited.

    Example:
        >>> MDPTasks(episodes=25).model_name
        'mdp_n25'
    """

    name = "mdp"
    items = "tabular MDPs"
    source = (
        "MDPs of 10 states and 5 actions, transitions from Dirichlet(1), mean rewards from N(1, 1), drawn as"
        " needed"
    )

    episodes: int = setting(10, "episodes of a trial, each of ten steps", least=1)

    def environment(self, part: Part) -> TabularMDPEnvironment:
        return TabularMDPEnvironment(self.episodes)

    @property
    def words(self) -> str:
        return counted(self.episodes, "episode")

    @property
    def model_name(self) -> str:
        return "mdp" if self.episodes == MDPTasks.episodes else f"mdp_n{self.episodes}"
