"""The page of RL²: the published tables with ours beside them, and pictures of learning and of what was learned."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from docs.render.markdown import pictures_beside, section_of
from docs.render.maze_film import film
from docs.render.maze_paths import Walk, draw_paths, walk
from docs.render.rl2_curves import draw_curves, has_curve
from docs.render.rl2_regret import draw_regret
from docs.render.rl2_runs import RL2_RECIPES, Training, find_trainings, longest
from docs.render.rl2_tables import render_commands, render_comparison, render_results, render_trainings
from tfmeta.core.atomic import write_text
from tfmeta.core.checks import TfmetaError
from tfmeta.rl import PUBLISHED_BANDITS, PUBLISHED_MDPS
from tfmeta.rl.baselines import BANDIT_BASELINES, MDP_BASELINES
from tfmeta.rl.rl2 import TEST_SEED

__all__ = ["write_rl2"]

_HEAD = """# RL²: what was learnt

The mean reward of a test trial ± its 95% confidence interval over the trials. These are in further tasks of the same
distribution, named by the seed 2,000,002, and the actions are drawn from the policy, unless "greedy" is said. Of
several seeds the mean is shown, with the mean width of their intervals. Numbers in *italics* are the paper's (Duan et
al. 2016, tables 1 and 2; 1,000 trials); what its designed rules earn here is in [rl.md](rl.md#bandits). "–" was not
trained. In brackets is what the training of a seed took, on two cores. Of several trainings for the same tasks by the
same agent, the one of most trials stands in the first table and in the pictures, and all stand below. This page is
generated: `python -m docs.render rl2`; a section of which no run is at hand stays as it was.
"""

_MAZES = 4


def write_rl2(runs: Path, page: Path) -> list[Path]:
    """Writes the page of RL² and its pictures.

    Args:
        runs: the folder of all runs, evaluated.
        page: where the page is written; pictures go to ``pictures/`` beside it.

    Returns:
        What was written.

    Raises:
        TfmetaError: where nothing has been trained and measured.
    """
    trainings = find_trainings(runs)
    if not trainings:
        raise TfmetaError(
            f"{runs} holds no measured run of {', '.join(RL2_RECIPES)}. Train one there, and measure it: tfmeta"
            " evaluate."
        )
    pictures = pictures_beside(page)
    written: list[Path] = []
    text = [_HEAD]
    for name, (title, section) in _SECTIONS.items():
        found = [each for each in trainings if each.recipe.name == name]
        text += [f"## {title}", "", *section(found, pictures, written)] if found else section_of(page, title)
    write_text(page, "\n".join(text).rstrip() + "\n")
    return [*written, page]


def _bandits(found: Sequence[Training], pictures: Path, written: list[Path]) -> list[str]:
    table = render_comparison(
        PUBLISHED_BANDITS,
        _by(longest(found), lambda tasks: (tasks.pulls, tasks.arms)),
        titles={name: rule.title for name, rule in BANDIT_BASELINES.items()},
        heading="n pulls of k arms",
        label=lambda size: f"n = {size[0]}, k = {size[1]}",
    )
    curves, regret = _curves("rl2_curves_bandits", found, pictures, written), pictures / "rl2_regret.png"
    draw_regret(_panels(found), regret)
    written.append(regret)
    return [
        table, "", *curves,
        "### Regret", "",
        "How much less the pulled arms pay in the mean than the best one, summed up over the pulls of 1,000 trials."
        " UCB1 is tuned on bandits of its own, OTS draws m = 20 and plays fewer trials where it is slow; Gittins is"
        " left out above 200 pulls.", "",
        *_picture(regret),
        *_made(found),
    ]  # fmt: skip


def _mdps(found: Sequence[Training], pictures: Path, written: list[Path]) -> list[str]:
    table = render_comparison(
        PUBLISHED_MDPS,
        _by(longest(found), lambda tasks: tasks.episodes),
        titles={name: rule.title for name, rule in MDP_BASELINES.items()},
        heading="episodes",
        label=str,
    )
    return [
        table, "",
        "The paper's designed rules believe a wrong prior of the rewards. What they earn with the true one, which a"
        " learnt rule has to be measured against, is in [rl.md](rl.md#tabular-mdps).", "",
        *_curves("rl2_curves_mdps", found, pictures, written),
        *_made(found),
    ]  # fmt: skip


def _mazes(found: Sequence[Training], pictures: Path, written: list[Path]) -> list[str]:
    by_trials = sorted(found, key=lambda each: each.trials)
    last_of = {each.recipe.artefact: each for each in by_trials}  # of a name the longest stays
    ways = [line for name, each in last_of.items() for line in _ways(name, each, pictures, written)]
    return [
        render_results(longest(found)), "",
        *_curves("rl2_curves_mazes", found, pictures, written),
        "A trial of training holds as many steps as one of the test, and may hold more episodes: see below.", "",
        "### Ways through mazes", "",
        f"The first {_MAZES} mazes of a test, as they came. The walker begins at the white wedge, and sees 90 degrees"
        " of what is before it; the target is red. Its way is lighter where it begins, and keeps to the right of where"
        " it was, so that there and back again are told apart. The one where the second episode saves most steps is"
        " shown again, from above and through the walker's eyes.", "",
        *ways,
        *_made(found, table=False),
    ]  # fmt: skip


def _ways(name: str, training: Training, pictures: Path, written: list[Path]) -> list[str]:
    first = training.runs[0]
    walks = walk(
        first.run.learner().policy, first.tasks.environment("test"), mazes=_MAZES, seed=(TEST_SEED, 0)
    )
    paths, moving = pictures / f"{name}_paths.png", pictures / f"{name}.gif"
    draw_paths(walks, paths)
    film(max(walks, key=_saved), moving)
    written += [paths, moving]
    return [
        f"{training.tasks.capitalize()}, seed {first.training.seed}:",
        "",
        *_picture(paths),
        *_picture(moving),
    ]


_SECTIONS = {
    "rl2-bandit": ("Bandits", _bandits),
    "rl2-mdp": ("Tabular MDPs", _mdps),
    "rl2-maze": ("Mazes", _mazes),
}


def _by(trainings: Sequence[Training], key: Callable[[Any], Any]) -> dict[tuple[Any, str], Training]:
    return {(key(each.runs[0].tasks), each.agent): each for each in trainings}


def _panels(found: Sequence[Training]) -> dict[str, list[Training]]:
    """The longest training of each agent, by the tasks."""
    panels: dict[str, list[Training]] = {}
    for each in longest(found):
        panels.setdefault(each.tasks, []).append(each)
    return panels


def _curves(name: str, found: Sequence[Training], pictures: Path, written: list[Path]) -> list[str]:
    logged = [each for each in found if has_curve(each)]
    if not logged:
        return []
    picture = pictures / f"{name}.png"
    draw_curves(_panels(logged), picture)
    written.append(picture)
    return ["### Learning curves", "", *_picture(picture)]


def _made(found: Sequence[Training], *, table: bool = True) -> list[str]:
    rows = [render_trainings(found), ""] if table else []
    return ["### How each was made", "", *rows, render_commands(found), ""]


def _saved(trial: Walk) -> tuple[bool, int]:
    steps = [episode.steps for episode in trial.episodes]
    return all(episode.found for episode in trial.episodes), steps[0] - steps[-1]


def _picture(path: Path) -> list[str]:
    return [f"![{path.stem.replace('_', ' ')}](pictures/{path.name})", ""]
