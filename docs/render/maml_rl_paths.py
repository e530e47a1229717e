"""Pictures of the paths of points that look for a goal, before an update and after it."""

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
_BEFORE, _AFTER, _GOAL = "#9aa3ad", "#1f6fb4", "#d62728"


def draw_navigation(maml: Run, pretrained: Run, picture: Path) -> None:
    """Draws paths in test tasks: a row for each policy, a column for each task.

    Args:
        maml: the run of MAML.
        pretrained: the run of the baseline.
        picture: where the PNG is written.
    """
    figure, panels = plt.subplots(
        2, _TASKS, figsize=(9.6, 6.4), sharex=True, sharey=True, layout="constrained"
    )
    for row, (name, run) in zip(panels, {"MAML": maml, "pretrained": pretrained}.items(), strict=True):
        goals, before, after = _paths(run)
        for task, panel in enumerate(row):
            for places, colour, label in ((before, _BEFORE, "before"), (after, _AFTER, "after one update")):
                for number, path in enumerate(places[task]):
                    panel.plot(
                        *path.T, color=colour, linewidth=0.9, alpha=0.8, label=None if number else label
                    )
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


def _paths(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the goals ``[tasks, 2]`` and some paths in each task before an update and after it."""
    recipe, learner, seen = run.recipe(), run.learner(), []
    tasks, method = cast(ControlTasks, recipe.tasks), cast(MAMLPolicy, recipe.method)
    environment = tasks.environment("test")

    def watch(number: int, episodes: Episodes) -> None:
        seen.append(episodes.observation.numpy()[:_TASKS, :_SHOWN])

    seed = (TEST_SEED, 0)
    adapt_and_play(
        learner, environment, tasks=MAMLPolicy.test_tasks, episodes=learner.episodes, rates=[method.inner_rate],
        seed=seed, watch=watch,
    )  # fmt: skip
    goals = environment.describe(drawn_tasks(environment, MAMLPolicy.test_tasks, seed)).numpy()
    return goals[:_TASKS], *seen
