"""Tasks of policies with continuous actions."""

import dataclasses
from abc import abstractmethod
from typing import Any

from tfmeta.core.tasks import Part, Tasks
from tfmeta.rl.environments.episode_environment import EpisodeEnvironment

__all__ = ["ControlTasks"]


@dataclasses.dataclass(frozen=True)
class ControlTasks(Tasks):
    """A distribution of control tasks. A subclass must have a name, say what it is, and build `environment`.

    Example:
        >>> from tfmeta.core.settings import setting
        >>> from tfmeta.rl.environments import PointNavigation
        >>> @dataclasses.dataclass(frozen=True)
        ... class NearGoals(ControlTasks):
        ...     name, items, source = "near-goals", "near goals", "drawn as they are needed"
        ...     horizon: int = setting(20, "steps of an episode", least=1)
        ...     def environment(self, part):
        ...         return PointNavigation(self.horizon, half_width=0.1)
        >>> NearGoals().environment("train").trial_length
        20
    """

    fresh = True

    @abstractmethod
    def environment(self, part: Part) -> EpisodeEnvironment:
        """Builds the environment of a part; all parts have the same sizes.

        Raises:
            TfmetaError: where what it needs is not installed.
            ValueError: for settings that make no sense.
        """

    @property
    def model_name(self) -> str:
        """What names of exported models say of the tasks."""
        return "_".join(filter(None, (self.name, self.variant)))

    def facts(self) -> dict[str, Any]:
        environment = self.environment("test")
        return {
            "observation": [environment.observation_size],
            "action": [environment.action_size],
            "range of actions": [-1, 1],
            "steps of an episode": environment.trial_length,
        }

    def load(self, part: Part) -> None:
        self.environment(part)
