"""Regret on bandits, pull by pull: what was learnt beside what was designed."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from docs.render.rl2_panels import AGENT_COLOURS, panels
from docs.render.rl2_runs import TrainedRun, Training
from tfmeta.rl import play
from tfmeta.rl.bandit_tasks import BanditTasks
from tfmeta.rl.baselines import BANDIT_BASELINES, run_bandits, tune_bandits
from tfmeta.rl.rl2 import TEST_SEED

__all__ = ["designed_regret", "draw_regret", "regret_of"]

TRIALS = 1000
_TUNING_TRIALS = 300
_GITTINS_PULLS = 200  # its tables grow with the cube of the pulls
_OTS_SAMPLES = 20  # the most of those it is tuned over, which nearly all bandits of docs/rl.md chose
_OTS_WORK = 5_000_000  # pulls × arms × trials, each of them worth twenty draws

_STYLES: dict[str, dict[str, Any]] = {
    "gittins": {"color": "#111111"},
    "ucb1": {"color": "#e39c37"},
    "optimistic_thompson": {"color": "#6aa84f"},
    "thompson": {"color": "#6aa84f", "linestyle": "--"},
    "greedy": {"color": "#9a9a9a"},
}


def regret_of(run: TrainedRun, *, trials: int = TRIALS) -> np.ndarray:
    r"""Plays test trials with a policy that was learnt, and sums up what its pulls cost:

    .. math:: R_t = \sum_{i \le t} \big(\max_k p_k - p_{a_i}\big),

    where arm k pays with probability :math:`p_k`, so that the luck of the rewards is left out.

    Args:
        run: of bandits.
        trials: bandits, B.

    Returns:
        The regret after each pull, ``[B, T]``.
    """
    policy, tasks = run.run.learner().policy, run.tasks
    assert isinstance(tasks, BanditTasks)
    played = play(policy, tasks.environment("test"), trials=trials, seed=(TEST_SEED, 0))
    means = played.tasks.means  # [B, K]
    return (means.max(axis=1, keepdims=True) - np.take_along_axis(means, played.actions, 1)).cumsum(axis=1)


def designed_regret(arms: int, pulls: int, *, trials: int = TRIALS) -> dict[str, np.ndarray]:
    """Plays the designed rules that explore, and greedy, on bandits of the same distribution.

    UCB1 is tuned on bandits of its own. OTS plays fewer trials where it is slow, and Gittins none where its tables
    are too large.

    Args:
        arms: of each bandit.
        pulls: of each trial, T.
        trials: bandits, at most.

    Returns:
        The regret after each pull, ``[B, T]``, by the names of `BANDIT_BASELINES`.
    """
    size = {"arms": arms, "pulls": pulls}
    found = {}
    for name in _STYLES:
        if name == "gittins" and pulls > _GITTINS_PULLS:
            continue
        setting, count = None, trials
        if name == "ucb1":
            tuning_trials = min(trials, _TUNING_TRIALS)
            setting = tune_bandits(BANDIT_BASELINES[name], trials=tuning_trials, **size).best_setting
        if name == "optimistic_thompson":
            setting, count = _OTS_SAMPLES, max(100, min(trials, _OTS_WORK // (arms * pulls)))
        found[name] = run_bandits(BANDIT_BASELINES[name].policy(setting), trials=count, **size).regret
    return found


def draw_regret(tasks: Mapping[str, Sequence[Training]], path: str | Path) -> None:
    """Draws the mean cumulative regret with its 95% interval, a panel for each kind of bandits.

    Args:
        tasks: trainings on bandits, by the titles of their panels; of several seeds the mean.
        path: the picture, in any format that Matplotlib writes.
    """
    with panels(list(tasks), path, x="pull", y="mean cumulative regret ± 95%") as axes:
        for axis, trainings in zip(axes, tasks.values(), strict=True):
            bandits = trainings[0].runs[0].tasks
            assert isinstance(bandits, BanditTasks)
            draw = partial(_draw, axis)
            for name, regret in designed_regret(bandits.arms, bandits.pulls, trials=TRIALS).items():
                draw(regret, label=BANDIT_BASELINES[name].title, linewidth=1.3, **_STYLES[name])
            for training in trainings:
                regret = np.mean([regret_of(run, trials=TRIALS) for run in training.runs], axis=0)
                draw(
                    regret, label=f"RL² by {training.agent}", linewidth=2.4, zorder=3,
                    color=AGENT_COLOURS[training.agent],
                )  # fmt: skip
            axis.set_xlim(0, bandits.pulls)
            axis.set_ylim(bottom=0)


def _draw(axis: Any, regret: np.ndarray, **style: Any) -> None:
    pulls = np.arange(regret.shape[1] + 1)
    mean = np.concatenate([[0.0], regret.mean(axis=0)])
    width = np.concatenate([[0.0], 1.96 * regret.std(axis=0, ddof=1) / np.sqrt(len(regret))])
    axis.plot(pulls, mean, **style)
    axis.fill_between(pulls, mean - width, mean + width, color=style["color"], alpha=0.12, linewidth=0)
