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
tasks, in the mean over the seeds. MAML takes the updates at the rate of its training. For the baselines the rate is the
best of {rates} on validation tasks, after one update. Later updates have a smaller rate: {later:g} times the first.
"""


class _Row(NamedTuple):
    """Returns of one policy, ``[seeds, updates + 1, tasks]``."""

    name: str
    returns: np.ndarray
    rate: float | None


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
        lines += [f"## {words[0].upper()}{words[1:]}", "", _table(of_tasks), "", *_how(of_tasks), ""]
        by_method = {run.recipe().method.name: run for run in reversed(of_tasks)}
        if _tasks(of_tasks[0]).name == "navigation" and {"maml-policy", "pretrained-policy"} <= set(
            by_method
        ):
            picture = pictures_beside(page) / "maml_rl_paths.png"
            draw_navigation(by_method["maml-policy"], by_method["pretrained-policy"], picture)
            written.append(picture)
            lines += [
                f"![paths before and after an update](pictures/{picture.name})",
                "",
                "Paths in three test tasks, before the first update and after one, with the noise of the policies. The"
                " star is the goal, and the circle the start.",
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


def _table(runs: list[Run]) -> str:
    recipe = runs[0].recipe()
    updates = range(cast(PolicyTraining, recipe.training).test_updates + 1)
    heads = [f"{count} update{'s' * (count != 1)}" for count in updates]
    lines = [["policy", "first rate", *heads]]
    for row in [*_rows(runs), *_still(recipe)]:
        rate = "–" if row.rate is None else f"{row.rate:g}"
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
            measured = [
                _measured(run.recipe(), run.learner(), tune=method != "maml-policy") for run in chosen
            ]
            yield _Row(name, np.stack([returns for returns, _ in measured]), measured[0][1])
    first = next(
        (run.recipe() for run in runs if run.recipe().method.name == "maml-policy"), runs[0].recipe()
    )
    returns, rate = _measured(first, cast(MAMLPolicyLearner, first.learner()), tune=True)
    yield _Row("not trained", returns[None], rate)


def _measured(recipe: Recipe, learner: MAMLPolicyLearner, *, tune: bool) -> tuple[np.ndarray, float]:
    """Returns the returns of the test tasks ``[updates + 1, tasks]``, and the rate of the first update."""
    training = cast(PolicyTraining, recipe.training)
    method, tasks = cast(MAMLPolicy, recipe.method), cast(ControlTasks, recipe.tasks)

    def played(rate: float, seed: int, part: str) -> np.ndarray:
        rates = training.replaced(test_rate=rate).rates(rate)
        environment = tasks.environment(part)  # type: ignore[arg-type]
        return adapt_and_play(
            learner, environment, tasks=_TEST_TASKS, episodes=training.episodes, rates=rates, seed=(seed, 0)
        )

    rate = training.test_rate or method.inner_rate
    if tune:
        rate = max(_RATES, key=lambda rate: played(rate, VALIDATION_SEED, "validation")[1].mean())
    return played(rate, TEST_SEED, "test"), rate


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
    yield _Row("stands still", reward.numpy()[None, None] * environment.trial_length, None)


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
        lines.append(
            f"- `{command}`: {budget['steps']:,.0f} steps of {tasks} tasks, {minutes:.0f} minutes on 2 cores."
        )
    return lines
