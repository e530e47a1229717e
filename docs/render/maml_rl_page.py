"""The page of MAML for reinforcement learning: returns after each update, and paths before and after one."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import tensorflow as tf

from docs.render.maml_rl_paths import draw_navigation
from docs.render.markdown import pictures_beside, table
from tfmeta.core.atomic import write_text
from tfmeta.core.checks import TfmetaError
from tfmeta.core.published import Published
from tfmeta.core.tasks import Part
from tfmeta.core.words import counted
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.run import Run
from tfmeta.rl.adaptation import adapt_and_play, drawn_tasks
from tfmeta.rl.control_tasks import ControlTasks
from tfmeta.rl.maml_policy import TEST_SEED, VALIDATION_SEED, MAMLPolicy, PolicyTraining
from tfmeta.rl.policy_learner import MAMLPolicyLearner

__all__ = ["write_maml_rl"]

_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
_TEST_TASKS = MAMLPolicy.test_tasks

_HEAD = """# MAML for reinforcement learning: results

This page is generated: `python -m docs.render maml-rl`. [maml_rl.md](maml_rl.md) says how the method works.

Each cell is the mean return of an episode over {tasks} test tasks and all seeds; in brackets is that of each seed.
Each update is one policy-gradient step on {episodes} fresh episodes. ± is half the 95% confidence interval over the
tasks, in the mean over the seeds. MAML takes the first update at the rate of its training. For the others the rate is
the best of {rates} on validation tasks, after one update. Later updates have a smaller rate:
{later:g} times the first.
"""


class _Row(NamedTuple):
    """Returns ``[seeds, updates + 1, tasks]`` of one policy, the rates of its updates, and its first run."""

    name: str
    returns: np.ndarray
    rates: list[float]
    run: Run | None = None


def write_maml_rl(runs: Path, page: Path) -> list[Path]:
    """Writes the page and its pictures.

    Args:
        runs: the folder of all runs; those that have ended and whose tasks are `ControlTasks` are shown.
        page: where the page is written; pictures go to ``pictures/`` beside it.

    Returns:
        What was written.

    Raises:
        TfmetaError: where there is no such run.
    """
    found = list(_ended(runs))
    if not found:
        raise TfmetaError(f"{runs} holds no run that has ended; train maml-navigation there.")
    training = cast(PolicyTraining, found[0].recipe().training)
    rates = ", ".join(f"{rate:g}" for rate in _RATES)
    facts = {
        "tasks": _TEST_TASKS,
        "episodes": training.episodes,
        "rates": rates,
        "later": training.later_rate,
    }
    lines = [_HEAD.format(**facts)]
    written = []
    for words in sorted({_tasks(run).words for run in found}, key=lambda words: (words[:3] != "nav", words)):
        of_tasks = [run for run in found if _tasks(run).words == words]
        rows = list(_rows(of_tasks))
        lines += [f"## {words[0].upper()}{words[1:]}", "", _table(of_tasks, rows), "", *_how(of_tasks), ""]
        shown = {row.name.strip("*"): (row.run, row.rates) for row in rows[:2] if row.run is not None}
        if _tasks(of_tasks[0]).name == "navigation" and len(shown) == 2:
            picture = pictures_beside(page) / "maml_rl_paths.png"
            draw_navigation(shown, picture)
            written.append(picture)
            lines += [
                f"![paths before and after an update](pictures/{picture.name})",
                "",
                "Paths in three test tasks, with the noise of the policies. The star is the goal, and the circle the"
                " start.",
                "",
            ]
    write_text(page, "\n".join(lines).rstrip() + "\n")
    return [*written, page]


def _ended(runs: Path) -> Iterator[Run]:
    for file in sorted(runs.glob("*/settings.json")):
        run = Run(file.parent)
        recipe = run.recipe()
        if isinstance(recipe.tasks, ControlTasks) and run.ended(recipe):
            yield run


def _tasks(run: Run) -> ControlTasks:
    return cast(ControlTasks, run.recipe().tasks)


def _table(runs: list[Run], rows: list[_Row]) -> str:
    recipe = runs[0].recipe()
    updates = range(cast(PolicyTraining, recipe.training).test_updates + 1)
    heads = [counted(count, "update") for count in updates]
    lines = [["policy", "first rate", *heads]]
    for row in [*rows, *_still(recipe)]:
        rate = f"{row.rates[0]:g}" if row.rates else "–"
        lines.append(
            [row.name, rate, *(_cell(row.returns[:, update]) for update in range(row.returns.shape[1]))]
        )
        lines[-1] += ["–"] * (len(lines[0]) - len(lines[-1]))
    if numbers := _published(runs):
        cells = [
            next((f"{n.value:g}" for n in numbers if n.ending.endswith(f"after {h}")), "–") for h in heads
        ]
        lines.append(["MAML, published", "–", *cells])
    return table(lines)


def _rows(runs: list[Run]) -> Iterator[_Row]:
    """Measures the runs of each method, seed beside seed, and a policy that was not trained."""
    names = {
        "maml-policy": "**MAML**",
        "pretrained-policy": "pretrained on all tasks",
        "oracle-policy": "oracle: observes the task",
    }
    for method, name in names.items():
        chosen = [run for run in runs if run.recipe().method.name == method]
        if chosen:
            _check_seeds(chosen)
            measured = [
                _measured(run.recipe(), run.learner(), tune=method != "maml-policy") for run in chosen
            ]
            yield _Row(name, np.stack([returns for returns, _ in measured]), measured[0][1], chosen[0])
    first = next(
        (run.recipe() for run in runs if run.recipe().method.name == "maml-policy"), runs[0].recipe()
    )
    returns, rates = _measured(first, cast(MAMLPolicyLearner, first.learner()), tune=True)
    yield _Row("not trained", returns[None], rates)


def _check_seeds(runs: list[Run]) -> None:
    """Raises `TfmetaError` where the runs of a row differ in more than their seeds."""
    first, settings = runs[0].folder, runs[0].recipe().settings
    for run in runs[1:]:
        other = run.recipe().settings
        differ = [name for name, value in settings.items() if other[name] != value and name != "seed"]
        if differ:
            raise TfmetaError(
                f"{first} and {run.folder} differ in {', '.join(differ)}; a row is the mean over seeds. Move one of"
                " them to another folder."
            )


def _measured(recipe: Recipe, learner: MAMLPolicyLearner, *, tune: bool) -> tuple[np.ndarray, list[float]]:
    """Returns the returns of the test tasks ``[updates + 1, tasks]``, and the rates of the updates."""
    training = cast(PolicyTraining, recipe.training)
    tasks = cast(ControlTasks, recipe.tasks)

    def played(rates: list[float], seed: int, part: Part) -> np.ndarray:
        return adapt_and_play(
            learner,
            tasks.environment(part),
            tasks=_TEST_TASKS,
            episodes=training.episodes,
            rates=rates,
            seed=(seed, 0),
        )

    first = training.test_rate or cast(MAMLPolicy, recipe.method).inner_rate
    if tune:
        first = max(_RATES, key=lambda rate: played([rate], VALIDATION_SEED, "validation")[1].mean())
    rates = training.replaced(test_rate=first).rates(first)
    return played(rates, TEST_SEED, "test"), rates


def _still(recipe: Recipe) -> Iterator[_Row]:
    """Measures a point that stays where it is; running needs more than that."""
    tasks = cast(ControlTasks, recipe.tasks)
    if tasks.name != "navigation":
        return
    environment = tasks.environment("test")
    tasks_drawn = drawn_tasks(environment, _TEST_TASKS, (TEST_SEED, 0))
    state, _ = environment.begin(tasks_drawn, (TEST_SEED, 0))
    action = tf.zeros([_TEST_TASKS, environment.action_size])
    _, _, reward, _ = environment.step(state, action)
    yield _Row("stands still", reward.numpy()[None, None] * environment.trial_length, [])


def _published(runs: list[Run]) -> list[Published]:
    facts = runs[0].recipe().settings
    numbers = [n for run in runs for n in run.recipe().published]
    return [n for n in numbers if all(facts.get(name) == value for name, value in n.where.items())]


def _cell(returns: np.ndarray) -> str:
    """Shows returns ``[seeds, tasks]``."""
    seeds = returns.mean(axis=1)
    ci95 = np.mean(1.96 * returns.std(axis=1, ddof=1) / np.sqrt(returns.shape[1]))
    each = f" ({', '.join(f'{mean:.1f}' for mean in seeds)})" if len(seeds) > 1 else ""
    return f"{seeds.mean():.1f} ± {ci95:.1f}{each}"


def _how(runs: Iterable[Run]) -> list[str]:
    """Says how each method was trained: the command of its first seed, and what it took."""
    lines, seen = [], set()
    for run in runs:
        recipe, budget = run.recipe(), run.budget()
        if recipe.method.name in seen:
            continue
        seen.add(recipe.method.name)
        command = run.origin().command
        minutes, tasks = budget["seconds"] / 60, recipe.training.batch_size
        took = counted(round(minutes), "minute")
        lines.append(f"- `{command}`: {budget['steps']:,.0f} steps of {tasks} tasks, {took} on 2 cores.")
    return lines
