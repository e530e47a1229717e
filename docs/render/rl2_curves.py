"""Learning curves of RL²: what a trial of training earned, from the logs of the runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from docs.render.rl2_panels import AGENT_COLOURS, panels
from docs.render.rl2_runs import TrainedRun, Training
from tfmeta.core.words import counted
from tfmeta.recipes.run import Run
from tfmeta.rl.bandit_tasks import BanditTasks
from tfmeta.rl.published import PUBLISHED_BANDITS

__all__ = ["draw_curves", "has_curve", "read_curve"]

_RETURN = "epoch_return"  # what Keras's TensorBoard callback calls the metric


def read_curve(run: TrainedRun) -> tuple[np.ndarray, np.ndarray]:
    """Reads from TensorBoard's logs what a trial earned in the mean, epoch by epoch of the training.

    Args:
        run: a run.

    Returns:
        The trials played until the middle of each epoch, ``[E]``, and the mean rewards, ``[E]``; both are empty where
        there are no logs. Of an epoch that was begun again, the last mean. What the run started from comes first: its
        rewards where it had the same tasks, and else no more than the trials that it played.
    """
    played, trials, means = 0, [np.zeros([0])], [np.zeros([0])]
    for each, recipe in reversed(run.line()):
        found, training = _epochs(each) if recipe.tested_as == run.recipe.tested_as else {}, recipe.training
        epochs = np.array(sorted(found), np.float64)
        trials.append(played + (epochs + 0.5) * training.epoch_steps * training.batch_size)
        means.append(np.array([found[int(epoch)] for epoch in epochs]))
        played += int(each.budget()["steps"]) * training.batch_size
    return np.concatenate(trials), np.concatenate(means)


def _epochs(run: Run) -> dict[int, float]:
    """Reads the mean reward of each epoch, by its number."""
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    logs = run.folder / "logs" / "train"
    if not logs.is_dir():
        return {}
    events = EventAccumulator(str(logs), size_guidance={TENSORS: 0}).Reload()
    if _RETURN not in events.Tags()["tensors"]:
        return {}
    return {event.step: float(make_ndarray(event.tensor_proto)) for event in events.Tensors(_RETURN)}


def has_curve(training: Training) -> bool:
    """Whether a training left logs to draw."""
    return any(len(read_curve(run)[0]) for run in training.runs)


def draw_curves(tasks: Mapping[str, Sequence[Training]], path: str | Path) -> None:
    """Draws learning curves, a panel for each kind of tasks and a line for each seed.

    Published means are level lines: that of RL², and for bandits that of Gittins.

    Args:
        tasks: trainings, by the titles of their panels.
        path: the picture, in any format that Matplotlib writes.
    """
    with panels(
        list(tasks), path, x="trials played in training", y="mean reward of a trial in training"
    ) as axes:
        for axis, trainings in zip(axes, tasks.values(), strict=True):
            begins = np.inf
            for training in trainings:
                colour, label = AGENT_COLOURS[training.agent], f"RL² by {training.agent}"
                for run in training.runs:
                    trials, means = read_curve(run)
                    axis.plot(trials, means, color=colour, linewidth=1.8, label=label)
                    begins = trials.min(initial=begins)
            first = trainings[0]
            if first.published is not None:
                axis.axhline(
                    first.published, color="#111111", linestyle="--", linewidth=1.2, label="RL², published"
                )
            row = _published_rules(first)
            if row:
                axis.axhline(
                    row["gittins"],
                    color="0.5",
                    linestyle=":",
                    linewidth=1.6,
                    label="Gittins, published",
                )
            sizes = {
                f"{each.agent}: {counted(each.runs[0].training.batch_size, 'trial')} a step"
                for each in trainings
            }
            # Curves rise from the left, but for those that go on from other tasks'.
            axis.set_xlim(left=0)
            late = begins > axis.get_xlim()[1] / 2
            axis.text(
                0.03 if late else 0.97, 0.06, "\n".join(sorted(sizes, reverse=True)), transform=axis.transAxes,
                ha="left" if late else "right", fontsize=8, color="0.4",
            )  # fmt: skip
            axis.xaxis.set_major_locator(_few_ticks())
            axis.xaxis.set_major_formatter(lambda x, _: f"{x / 1000:g}k" if x else "0")


def _published_rules(training: Training) -> Mapping[str, float] | None:
    bandits = training.runs[0].tasks
    if not isinstance(bandits, BanditTasks):
        return None
    return PUBLISHED_BANDITS.get((bandits.pulls, bandits.arms))


def _few_ticks() -> Any:
    from matplotlib import ticker

    return ticker.MaxNLocator(6)
