"""Running in a direction or at a speed, as tasks of policies that adapt by gradient steps."""

import dataclasses
from typing import Literal

from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.rl.control_tasks import ControlTasks
from tfmeta.rl.environments.episode_environment import EpisodeEnvironment

__all__ = ["CheetahTasks"]


@dataclasses.dataclass(frozen=True)
class CheetahTasks(ControlTasks):
    """A simulated cheetah that is to run forward or backward, or at some speed; it does not observe which.

    Example:
        >>> CheetahTasks(goal="velocity").model_name
        'cheetah_velocity'
    """

    name = "cheetah"
    items = "simulated half-cheetahs"
    source = "MuJoCo's simulation of Gymnasium's half-cheetah, whose goals are drawn as they are needed"

    goal: Literal["direction", "velocity"] = setting(
        "direction", "run forward or backward, or at a speed between 0 and 2 m/s"
    )
    horizon: int = setting(200, "steps of an episode", least=1)

    def environment(self, part: Part) -> EpisodeEnvironment:
        from tfmeta.rl.environments.half_cheetah import HalfCheetah

        return HalfCheetah(self.goal, self.horizon)

    @property
    def words(self) -> str:
        steps = "" if self.horizon == CheetahTasks.horizon else f", {self.horizon} steps"
        return f"cheetah, {self.goal}{steps}"

    @property
    def variant(self) -> str:
        return "" if self.goal == CheetahTasks.goal else self.goal

    @property
    def model_name(self) -> str:
        return f"{self.name}_{self.goal}"
