"""The page of answered questions: accuracies on pictures and on databases of places, and what modules look at."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from docs.render.answered_places import answered_places, render_places
from docs.render.folds import render_folds
from docs.render.markdown import pictures_beside, section_of
from tfmeta.asking.module_pictures import Answered, draw_examples, draw_modules
from tfmeta.core.atomic import write_text
from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.words import counted
from tfmeta.modules.layout import Layout
from tfmeta.modules.module_network import ModuleNetwork
from tfmeta.recipes.folds import FoldResult, folds_file, folds_of, read_folds
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.registry import command_of, find_recipe
from tfmeta.recipes.run import RESULTS_FILE, Run

__all__ = ["answered_pictures", "write_answers"]

_HEAD = """# Questions answered

Accuracy in percent, ± its 95% confidence interval, on questions that no network was trained, tuned or chosen on. This
page is generated: `python -m docs.render modules`; a section of which no run is at hand stays as it was.
"""

# The composed network first.
_PICTURES = {
    "SHAPES": ("nmn-shapes", "monolithic-shapes"),
    "Combinations that were never seen together": ("nmn-combinations", "monolithic-combinations"),
}
_PLACES, _GEOQA = "nmn-geoqa", "GeoQA"
_SHOWN = 8


class _Measured(NamedTuple):
    """A run that has been measured."""

    recipe: Recipe
    run: Run
    results: list[Result]


def write_answers(runs: Path, page: Path) -> list[Path]:
    """Writes the page of answered questions and its pictures.

    Args:
        runs: the folder of all runs, evaluated.
        page: where the page is written; pictures go to ``pictures/`` beside it.

    Returns:
        What was written.

    Raises:
        TfmetaError: where nothing has been measured.
    """
    found = {name: _measured(name, runs) for names in _PICTURES.values() for name in names}
    # Environments by which settings are chosen are no test.
    folds = [fold for fold in read_folds(folds_file(runs, _PLACES)) if not fold.settings.get("validation")]
    if not folds and not any(found.values()):
        known = ", ".join([*found, _PLACES])
        raise TfmetaError(
            f"{runs} holds no measured run of {known}. Train one there, and measure it: tfmeta evaluate."
        )
    pictures = pictures_beside(page)
    written: list[Path] = []
    text = [_HEAD]
    for title, names in _PICTURES.items():
        measured = [each for name in names for each in found[name]]
        text += _table_of_pictures(title, measured) if measured else section_of(page, title)
        if composed := found[names[0]]:
            text += _examples(max(composed, key=lambda each: each.results[0].value), pictures, written)
    text += (
        [*_table_of_places(folds), *_examples_of_places(folds, runs)] if folds else section_of(page, _GEOQA)
    )
    write_text(page, "\n".join(text).rstrip() + "\n")
    return [*written, page]


def _measured(name: str, runs: Path) -> list[_Measured]:
    measured = [Run(file.parent) for file in sorted(runs.glob(f"{name}*/{RESULTS_FILE}"))]
    return [_Measured(run.recipe(), run, run.results()) for run in measured]


def _took(seconds: float) -> str:
    return counted(max(1, round(seconds / 60)), "minute")


def _table_of_pictures(title: str, measured: Sequence[_Measured]) -> list[str]:
    """A row for each test, a column for each method."""
    methods = list(dict.fromkeys(each.recipe.method.title for each in measured))
    cells = {(row.setting, each.recipe.method.title): row for each in measured for row in each.results}
    lines = [f"## {title}", "", f"| test | {' | '.join(methods)} |", "|---" * (len(methods) + 1) + "|"]
    for setting in dict.fromkeys(setting for setting, _ in cells):
        values = [_cell(cells.get((setting, method))) for method in methods]
        lines.append(f"| {setting} | {' | '.join(values)} |")
    made = [
        f"- {each.recipe.method.title}, seed {each.recipe.training.seed}: `{command_of(each.recipe)}`,"
        f" {_took(each.run.budget()['seconds'])}; {each.recipe.protocol}."
        for each in measured
    ]
    published = {
        f"{100 * row.published:.1f} ({row.source})"
        for each in measured
        for row in each.results
        if row.published
    }
    beside = [f"Published: {'; '.join(sorted(published))}.", ""] if published else []
    return [*lines, "", *beside, *made, ""]


def _cell(row: Result | None) -> str:
    return f"{100 * row.value:.1f} ± {100 * row.ci95:.1f}" if row else "–"


def _examples(measured: _Measured, pictures: Path, written: list[Path]) -> list[str]:
    """Answers of the best network: what each module looks at, and what goes wrong."""
    recipe = measured.recipe
    answered = answered_pictures(measured.run.learner(), recipe.tasks.questions("test"))
    right = [each for each in answered if each.answer == each.right]
    wrong = [each for each in answered if each.answer != each.right]
    longest = max(right, key=lambda each: len(each.steps))
    shown = _various(right, _SHOWN - min(len(wrong), _SHOWN // 2)) + _various(wrong, _SHOWN // 2)
    short = recipe.name.removeprefix("nmn-")
    names = [pictures / f"modules_{short}_{what}.png" for what in ("attentions", "examples")]
    draw_modules(longest, names[0])
    draw_examples(shown, names[1])
    written += names
    layouts = Counter(len(each.steps) for each in wrong)
    lengths = ", ".join(f"{count} of {steps} steps" for steps, count in sorted(layouts.items()))
    return [
        "### What the modules look at", "",
        f"{recipe.tested_as}: {len(wrong)} of {len(answered)} questions are answered wrongly"
        + (f" (by layouts: {lengths})." if wrong else "."),
        "",
        *(line for name in names for line in (f"![{name.stem.replace('_', ' ')}](pictures/{name.name})", "")),
    ]  # fmt: skip


def answered_pictures(network: ModuleNetwork, batches: Iterable) -> list[Answered]:
    """Answers questions about pictures, and keeps what every module of the chosen layouts looked at.

    Args:
        network: a trained network with eyes.
        batches: of inputs by name, and of the numbers of the right answers.

    Returns:
        The questions, in their order.
    """
    answered = []
    for inputs, y in batches:
        reading = network.read(inputs)
        picked = reading.program.pick(network.best(reading))
        answers, attentions = (value.numpy()[:, 0] for value in network.run(picked, reading.world))
        chosen = network.best(reading).numpy()
        for number, right in enumerate(np.asarray(y)):
            best, asked = int(np.argmax(answers[number])), inputs["question"][number].numpy().decode()
            tokens = [token.decode() for token in inputs["layouts"][number, chosen[number]].numpy()]
            layout = Layout.from_tokens(tokens, network.modules)
            answered.append(
                Answered(
                    inputs["image"][number].numpy(), asked, layout, attentions[number], network.answers[best],
                    float(answers[number, best]), network.answers[int(right)],
                )
            )  # fmt: skip
    return answered


def _various(answered: Sequence[Answered], count: int) -> list[Answered]:
    """Picks questions whose layouts differ, as far as there are so many; shorter layouts first."""
    by_layout = {str(each.layout): each for each in reversed(answered)}
    picked = sorted(by_layout.values(), key=lambda each: len(each.steps))
    places = np.linspace(0, len(picked) - 1, min(count, len(picked))).astype(int)
    return [picked[place] for place in places]


def _table_of_places(folds: Sequence[FoldResult]) -> list[str]:
    seconds = np.median([row.seconds for row in folds])
    return [
        f"## {_GEOQA}", "", render_folds(folds), "",
        "Each fold trains on nine environments and is asked about the tenth; in a cell is the mean over the seeds. A"
        f" training takes {seconds:.0f} seconds (median). Published: LSP-W 51, NMN 51.7, D-NMN 54.3; with the"
        " quantified questions NMN 35.7, D-NMN 42.9. Ours read every fact of the databases, 18 kinds of"
        " places and 42 relations; the authors' read 11 and 6, as rows with features=nmn2 do.",
        "",
    ]  # fmt: skip


def _examples_of_places(folds: Sequence[FoldResult], runs: Path) -> list[str]:
    """What the first fold of the published settings answers, right and wrong."""
    kept = [
        (fold, Run(fold.folder(runs)))
        for fold in folds_of(find_recipe(_PLACES), 1)
        if any(row.variant == fold.variant and row.held_out == fold.held_out for row in folds)
    ]
    ended = [(fold, run) for fold, run in kept if run.ended(fold.recipe)]
    if not ended:
        return []
    fold, run = ended[0]
    answered = answered_places(run.learner(), run.recipe().tasks)
    wrong = [each for each in answered if each.verdict]
    chosen = sum(bool(each.others) for each in wrong)
    return [
        f"### What is answered about {fold.held_out}, which was held out", "",
        f"{len(wrong)} of {len(answered)} answers are wrong; of these, {chosen} would be right by another candidate.",
        "",
        render_places(answered), "",
    ]  # fmt: skip
