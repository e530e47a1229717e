"""Tasks that are demonstrated once."""

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from tfmeta.core.tasks import Part, Tasks
from tfmeta.imitation.world import World

__all__ = ["ImitationTasks"]


@dataclasses.dataclass(frozen=True)
class ImitationTasks(Tasks):
    """Tasks that an expert demonstrates. A subclass must have a name, and build `world` and `tests`."""

    fresh = True

    @abstractmethod
    def world(self, part: Part) -> World:
        """Builds the world of a part; all parts have the same sizes.

        Raises:
            ValueError: for settings that make no sense.
        """

    @abstractmethod
    def tests(self, part: Part) -> Mapping[str, World]:
        """Builds the worlds that a policy is measured in, by their names; the first identifies the result."""

    def facts(self) -> dict[str, Any]:
        world = self.world("test")
        return {
            "objects at most": world.most_objects,
            "numbers of an object": world.object_size,
            "numbers of the body": world.body_size,
            "action": [world.action_size],
            "range of actions": [-1, 1],
            "steps of an episode": world.horizon,
        }

    def load(self, part: Part) -> None:
        self.world(part)
