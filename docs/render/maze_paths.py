"""The ways that a policy went through mazes, and pictures of them from above."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.core.words import counted
from tfmeta.rl import TrialNetwork, play
from tfmeta.rl.environments import MazeEnvironment

__all__ = [
    "EPISODE_COLOURS",
    "Episode",
    "Walk",
    "draw_maze",
    "draw_paths",
    "name_of",
    "retrace",
    "walk",
    "way_of",
    "wedge",
]

EPISODE_COLOURS = ("#e07b1f", "#1f6fb4", "#2e7d32", "#8e44ad")
_ORDINALS = ("first", "second", "third", "fourth")
_WALL, _FREE, _TARGET, _START = "#2b3038", "#f4f1ea", "#d62728", "#4a4a4a"
_ASIDE = 0.09  # blocks that a way is drawn to the right of where it was
_U_TURN = -0.6  # the cosine of the sharpest turn that is drawn as one corner
_PANEL = 2.5  # inches


class Episode(NamedTuple):
    """One way from the start.

    Attributes:
        poses: row, column and direction at the start and after each of N steps, ``[N + 1, 3]``.
        seen: what was seen from there, ``[N + 1, H, W, 3]``; at the end, what was seen before the last step.
        found: whether the way ends at the target.
    """

    poses: np.ndarray
    seen: np.ndarray
    found: bool

    @property
    def steps(self) -> int:
        """Steps until the target was reached, or the time was over, N."""
        return len(self.poses) - 1


class Walk(NamedTuple):
    """A trial in a maze.

    Attributes:
        walls: ``[side, side]`` bool.
        target: row and column of the target's block.
        episodes: in their order.
    """

    walls: np.ndarray
    target: tuple[int, int]
    episodes: tuple[Episode, ...]


def walk(
    policy: TrialNetwork, environment: MazeEnvironment, *, mazes: int, seed: Sequence[int]
) -> list[Walk]:
    """Lets a policy walk through mazes, one trial in each.

    Args:
        policy: of three outputs.
        environment: the distribution of mazes.
        mazes: how many, B.
        seed: two integers, of the mazes and of luck.

    Returns:
        The walks.
    """
    return retrace(environment, play(policy, environment, trials=mazes, seed=seed).actions, seed=seed)


def retrace(environment: MazeEnvironment, actions: np.ndarray, *, seed: Sequence[int]) -> list[Walk]:
    """Goes the way again that actions lead.

    Args:
        environment: the distribution of mazes.
        actions: of each trial, ``[B, T]``.
        seed: of the mazes, two integers.

    Returns:
        The walks; an episode that has not ended after T steps ends there.

    Example:
        >>> environment = MazeEnvironment(size=3, horizon=4)
        >>> [trial] = retrace(environment, np.zeros([1, 8], int), seed=[0, 7])  # turns on the spot
        >>> [episode.steps for episode in trial.episodes], trial.episodes[0].found
        ([4, 4], False)
    """
    check(actions.ndim == 2, f"actions have the shape {actions.shape}; expected [trials, steps].")
    batch, length = actions.shape

    @tf.function(autograph=False)
    def step(state: Any, action: tf.Tensor) -> tuple:
        # Nobody is put back to the start where there is no target and time does not pass.
        onward = state._replace(target=tf.fill([batch], -1), clock=tf.fill([batch], -1))
        end = environment.step(onward, action)[0].pose
        after, seen, reward, ended = environment.step(state, action)
        return after, environment.picture(seen), end, ended, ended & (reward > 0)

    state, seen = environment.reset(seed, batch)
    walls, target = state.walls.numpy(), state.target.numpy()
    picture = environment.picture(seen)
    before, told = [], []
    for number in range(length):
        before.append((state.pose.numpy(), picture.numpy()))
        state, picture, *rest = step(state, tf.constant(actions[:, number], tf.int32))
        told.append([x.numpy() for x in rest])
    poses, pictures = (np.stack(each, axis=1) for each in zip(*before, strict=True))  # [B, T, ...]
    ends, ended, found = (np.stack(each, axis=1) for each in zip(*told, strict=True))
    walks = []
    for trial in range(batch):
        episodes, begin = [], 0
        last = [*np.flatnonzero(ended[trial]).tolist(), length - 1]
        for end in last[: environment.episodes]:
            if end < begin:  # the last episode ended with the actions
                continue
            here = slice(begin, end + 1)
            episodes.append(
                Episode(
                    np.concatenate([poses[trial, here], ends[trial, end : end + 1]]),
                    np.concatenate([pictures[trial, here], pictures[trial, end : end + 1]]),
                    bool(found[trial, end]),
                )
            )
            begin = end + 1
        row, column = divmod(int(target[trial]), walls.shape[-1])
        walks.append(Walk(walls[trial], (row, column), tuple(episodes)))
    return walks


def draw_paths(walks: Sequence[Walk], path: str | Path, *, beside: int = 2) -> None:
    """Draws mazes from above, and the way of each episode in a panel of its own, lighter where it begins.

    Args:
        walks: the trials.
        path: the picture, in any format that Matplotlib writes.
        beside: trials side by side.
    """
    check(len(walks) >= 1, "walks is empty; expected one trial at least.")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    beside = min(beside, len(walks))
    rows, episodes = -(-len(walks) // beside), max(len(each.episodes) for each in walks)
    figure = pyplot.figure(figsize=(beside * (episodes * _PANEL + 0.2), rows * (_PANEL + 0.4)))
    grid = figure.add_gridspec(
        rows, beside, wspace=0.08, hspace=0.15, left=0.01, right=0.99, bottom=0.01, top=1 - 0.13 / rows
    )
    for place, trial in enumerate(walks):
        cells = grid[place // beside, place % beside].subgridspec(1, episodes, wspace=0.05)
        for number, episode in enumerate(trial.episodes):
            axis = figure.add_subplot(cells[0, number])
            colour = EPISODE_COLOURS[number % len(EPISODE_COLOURS)]
            draw_maze(axis, trial, episode.poses[0])
            _draw_way(axis, episode, colour)
            outcome = counted(episode.steps, "step") if episode.found else "not found"
            axis.set_title(f"{name_of(number)}: {outcome}", fontsize=9.5, color=colour, pad=4)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def name_of(number: int) -> str:
    """Names an episode: ``"first episode"`` is number 0."""
    return f"{_ORDINALS[number]} episode" if number < len(_ORDINALS) else f"episode {number + 1}"


def draw_maze(axis: Any, trial: Walk, start: np.ndarray) -> None:
    """Draws a maze from above: walls, the target, and where an episode begins, with its direction.

    Args:
        axis: Matplotlib's.
        trial: the maze.
        start: row, column and direction.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Polygon, Rectangle

    side = len(trial.walls)
    axis.imshow(
        trial.walls, cmap=ListedColormap([_FREE, _WALL]), extent=(0, side, side, 0), interpolation="nearest"
    )
    row, column = trial.target
    axis.add_patch(Rectangle((column + 0.1, row + 0.1), 0.8, 0.8, color=_TARGET, linewidth=0))
    corners = wedge(*start)
    axis.add_patch(Polygon(corners, facecolor="white", edgecolor=_START, linewidth=1.4, zorder=4))
    axis.set_xlim(0.5, side - 0.5)  # half of the outer wall is enough of it
    axis.set_ylim(side - 0.5, 0.5)
    axis.set_axis_off()


