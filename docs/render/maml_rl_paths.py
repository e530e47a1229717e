"""Pictures of the paths of points that look for a goal, before an update and after it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import matplotlib.pyplot as plt
import numpy as np

from tfmeta.recipes.run import Run
from tfmeta.rl.adaptation import adapt_and_play, drawn_tasks
from tfmeta.rl.control_tasks import ControlTasks
from tfmeta.rl.episodes import Episodes
from tfmeta.rl.maml_policy import TEST_SEED, MAMLPolicy

__all__ = ["draw_navigation"]

_TASKS, _SHOWN = 3, 4
_GOAL = "#d62728"
_ROUNDS = {
    0: ("before", "#9aa3ad"),
    1: ("after one update", "#1f6fb4"),
    3: ("after three updates", "#2e7d32"),
}


def draw_navigation(policies: Mapping[str, tuple[Run, Sequence[float]]], picture: Path) -> None:
    """Draws paths in test tasks: a row for each policy, a column for each task.

    Args:
        policies: runs and the rates of their updates, by the names of the policies.
        picture: where the PNG is written.
    """
    figure, panels = plt.subplots(
        2, _TASKS, figsize=(9.6, 6.4), sharex=True, sharey=True, layout="constrained"
    )
    for row, (name, (run, rates)) in zip(panels, policies.items(), strict=True):
        goals, paths = _paths(run, rates)
        for task, panel in enumerate(row):
            for updates, (label, colour) in _ROUNDS.items():
                for number, path in enumerate(paths[updates][task]):
                    panel.plot(*path.T, color=colour, linewidth=0.9, label=None if number else label)
            panel.plot(0, 0, "o", color="black", markersize=5, fillstyle="none")
            panel.plot(*goals[task], "*", color=_GOAL, markersize=13)
            panel.set_aspect("equal")
            panel.set_title(f"{name}, task {task + 1}", fontsize=10)
        row[0].set_ylabel("y")
    for panel in panels[-1]:
        panel.set_xlabel("x")
    panels[0, 0].set_xlim(-1.1, 1.1)
    panels[0, 0].set_ylim(-1.1, 1.1)
    panels[0, 0].legend(loc="upper left", fontsize=8, frameon=False)
    figure.savefig(picture, dpi=120)
    plt.close(figure)


def _paths(run: Run, rates: Sequence[float]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Returns the goals ``[tasks, 2]``, and some paths in each task before the first update and after each."""
    learner, seen = run.learner(), []
    environment = cast(ControlTasks, run.recipe().tasks).environment("test")

    def watch(number: int, episodes: Episodes) -> None:
        seen.append(episodes.observation.numpy()[:_TASKS, :_SHOWN])

    seed = (TEST_SEED, 0)
    adapt_and_play(
        learner, environment, tasks=MAMLPolicy.test_tasks, episodes=learner.episodes, rates=rates, seed=seed,
        watch=watch,
    )  # fmt: skip
    goals = environment.describe(drawn_tasks(environment, MAMLPolicy.test_tasks, seed)).numpy()
    return goals[:_TASKS], seen
