"""GeoQA: questions about places, answered by sets of them; tested on an environment that was held out."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.data.geoqa import ENVIRONMENTS, GeoQuestion
from tfmeta.modules import Layout, ModuleNetwork, question_words
from tfmeta.recipes.modules.common import QuestionRecipe
from tfmeta.recipes.modules.folds import Fold, folds_file, mean_of_folds, read_folds, results_of
from tfmeta.recipes.modules.geoqa_questions import (
    ANSWERS,
    GeoQASettings,
    arrays_of,
    batches_of,
    data_of,
    layouts_of,
    questions_of,
    reading_of,
)
from tfmeta.recipes.recipe import Part

__all__ = ["NMN_GEOQA", "GeoQARecipe", "same_set"]


class GeoQARecipe(QuestionRecipe[GeoQASettings]):
    """A recipe that is tested fold by fold; what learns from all environments is judged by its folds."""

    def folds(self, settings: GeoQASettings, seeds: int = 3) -> list[Fold]:
        """Returns a run for each environment and seed, the environment held out; see ``settings.validation``."""
        default = dataclasses.asdict(dataclasses.replace(self.settings, held_out="", seed=0))
        asked = dataclasses.asdict(dataclasses.replace(settings, held_out="", seed=0))
        variant = ",".join(f"{name}={value}" for name, value in asked.items() if value != default[name])
        folds = []
        for seed in range(seeds):
            for held_out, following in zip(ENVIRONMENTS, (*ENVIRONMENTS[1:], ENVIRONMENTS[0]), strict=True):
                changes = {"held_out": held_out, "seed": seed}
                changes |= {"validation": following} if settings.validation else {}
                part = "validation" if settings.validation else "test"
                folds.append(Fold(variant, held_out, seed, dataclasses.replace(settings, **changes), part))
        return folds

    def load_data(self, settings: GeoQASettings, part: Part) -> None:
        if settings.held_out or part != "test":  # otherwise folds are judged, which have answered already
            super().load_data(settings, part)

    def measure(
        self,
        learner: Any,
        settings: GeoQASettings,
        part: Part,
        *,
        tasks: int,
        folder: Path,
        verbose: int | str,
    ) -> list[Result]:
        if settings.held_out or part != "test":
            return super().measure(learner, settings, part, tasks=tasks, folder=folder, verbose=verbose)
        found = results_of(self.folds(settings), read_folds(folds_file(folder.parent, self.name)))
        rows = [row for row in found if row is not None]
        if len(rows) < len(found):
            changed = self.command(settings).removeprefix(f"tfmeta train {self.name}")
            raise TfmetaError(
                "A model that has learnt from all environments is judged by models that each learnt from nine, of"
                f" which {len(found) - len(rows)} of {len(found)} are missing in {folder.parent}:"
                f" tfmeta train {self.name} --all-cells{changed}."
            )
        mean, (published, source) = mean_of_folds(rows), self.published(settings)
        return [
            Result(
                "accuracy", mean.mean, mean.ci95, mean.tasks, self.setting(settings), published, source
            )
        ]  # fmt: skip

    def example(self, settings: GeoQASettings) -> dict[str, np.ndarray]:
        """Returns a training question that names no place, so that it can be asked about any world."""
        x, _ = arrays_of(settings, "train")
        named = np.char.startswith(x["layouts"].astype(str), "lookup[").any(axis=(1, 2))
        first = int(np.argmin(named))
        return {name: value[first : first + 1] for name, value in x.items()}


@keras.saving.register_keras_serializable("tfmeta")
def same_set(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Says which answers are exactly the right set: every probability on the right side of a half, ``[B]``."""
    right = (tf.convert_to_tensor(y_true) > 0.5) == (tf.convert_to_tensor(y_pred) > 0.5)
    return tf.cast(tf.reduce_all(right, axis=-1), tf.float32)


def _network(settings: GeoQASettings) -> ModuleNetwork:
    asked: dict[str, list[GeoQuestion]] = {}
    for question in questions_of(settings, "train"):
        asked.setdefault(question.world, []).append(question)
    words, of_questions = Counter[str](), Counter[str]()
    for questions in asked.values():
        layouts = [layout for question in questions for layout in layouts_of(question, settings)]
        words.update({word for layout in layouts for word in _arguments(layout)})
        of_questions.update(question_words(question.text for question in questions))
    known = [
        sorted(word for word in found if found[word] >= settings.environments)
        for found in (words, of_questions)
    ]
    features, pairs = map(len, data_of(settings).names)
    return ModuleNetwork(
        *known, ANSWERS if settings.quantified else (), features=features, sets=True, pairs=pairs,
        hidden=settings.hidden, units=settings.units, attention="sigmoid", form="product", choice=settings.choice,
        exploration=settings.exploration, completeness=settings.completeness, seed=settings.seed,
    )  # fmt: skip


def _arguments(layout: Layout) -> Iterable[str]:
    """The words that modules of a layout have parameters for; names are looked up, and have none."""
    if layout.argument and layout.module != "lookup":
        yield layout.argument
    for child in layout.children:
        yield from _arguments(child)


def _setting(settings: GeoQASettings) -> str:
    kind = "GeoQA+Q" if settings.quantified else "GeoQA"
    if settings.held_out:
        return f"{kind}, held out: {settings.held_out}"
    if settings.validation:
        return f"{kind}, mean of ten environments for validation"
    return f"{kind}, mean of ten environments, each held out from three models"


def _protocol(settings: GeoQASettings) -> str:
    fold = (
        f"learnt from nine environments and tested on the tenth, {settings.held_out}"
        if settings.held_out
        else "this model has learnt from all ten environments, to be used; its results are those of thirty others,"
        " each learnt from nine environments and tested on the tenth (ten folds, three seeds)"
    )
    return (
        f"{fold}. A set is right if its members are exactly those that have a probability above 1/2, and a label"
        " likewise, as in the authors' evaluation; the mean is over questions in a fold, then over folds. Features"
        f" of places: {settings.features}; candidates: all subsets of the fragments of spaCy's parse"
    )


def _published(settings: GeoQASettings) -> tuple[float | None, str]:
    fixed = settings.choice == "first"
    numbers = {(False, False): 0.543, (False, True): 0.517, (True, False): 0.429, (True, True): 0.357}
    return numbers[settings.quantified, fixed], (
        f"Andreas et al., NAACL 2016, {'NMN' if fixed else 'D-NMN'}, ten folds"
    )


NMN_GEOQA = GeoQARecipe(
    name="nmn-geoqa",
    summary="Answers questions about places by networks that are composed for them.",
    method="Dynamic neural module network",
    paper="Andreas et al., NAACL 2016",
    data="GeoQA (Krishnamurthy & Kollar 2013): 263 questions about ten environments",
    settings=GeoQASettings(
        batch_size=64, steps=400, epoch_steps=100, steps_per_execution=50, learning_rate=0.03, choice="marginal",
        exploration=1.0, completeness=2.0,
    ),
    learner=_network,
    artefact=lambda settings: "nmn_geoqa_quantified" if settings.quantified else "nmn_geoqa",
    setting=_setting,
    protocol=_protocol,
    questions=batches_of,
    published=_published,
    right=same_set,
    reading=reading_of,
)  # fmt: skip
