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
        >>> tasks = NavigationTasks(reward="distance")
        >>> tasks.words, tasks.model_name
        ('navigation, reward=distance', 'navigation_distance')
    """

    name = "navigation"
    items = "points in the plane that look for goals"
    source = "goals uniform in the square of half-width 0.5 around the start, drawn as they are needed"

    reward: Literal["squared", "distance"] = setting(
        "squared", "minus the squared distance to the goal, or minus the distance, at each step"
    )
    horizon: int = setting(100, "steps of an episode", least=1)

    def environment(self, part: Part) -> PointNavigation:
        return PointNavigation(self.horizon, reward=self.reward)

    @property
    def variant(self) -> str:
        return "" if self.reward == NavigationTasks.reward else self.reward
