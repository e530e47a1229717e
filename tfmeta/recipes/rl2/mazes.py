"""RL² in mazes: finding a target by what is seen, and finding it again."""

import dataclasses

import keras
import numpy as np

from tfmeta.core.cards import Result
from tfmeta.core.estimate import estimate
from tfmeta.networks.conv_eyes import conv_eyes
from tfmeta.recipes.rl2.common import RL2Settings, protocol, rl2_recipe
from tfmeta.rl import Trials, maze_walks
from tfmeta.rl.environments import MazeEnvironment

__all__ = ["RL2_MAZE", "MazeSettings"]

_SMALL = 5
_PUBLISHED = {1: 52.4, 2: 39.1}
"""Steps of the episodes that reach the target, by their number: Duan et al. 2016, in small mazes."""


@dataclasses.dataclass(frozen=True)
class MazeSettings(RL2Settings):
    """Settings for mazes.

    Attributes:
        size: blocks of a side; odd.
        episodes: episodes of a trial.
        horizon: steps of an episode, at most.
        practice: episodes of a trial in training, at most, where that is more than in the test. The trial stays as
            long, so that who finds the target sooner does so more often, where otherwise nothing would be left to do.
        turn: how far a turn goes, in degrees.
        features: that are made of a picture.
    """

    size: int = _SMALL
    episodes: int = 2
    horizon: int = 90
    practice: int = 12
    turn: float = 45.0
    features: int = 64


def _environment(settings: MazeSettings, practice: int = 0) -> MazeEnvironment:
    return MazeEnvironment(
        settings.size,
        episodes=max(settings.episodes, practice),
        horizon=settings.horizon,
        length=settings.episodes * settings.horizon,
        turn=settings.turn,
    )


def _practice(settings: MazeSettings) -> MazeEnvironment:
    return _environment(settings, settings.practice)


def _protocol(settings: MazeSettings) -> str:
    if settings.practice <= settings.episodes:
        return protocol(settings)
    return (
        f"{protocol(settings)}; trials in training are as long, and hold up to {settings.practice} episodes"
    )


def _eyes(settings: MazeSettings, seed: int) -> keras.Model:
    seen = _environment(settings)
    return conv_eyes((seen.height, seen.width, 3), features=settings.features, seed=seed)


def _walks(settings: MazeSettings, trials: Trials, setting: str) -> list[Result]:
    """The success and the steps of each episode, and how much shorter the last was than the first."""
    walks = maze_walks(_environment(settings), trials.rewards)
    results = []
    for episode in range(settings.episodes):
        found, steps = walks.found[:, episode], walks.steps[:, episode]
        for metric, values in (("success", found.astype(float)), ("steps", steps[found])):
            if not len(values):
                continue
            value, told = estimate(values), (None, "")
            if metric == "steps" and settings.size == _SMALL and episode + 1 in _PUBLISHED:
                told = _PUBLISHED[episode + 1], "Duan et al. 2016, in ViZDoom's mazes"
            results.append(
                Result(
                    metric, value.mean, value.ci95, value.tasks, f"{setting}, episode {episode + 1}", *told
                )
            )
    both = walks.found[:, [0, -1]].all(axis=1)
    if both.any():
        saved = estimate((walks.steps[both, 0] - walks.steps[both, -1]).astype(np.float64))
        results.append(
            Result(
                "steps saved", saved.mean, saved.ci95, saved.tasks, f"{setting}, trials that succeed twice"
            )
        )
    return results


RL2_MAZE = rl2_recipe(
    _environment,
    practice=_practice,
    eyes=_eyes,
    protocol=_protocol,
    name="rl2-maze",
    summary="Finds the way through mazes that it has never seen, by what it sees of them.",
    data="random mazes, seen as pictures of 40 x 30 pixels by a ray caster, drawn as they are needed",
    settings=MazeSettings(
        steps=400, batch_size=100, agent="ppo", learning_rate=1e-3, units=128, gae_lambda=0.95, passes=2,
        minibatches=4, entropy=0.02,
    ),
    artefact=lambda settings: "rl2_maze" if settings.size == _SMALL else f"rl2_maze_{settings.size}",
    setting=lambda settings: (
        f"RL² by {settings.agent.upper()}, mazes of {settings.size} x {settings.size}, {settings.horizon} steps an"
        " episode"
    ),
    published=lambda settings: (None, ""),
    besides=_walks,
)  # fmt: skip
