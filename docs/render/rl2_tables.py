"""Tables of RL²: the published one, with ours beside it, and what each number was made by."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from docs.render.markdown import table
from docs.render.rl2_runs import TrainedRun, Training
from tfmeta.core.cards import Result
from tfmeta.core.words import counted
from tfmeta.recipes.registry import command_of

__all__ = ["render_commands", "render_comparison", "render_results", "render_trainings"]

_AGENTS = ("TRPO", "PPO")


def render_comparison(
    published: Mapping[Any, Mapping[str, float]],
    trained: Mapping[tuple[Any, str], Training],
    *,
    titles: Mapping[str, str],
    heading: str,
    label: Callable[[Any], str],
) -> str:
    """Renders the published table with ours beside it: a row for each kind of tasks.

    Args:
        published: mean rewards, by the tasks, and then by the names of the rules.
        trained: ours, by the tasks and the agent.
        titles: of the designed rules, by their names; they are the columns.
        heading: stands above the tasks.
        label: writes the tasks.

    Returns:
        The table; tasks that were not published come last.
    """
    others = sorted({tasks for tasks, _ in trained} - set(published))
    ours = [f"**RL² by {agent}, ours**" for agent in _AGENTS]
    lines = [[heading, *titles.values(), "RL², *paper*", *ours]]
    for tasks in [*published, *others]:
        theirs = [published[tasks][name] if tasks in published else None for name in (*titles, "rl2")]
        cells = [_cell(trained.get((tasks, agent))) for agent in _AGENTS]
        lines.append([label(tasks), *map(_theirs, theirs), *cells])
    return table(lines)


def render_trainings(trainings: Sequence[Training]) -> str:
    """Renders what each training came to, drawing actions and greedy, and what it cost.

    Args:
        trainings: a row each.

    Returns:
        The table.
    """
    lines = [
        ["tasks", "agent", "drawing", "greedy", "paper", "seeds", "trials in training", "time of a seed"]
    ]
    for each in trainings:
        reward = each.reward()
        spread = f": {_number(reward.lowest)} to {_number(reward.highest)}" if reward else ""
        seeds = f"{len(each.runs)}{spread}" if len(each.runs) > 1 else "1"
        lines.append(
            [
                each.tasks, each.agent, _reward(each), _reward(each, greedy=True),
                _theirs(each.published), seeds, f"{each.trials:,}", _took(each.minutes),
            ]
        )  # fmt: skip
    return table(lines)


def render_results(trainings: Sequence[Training]) -> str:
    """Renders all that was measured, whatever it is called, a row for each number.

    Args:
        trainings: what was trained.

    Returns:
        The table.
    """
    lines = [["test", "seed", "measured", "ours", "published", "trials"]]
    for run in (run for each in trainings for run in each.runs):
        for row in run.results:
            lines.append(
                [
                    row.setting, str(run.training.seed), row.metric, _figure(row),
                    _theirs(row.published), f"{row.tasks:,}",
                ]
            )  # fmt: skip
    return table(lines)


def render_commands(trainings: Sequence[Training]) -> str:
    """Lists the commands that made the runs, with their seeds, and the protocol of each training.

    Args:
        trainings: what was trained.

    Returns:
        The list.
    """
    lines = []
    for each in trainings:
        lines.append(f"* **{each.recipe.tested_as}**: {each.recipe.protocol}.")
        lines += [f"  * seed {run.training.seed}, {_took(run.minutes)}: {_command(run)}" for run in each.runs]
    return "\n".join(lines)


def _theirs(published: float | None) -> str:
    return "–" if published is None else f"*{published}*"


def _command(each: TrainedRun) -> str:
    return f"`{command_of(each.recipe)}`"


def _cell(training: Training | None) -> str:
    if training is None or (reward := training.reward()) is None:
        return "–"
    seeds = f"{counted(len(training.runs), 'seed')}, " if len(training.runs) > 1 else ""
    return f"**{_number(reward.mean)} ± {_number(reward.ci95)}** ({seeds}{_took(training.minutes)})"


def _reward(training: Training, *, greedy: bool = False) -> str:
    reward = training.reward(greedy)
    return f"{_number(reward.mean)} ± {_number(reward.ci95)}" if reward else "–"


def _figure(row: Result) -> str:
    width = f" ± {row.ci95:.2g}" if math.isfinite(row.ci95) else ""  # of a single trial there is none
    return f"{row.value:.4g}{width}"


def _number(value: float) -> str:
    return f"{value:.2f}"


def _took(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes >= 10 else f"{minutes:.1f} min"
