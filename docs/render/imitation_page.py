"""The page of one-shot imitation: success by policy and by test, and pictures of a stacking policy at work."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from docs.render.fetch_pages import film_fetch, table_of_fetch
from docs.render.markdown import pictures_beside, table
from docs.render.stacking_film import draw_attention, film, watch
from tfmeta.core.atomic import write_text
from tfmeta.core.checks import TfmetaError
from tfmeta.imitation.imitation_tasks import ImitationTasks
from tfmeta.imitation.learner import ImitationLearner
from tfmeta.imitation.method import Imitation, ImitationTraining
from tfmeta.imitation.one_shot_policy import OneShotPolicy
from tfmeta.imitation.stacking_tasks import StackingTasks
from tfmeta.recipes.run import Run

__all__ = ["write_imitation"]

_FILMED, _SEED = "cab de", 3
"""A layout of the training in new scenes: few cubes, so that the picture is clear."""

_HEAD = """# One-shot imitation: results

This page is generated: `python -m docs.render imitation`. [imitation.md](imitation.md) says how the method works.

Each cell is the success in {count} tasks, in %: one demonstration and one episode of each, in different scenes. ± is
half the 95% confidence interval. One training of each policy, with the random seed that its row names. *Unseen* layouts
have shapes that no training layout has; *seen* ones are those of the training, in new scenes.
"""


def write_imitation(runs: Path, page: Path, *, filmed: str = _FILMED) -> list[Path]:
    """Writes the page and its pictures.

    Args:
        runs: the folder of all runs; those of `ImitationTasks` that have ended and were evaluated are shown.
        page: where the page is written; pictures go to ``pictures/`` beside it.
        filmed: the layout of the pictures.

    Returns:
        What was written.

    Raises:
        TfmetaError: where there is no such run.
    """
    found = list(_measured(runs))
    if not found:
        raise TfmetaError(
            f"{runs} holds no run of imitation that was evaluated; train imitation-reaching there."
        )
    lines, written = [_HEAD.format(count=found[0].results()[0].tasks)], []
    for name in sorted({run.recipe().tasks.name for run in found}):
        of_tasks = [run for run in found if run.recipe().tasks.name == name]
        lines += [f"## {name.capitalize()}", "", *_tables(of_tasks)]
        watchable = [run for run in of_tasks if _watchable(run)]
        if watchable:
            pictures = pictures_beside(page)
            watched = watch(_learner(_best(watchable)), filmed, seed=_SEED)
            film(watched, pictures / "stacking.gif")
            draw_attention(watched, pictures / "stacking_attention.png")
            written += [pictures / "stacking.gif", pictures / "stacking_attention.png"]
            lines += _on_fetch(_best(watchable), filmed, pictures)
            lines += [
                f"![a demonstration and its imitation](pictures/stacking.gif)\n\nThe layout `{filmed}`: the"
                " demonstration on the left, then the imitation on the right.\n",
                "![attention](pictures/stacking_attention.png)\n\nThe same imitation: how much the policy attends to"
                " each step of the demonstration that it has read, and to each cube.\n",
            ]
    write_text(page, "\n".join(lines).rstrip() + "\n")
    return [*written, page]


def _on_fetch(run: Run, layout: str, pictures: Path) -> Iterator[str]:
    """Yields what the policy does on the Fetch arm, where MuJoCo is installed."""
    try:
        learner, tasks = _learner(run), cast(StackingTasks, run.recipe().tasks)
        measured = table_of_fetch(learner, tasks)
        film_fetch(learner, layout, pictures / "stacking_fetch.gif")
    except TfmetaError as error:
        print(f"The Fetch arm is passed over: {error}")
        return
    yield measured
    yield ""
    yield (
        f"The policy of {_words(run)} has learned in the kinematic world alone, and acts on the Fetch arm as it is."
        " Demonstrations are the expert's there. Here an episode counts where the layout was built at some time; in the"
        " tables above, where it was built at the end.\n"
    )
    yield f"![on the Fetch arm](pictures/stacking_fetch.gif)\n\nThe layout `{layout}` on the Fetch arm.\n"


def _measured(runs: Path) -> Iterator[Run]:
    for file in sorted(runs.glob("*/settings.json")):
        run = Run(file.parent)
        recipe = run.recipe()
        if isinstance(recipe.tasks, ImitationTasks) and run.ended(recipe) and run.results():
            yield run


def _watchable(run: Run) -> bool:
    """Whether the policy reads one choice of steps at equal distances, which are those that the pictures name."""
    policy = _learner(run).policy
    return isinstance(policy, OneShotPolicy) and policy.condition == "demonstration" and policy.ensemble == 1


def _best(runs: Sequence[Run]) -> Run:
    """Returns the run with the greatest mean success."""
    return max(runs, key=lambda run: float(np.mean([result.value for result in run.results()])))


def _learner(run: Run) -> ImitationLearner:
    return cast(ImitationLearner, run.learner())


def _tables(runs: Sequence[Run]) -> Iterator[str]:
    """Yields a table for each group of tests, such as unseen layouts: a row for each run."""
    tests = list(dict.fromkeys(_test(run, result.setting) for run in runs for result in run.results()))
    groups = list(dict.fromkeys(test.rpartition(", ")[0] for test in tests))
    for group in groups:
        columns = sorted((test for test in tests if test.rpartition(", ")[0] == group), key=_number)
        heads = [test.rpartition(", ")[2] for test in columns]
        rows = [[group or "policy", "training steps", "random seed", *heads]]
        for run in runs:
            cells = {
                _test(run, result.setting): f"{result.value:.1%} ± {result.ci95:.1%}"
                for result in run.results()
            }
            training = run.recipe().training
            shown = [cells.get(column, "–").replace("%", "") for column in columns]
            rows.append([_words(run), f"{training.steps:,}", str(training.seed), *shown])
        yield table(rows)
        yield ""


def _words(run: Run) -> str:
    """Names what a run does differently from others."""
    method, training = cast(Imitation, run.recipe().method), cast(ImitationTraining, run.recipe().training)
    parts = [method.policy]
    if method.policy == "one-shot":
        parts.append("DAgger" if training.dagger else "behaviour cloning")
        if method.condition != "demonstration":
            parts.append(f"reads {method.condition.replace('-', ' ')}")
        if method.ensemble > 1:
            parts.append(f"ensemble of {method.ensemble}")
    return ", ".join(parts)


def _test(run: Run, setting: str) -> str:
    """The test that a setting names, without the tasks: ``"stacking, unseen, 2 stages" -> "unseen, 2 stages"``."""
    return setting.removeprefix(f"{cast(ImitationTasks, run.recipe().tasks).words}, ")


def _number(test: str) -> int:
    return int(test.rpartition(", ")[2].split()[0])
