"""What is read off trials in mazes: who found the target, and after how many steps."""

from typing import NamedTuple

import numpy as np

from tfmeta.rl.environments.maze import MazeEnvironment

__all__ = ["MazeWalks", "maze_walks"]


class MazeWalks(NamedTuple):
    """The E episodes of B trials.

    Attributes:
        found: whether the target was reached, ``[B, E]`` bool.
        steps: that the episode took, the horizon where it was not reached, ``[B, E]``.
    """

    found: np.ndarray
    steps: np.ndarray


def maze_walks(environment: MazeEnvironment, rewards: np.ndarray) -> MazeWalks:
    """Cuts trials into their episodes.

    Args:
        environment: where they were played.
        rewards: of every step, ``[B, T]``; a step that is rewarded is one that reaches the target.

    Returns:
        The episodes.

    Example:
        >>> rewards = np.array([[-0.04, 0.96, -0.04, -0.04, -0.04, 0.0]])
        >>> walks = maze_walks(MazeEnvironment(size=3, horizon=3), rewards)
        >>> walks.found.tolist(), walks.steps.tolist()
        ([[True, False]], [[2, 3]])
    """
    rows, time = np.arange(len(rewards)), np.arange(rewards.shape[1])
    begin = np.zeros(len(rewards), int)
    found, steps = [], []
    for _ in range(environment.episodes):
        of_episode = (time >= begin[:, None]) & (time < begin[:, None] + environment.horizon)
        hits = of_episode & (rewards > 0)
        first = hits.argmax(axis=1)
        found.append(hits[rows, first])
        steps.append(np.where(found[-1], first - begin + 1, environment.horizon))
        begin = begin + steps[-1]
    return MazeWalks(np.stack(found, axis=1), np.stack(steps, axis=1))
