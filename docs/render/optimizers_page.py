"""The page of races: what every rule came to on every family of problems, with the pictures."""

from pathlib import Path
from typing import NamedTuple, cast

from docs.render.markdown import pictures_beside, section_of
from docs.render.optimizers import draw_race, draw_sensitivity, draw_transfer, render_race
from tfmeta.core.atomic import write_text
from tfmeta.core.checks import TfmetaError
from tfmeta.optimizers.comparison import Comparison
from tfmeta.optimizers.method import comparison_file
from tfmeta.optimizers.problem_tasks import ProblemTasks
from tfmeta.optimizers.rule_training import RuleTraining
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.registry import command_of
from tfmeta.recipes.run import Run

__all__ = ["write_races"]

_RECIPES = {
    "lstm-optimizer-quadratic": "Quadratic functions of ten dimensions",
    "memory-optimizer-quadratic": "Quadratic functions of ten dimensions, by a rule with a shared memory",
    "lstm-optimizer-mnist": "A perceptron of 20 sigmoid units on MNIST",
    "lstm-optimizer-cifar": "A convolution network on CIFAR-10",
}

_HEAD = """# Races of update rules

Mean loss ± its 95% confidence interval over problems that no rule was trained, tuned or chosen on; the lowest mean
is bold. Each designed rule has the best of 29 learning rates, tuned on problems of its own; the learnt rule has
nothing to tune. In the pictures the band is one standard error, and the dotted line marks the updates of a descent in
training. This page is generated: `python -m docs.render optimizers`; what the runs at hand do not hold stays as it was.
"""

_RATES = "Each rule's learning rate"


class _Ended(NamedTuple):
    """A run that has been raced, and its races by the variant of the problem."""

    recipe: Recipe
    tasks: ProblemTasks
    training: RuleTraining
    races: dict[str, Comparison]


def write_races(runs: Path, page: Path) -> list[Path]:
    """Writes the page of races and its pictures.

    Args:
        runs: the folder of all runs, evaluated.
        page: where the page is written; pictures go to ``pictures/`` beside it.

    Returns:
        What was written.

    Raises:
        TfmetaError: where nothing has been raced.
    """
    ended = {name: found for name in _RECIPES if (found := _ended(name, runs))}
    if not ended:
        raise TfmetaError(
            f"{runs} holds no race. Train one of {', '.join(_RECIPES)} there, and measure it: tfmeta evaluate."
        )
    pictures = pictures_beside(page)
    written: list[Path] = []
    text = [_HEAD]
    for name, title in _RECIPES.items():
        text += _section(ended[name], pictures, written) if name in ended else section_of(page, title)
    own = {_RECIPES[name]: found.races[""] for name, found in ended.items() if "" in found.races}
    before = section_of(page, _RATES)
    if before and len(own) < len(_RECIPES):
        text += before  # a picture of fewer families would say less
    elif own:
        told = "The curves are of the problems of the tuning, and the line of the learnt rule of those of the test."
        text += [f"## {_RATES}", "", told, "", *_picture("learning_rates", pictures, written)]
        draw_sensitivity(own, written[-1])
    write_text(page, "\n".join(text).rstrip() + "\n")
    return [*written, page]


def _ended(name: str, runs: Path) -> _Ended | None:
    run = Run(runs / name)
    if not run.exists:
        return None
    recipe = run.recipe()
    tasks, training = cast(ProblemTasks, recipe.tasks), cast(RuleTraining, recipe.training)
    files = {variant: comparison_file(run.folder, variant) for variant in tasks.variants}
    races = {variant: Comparison.read(file) for variant, file in files.items() if file.exists()}
    return _Ended(recipe, tasks, training, races) if races else None


def _section(found: _Ended, pictures: Path, written: list[Path]) -> list[str]:
    """The lines on one recipe: its own problems, and those that its rule is transferred to."""
    recipe, tasks, training, races = found
    short = recipe.name.removeprefix("lstm-optimizer-").replace("-optimizer-", "_")
    steps = tuple(sorted({20, training.tuned_for, training.test_descent}))
    lines = [f"## {_RECIPES[recipe.name]}", ""]
    if "" in races:
        lines += [*_picture(f"race_{short}", pictures, written), render_race(races[""], steps), ""]
        draw_race(races[""], written[-1], trained_for=training.descent)
    others = {tasks.variants[variant]: race for variant, race in races.items() if variant}
    if others:
        lines += ["### Transfer: what the rule was not trained on", ""]
        lines += _picture(f"transfer_{short}", pictures, written)
        draw_transfer(others, written[-1], trained_for=training.descent)
        for title, race in others.items():
            lines += [f"**{title}**", "", render_race(race, steps), ""]
    return [
        *lines,
        f"Rates are tuned for {training.tuned_for} updates. Made by `{command_of(recipe)}`.",
        "",
    ]


def _picture(name: str, pictures: Path, written: list[Path]) -> list[str]:
    written.append(pictures / f"{name}.png")
    return [f"![{name.replace('_', ' ')}](pictures/{name}.png)", ""]
