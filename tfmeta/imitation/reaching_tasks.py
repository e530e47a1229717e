"""Reaching one of some landmarks, as tasks that are demonstrated once."""

import dataclasses
from collections.abc import Mapping

from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.core.words import counted
from tfmeta.imitation.imitation_tasks import ImitationTasks
from tfmeta.imitation.reaching import ReachingWorld

__all__ = ["ReachingTasks"]

_TESTED = (5, 2, 10)


@dataclasses.dataclass(frozen=True)
class ReachingTasks(ImitationTasks):
    """Landmarks at random places, of which a demonstration shows the one that is to be reached.

    Example:
        >>> list(ReachingTasks(most=5).tests("test"))
        ['5 landmarks', '2 landmarks']
    """

    name = "reaching"
    items = "landmarks that are to be reached"
    source = "landmarks at random places of a square, drawn as they are needed"

    least: int = setting(2, "landmarks of a scene at least", least=1)
    most: int = setting(10, "landmarks of a scene at most", least=1)
    horizon: int = setting(50, "steps of an episode", least=1)

    def world(self, part: Part) -> ReachingWorld:
        return ReachingWorld(self.least, self.most, horizon=self.horizon)

    def tests(self, part: Part) -> Mapping[str, ReachingWorld]:
        counts = [count for count in _TESTED if self.least <= count <= self.most] or [self.most]
        return {
            counted(count, "landmark"): ReachingWorld(count, count, slots=self.most, horizon=self.horizon)
            for count in counts
        }
