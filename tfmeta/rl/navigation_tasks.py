"""Points in the plane with goals, as tasks of policies that adapt by gradient steps."""

import dataclasses
from typing import Literal

from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.rl.control_tasks import ControlTasks
from tfmeta.rl.environments.point_navigation import PointNavigation

__all__ = ["NavigationTasks"]


@dataclasses.dataclass(frozen=True)
class NavigationTasks(ControlTasks):
    """Goals in the plane, which a point must find without observing them.

    Example:
        >>> NavigationTasks(reward="distance").words
        'navigation, reward=distance'
    """

    name = "navigation"
    items = "goals in the plane"
    source = "goals uniform in the square of half-width 0.5 around the start, drawn as they are needed"

    reward: Literal["squared", "distance"] = setting(
        "squared", "minus the squared distance to the goal, or minus the distance, at each step"
    )
    horizon: int = setting(100, "steps of an episode", least=1)

    def environment(self, part: Part) -> PointNavigation:
        return PointNavigation(self.horizon, reward=self.reward)

    @property
    def model_name(self) -> str:
        return self.name if self.reward == "squared" else f"{self.name}_{self.reward}"
