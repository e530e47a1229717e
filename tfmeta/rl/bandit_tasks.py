"""Bandits as tasks of policies that learn within a trial."""

import dataclasses

from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.core.words import counted
from tfmeta.rl.environment_tasks import EnvironmentTasks
from tfmeta.rl.environments.bandit import BanditEnvironment

__all__ = ["BanditTasks"]


@dataclasses.dataclass(frozen=True)
class BanditTasks(EnvironmentTasks):
    """Bernoulli bandits: the best arm is to be found within a trial.

    Example:
        >>> BanditTasks(pulls=100).words
        '100 pulls of 5 arms'
    """

    name = "bandit"
    items = "bandits"
    source = "Bernoulli bandits whose arms pay with probabilities from U(0, 1), drawn as they are needed"

    arms: int = setting(5, "arms of a bandit", least=1)
    pulls: int = setting(10, "pulls of a trial", least=1)

    def environment(self, part: Part) -> BanditEnvironment:
        return BanditEnvironment(self.arms, self.pulls)

    @property
    def words(self) -> str:
        return f"{counted(self.pulls, 'pull')} of {counted(self.arms, 'arm')}"

    @property
    def model_name(self) -> str:
        return f"bandit_n{self.pulls}k{self.arms}"
