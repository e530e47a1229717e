"""Chooses the least probability of an answer that `nmn_geoqa` gives, by questions about environments left out.

    tfmeta train nmn-geoqa --all-cells --quantified true --validation next --runs runs
    python benchmarks/geoqa_threshold.py --runs runs

Each run is asked about its validation environment as `tfmeta ask` asks: the question is read with the words of the
run, and only candidates that answer what it asks for are asked. A threshold is judged by the right answers that are
given less the wrong ones, as a wrong answer costs what a right one is worth. Questions that are refused, and those
with a word that was not learned, are not answered whatever the threshold is.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfmeta.asking import read_question
from tfmeta.asking.answer import Answer, ask
from tfmeta.asking.places import inputs_of_world
from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.data.geoqa import GeoQuestion
from tfmeta.modules import QuestionError
from tfmeta.modules.question_tasks import parse_question
from tfmeta.modules.reading import CANDIDATES_FILE, QuestionReading
from tfmeta.recipes.folds import Fold, folds_of
from tfmeta.recipes.modules import NMN_GEOQA
from tfmeta.recipes.run import Run

THRESHOLDS = tuple(number / 20 for number in range(20))


class Judged(NamedTuple):
    """A question, whether its answer is right, how probable the answer is, and whether a word was not learned."""

    text: str
    right: bool
    probability: float
    guessed: bool


class Learner:
    """A network that is asked as a model of an artefact is."""

    def __init__(self, fold: Fold, runs: Path) -> None:
        recipe = fold.recipe
        servable = recipe.method.servable(
            Run(fold.folder(runs)).learner(), recipe.tasks, recipe.training, Card("")
        )
        signature = servable.signatures["answer"]
        self.answer = tf.function(signature.function, reduce_retracing=True)
        self.reading = QuestionReading.from_json(servable.extras[CANDIDATES_FILE], fold.held_out)

    def ask(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        found = self.answer(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of all runs")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each environment left out")
    options = parser.parse_args()
    recipe = NMN_GEOQA.configure(quantified=True, validation="next")
    judged, refused = [], 0
    for fold in folds_of(recipe, options.seeds):
        try:
            found = list(judge(fold, options.runs))
        except (TfmetaError, OSError) as error:
            print(f"geoqa_threshold: {error}", file=sys.stderr)
            return 2
        refused += sum(row is None for row in found)
        judged += [row for row in found if row is not None]
        print(
            f"{fold.held_out}-{fold.seed}: {len(found)} questions about {fold.recipe.tasks.validation}",
            flush=True,
        )
    guesses = [row for row in judged if row.guessed]
    print(
        f"{refused} questions are refused; {count(guesses)} answers with a word that was not learned are right"
    )
    rows = [row for row in judged if not row.guessed]
    print("threshold   right below it   right of the others   right less wrong")
    for threshold in THRESHOLDS:
        below, others = split(rows, threshold)
        print(f"{threshold:9.2f}{count(below):>17}{count(others):>22}{gain(rows, threshold):19d}")
    print(f"best, and the highest of equals: {max(THRESHOLDS, key=lambda each: (gain(rows, each), each))}")
    return 0


def judge(fold: Fold, runs: Path) -> Iterator[Judged | None]:
    """Asks a run each question about its validation environment; None for one that is refused."""
    tasks = fold.recipe.tasks
    learner, world = Learner(fold, runs), tasks._data.worlds[tasks.validation]
    for asked in tasks.asked(fold.part):
        try:
            question = read_question(learner.reading, asked.text, parse_question, world.entities)
        except QuestionError:
            yield None
            continue
        answer = ask(learner, question, inputs_of_world(world), world.entities)
        yield Judged(asked.text, is_right(asked, answer), answer.probability, bool(answer.unknown))


def is_right(asked: GeoQuestion, answer: Answer) -> bool:
    """Whether an answer is the right one; a set that is asked for by *does* is right where *yes* or *no* is."""
    if isinstance(answer.answer, str):
        return answer.answer == (asked.answer or ("yes" if asked.entities else "no"))
    return not asked.answer and {*answer.answer} == {*asked.entities}


def split(rows: list[Judged], threshold: float) -> tuple[list[Judged], list[Judged]]:
    return (
        [row for row in rows if row.probability < threshold],
        [row for row in rows if row.probability >= threshold],
    )


def gain(rows: list[Judged], threshold: float) -> int:
    """The right answers that are given, less the wrong ones."""
    return sum(1 if row.right else -1 for row in split(rows, threshold)[1])


def count(rows: list[Judged]) -> str:
    return f"{sum(row.right for row in rows)} of {len(rows)}"


if __name__ == "__main__":
    sys.exit(main())