def wedge(row: float, column: float, direction: float) -> np.ndarray:
    """The corners, x and y, of a wedge that stands at a place and points in a direction, ``[4, 2]``."""
    turned = direction + np.array([0.0, 0.8 * np.pi, np.pi, -0.8 * np.pi])
    size = np.array([0.36, 0.32, 0.13, 0.32])
    return np.stack([column + size * np.cos(turned), row + size * np.sin(turned)], axis=1)


def way_of(poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lays a way out as a line that keeps to the right, so that there and back again are seen side by side.

    Args:
        poses: row, column and direction of each step, ``[N + 1, 3]``.

    Returns:
        The points, x and y, ``[M, 2]``, and the step that each belongs to, ``[M]``.
    """
    at = poses[:, 1::-1]  # x is the column
    along = np.diff(at, axis=0)
    far = np.linalg.norm(along, axis=1)
    moved = np.flatnonzero(far > 1e-6)
    if not len(moved):
        return at[:1], np.zeros(1, int)
    ahead = along[moved] / far[moved, None]
    aside = _ASIDE * np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
    points, steps = [at[moved[0]] + aside[0]], [moved[0] + 1]
    for before, after in pairwise(range(len(moved))):
        bend = ahead[before] @ ahead[after]
        corner = aside[[before, after]]
        if bend > _U_TURN:  # one corner where the two lines meet
            corner = corner.sum(axis=0, keepdims=True) / (1 + bend)
        points += list(at[moved[after]] + corner)
        steps += [moved[after] + 1] * len(corner)
    return np.stack([*points, at[moved[-1] + 1] + aside[-1]]), np.array([*steps, moved[-1] + 1])


def _draw_way(axis: Any, episode: Episode, colour: str) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgb

    points, steps = way_of(episode.poses)
    age = (0.35 + 0.65 * steps / max(episode.steps, 1))[:-1, None]
    colours = age * np.array(to_rgb(colour)) + (1 - age)
    lines = np.stack([points[:-1], points[1:]], axis=1)
    axis.add_collection(LineCollection(lines, colors=colours, linewidths=2.6, capstyle="round", zorder=3))
    axis.plot(
        *points[-1], "o", color=colour, markersize=6, markeredgecolor="white", markeredgewidth=1, zorder=5
    )
