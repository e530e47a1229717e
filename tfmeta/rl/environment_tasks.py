"""Tasks for policies that learn within a trial: distributions of environments."""

import dataclasses
from abc import abstractmethod

import keras

from tfmeta.core.cards import Result
from tfmeta.core.tasks import Part, Tasks
from tfmeta.rl.environments.environment import TrialEnvironment
from tfmeta.rl.playing import Trials

__all__ = ["EnvironmentTasks"]


@dataclasses.dataclass(frozen=True)
class EnvironmentTasks(Tasks):
    """A distribution of environments. A subclass must have a name, say what it is, and build `environment`.

    Example:
        >>> from tfmeta.core.settings import setting
        >>> from tfmeta.rl.environments import BanditEnvironment
        >>> @dataclasses.dataclass(frozen=True)
        ... class ShortBandits(EnvironmentTasks):
        ...     name, items, source = "short-bandits", "short bandits", "drawn as they are needed"
        ...     pulls: int = setting(3, "pulls of a trial")
        ...     def environment(self, part):
        ...         return BanditEnvironment(arms=2, pulls=self.pulls)
        >>> tasks = ShortBandits(pulls=4)
        >>> tasks.environment("train").trial_length, tasks.words
        (4, 'short-bandits, pulls=4')
    """

    fresh = True

    @abstractmethod
    def environment(self, part: Part) -> TrialEnvironment:
        """Builds the environment that is played in a part; that of ``"train"`` must have as many steps and actions.

        Raises:
            ValueError: for settings that make no sense.
        """

    def eyes(self, seed: int) -> keras.Model | None:
        """Builds the encoder of what is observed, with fresh weights.

        Args:
            seed: of its weights.

        Returns:
            A model from ``[N, ...]``, which has the D numbers of an observation in a row, to features ``[N, F]``; see
            `tfmeta.rl.TrialNetwork`. None where networks take observations as they are.
        """
        return None

    def results(self, trials: Trials, tested_as: str) -> list[Result]:
        """Says what else test trials show than their rewards.

        Args:
            trials: that were played in ``environment("test")``.
            tested_as: what identifies the test; each `Result.setting` begins with it.
        """
        return []

    @property
    def model_name(self) -> str:
        """What names of exported models say of the tasks, such as ``"bandit_n10k5"``."""
        return self.name

    @property
    def in_training(self) -> str:
        """Says how trials of the training differ from those of the test, for the protocol; empty where they do not."""
        return ""

    def load(self, part: Part) -> None:
        self.environment(part)
