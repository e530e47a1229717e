"""Mazes as tasks of policies that learn within a trial: finding a target by what is seen, and finding it again."""

import dataclasses
from collections.abc import Iterator

import keras
import numpy as np

from tfmeta.core.cards import Result
from tfmeta.core.estimate import estimate
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.networks.conv_eyes import conv_eyes
from tfmeta.rl.environment_tasks import EnvironmentTasks
from tfmeta.rl.environments.maze import MazeEnvironment
from tfmeta.rl.playing import Trials
from tfmeta.rl.walks import maze_walks

__all__ = ["MazeTasks"]


@dataclasses.dataclass(frozen=True)
class MazeTasks(EnvironmentTasks):
    """Random mazes that are seen as pictures.

    With ``practice``, a trial of the training has as many steps as one of the test, and more episodes. A policy that
    finds the target sooner then gets more rewards; otherwise the rest of its trial would be empty.

    Example:
        >>> MazeTasks(size=3).words
        'mazes of 3 x 3, 90 steps an episode'
        >>> MazeTasks().environment("train").episodes, MazeTasks().environment("test").episodes
        (12, 2)
    """

    name = "maze"
    items = "mazes"
    source = "random mazes, seen as pictures of 40 x 30 pixels by a ray caster, drawn as they are needed"

    size: int = setting(5, "blocks of a side; odd", least=3)
    episodes: int = setting(2, "episodes of a trial", least=1)
    horizon: int = setting(90, "steps of an episode, at most", least=1)
    practice: int = setting(
        12, "episodes of a trial in training, at most, where that is more than in the test"
    )
    turn: float = setting(45.0, "how far a turn goes, in degrees")
    features: int = setting(64, "features that are made of a picture", least=1)

    def environment(self, part: Part) -> MazeEnvironment:
        return MazeEnvironment(
            self.size,
            episodes=max(self.episodes, self.practice) if part == "train" else self.episodes,
            horizon=self.horizon,
            length=self.episodes * self.horizon,
            turn=self.turn,
        )

    def eyes(self, seed: int) -> keras.Model:
        seen = self.environment("test")
        return conv_eyes((seen.height, seen.width, 3), features=self.features, seed=seed)

    def results(self, trials: Trials, tested_as: str) -> list[Result]:
        """Measures how often the target was reached, after how many steps, and how many the last episode saved."""
        return list(self._walked(trials, tested_as))

    def _walked(self, trials: Trials, tested_as: str) -> Iterator[Result]:
        walks = maze_walks(self.environment("test"), trials.rewards)
        for episode in range(self.episodes):
            found, steps = walks.found[:, episode], walks.steps[:, episode]
            for metric, values in (("success", found.astype(float)), ("steps", steps[found])):
                if len(values):
                    yield _result(metric, values, f"{tested_as}, episode {episode + 1}")
        both = walks.found[:, [0, -1]].all(axis=1)
        if both.any():
            saved = walks.steps[both, 0] - walks.steps[both, -1]
            yield _result("steps saved", saved.astype(np.float64), f"{tested_as}, trials that succeed twice")

    @property
    def words(self) -> str:
        return f"mazes of {self.size} x {self.size}, {self.horizon} steps an episode"

    @property
    def model_name(self) -> str:
        return "maze" if self.size == MazeTasks.size else f"maze_{self.size}"

    @property
    def in_training(self) -> str:
        if self.practice <= self.episodes:
            return ""
        return f"trials in training are as long, and hold up to {self.practice} episodes"


def _result(metric: str, values: np.ndarray, tested_as: str) -> Result:
    value = estimate(values)
    return Result(metric, value.mean, value.ci95, value.tasks, tested_as)
