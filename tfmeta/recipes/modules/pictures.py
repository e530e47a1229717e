"""What recipes of questions about pictures of shapes share: the networks, and the way from questions to candidates."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.best import KeepBest
from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.export import Servable
from tfmeta.data.image_questions import ImageQuestions
from tfmeta.data.shape_grid import COLOURS, SHAPES
from tfmeta.data.shape_phrases import RELATIONS
from tfmeta.modules.candidates import layout_candidates
from tfmeta.modules.cells import cell_network
from tfmeta.modules.layout import Layout, parse_layout
from tfmeta.modules.module_network import ModuleNetwork
from tfmeta.modules.monolithic import MonolithicNetwork
from tfmeta.modules.program import pad_layouts
from tfmeta.modules.vocabulary import Vocabulary
from tfmeta.recipes.modules.common import QuestionRecipe, QuestionSettings, spacy_parser
from tfmeta.recipes.train import Run

__all__ = [
    "COMPOSED", "MONOLITHIC", "PictureRecipe", "PictureSettings", "answers", "candidates", "kinds", "layouts_of",
    "reading",
    "with_programs",
]  # fmt: skip

_NAMED = (*COLOURS[:3], *SHAPES[:3])
_WORDS = (*_NAMED, *RELATIONS, "shape", "thing", "color", "count", "is")
_QUESTION_WORDS = (
    *_NAMED, *(f"{shape}s" for shape in SHAPES[:3]), "shape", "shapes", "thing", "things", "color", "what", "how",
    "many", "is", "are", "there", "a", "the", "above", "below", "left", "right", "of", ".",
)  # fmt: skip
_COUNTS = tuple(map(str, range(5)))
_KINDS = ("exists", "describe", "measure")


@dataclasses.dataclass(frozen=True)
class PictureSettings(QuestionSettings):
    """Settings of a recipe of questions about pictures.

    Attributes:
        kinds: of questions, ``"exists"``, or several joined by ``+``: ``"exists+describe+measure"``.
        layouts: ``"parsed"``, candidates made of the question's parse by spaCy; ``"given"``, the one layout that
            comes with the question; ``"none"`` for a network that is not composed.
        candidates: of a question, at most.
        filters: channels of the first convolution; the second has twice as many.
        features: of a cell of the picture.
        attention: ``"sigmoid"`` or ``"softmax"``; see `tfmeta.modules.ModuleNetwork`.
        form: ``"product"`` or ``"perceptron"``; see there.
        apart: whether eyes look for colours and for forms apart; see `tfmeta.modules.cell_network`.
        start_from: the name of a finished run in the same folder, whose modules and eyes this one starts from: a layout
            is chosen by how well the modules answer with it, so they had better be able to.
        patience: epochs without a better loss on validation questions after which training ends; 0 for never. The
            best epoch's weights are kept.
    """

    steps: int = 3000
    epoch_steps: int = 100
    steps_per_execution: int = 10
    choice: str = "expected"
    exploration: float = 0.1
    kinds: str = "exists"
    layouts: str = "parsed"
    candidates: int = 8
    filters: int = 8
    features: int = 32
    attention: str = "sigmoid"
    form: str = "product"
    apart: bool = False
    start_from: str = ""
    patience: int = 0


class PictureRecipe(QuestionRecipe[PictureSettings]):
    """A recipe that keeps the epoch that answers validation questions best."""

    def begin(self, learner: Any, settings: PictureSettings, runs: Path) -> None:
        if not settings.start_from:
            return
        if not isinstance(learner, ModuleNetwork):
            raise TfmetaError(
                f"{self.name} has no modules that could start from others; leave start_from out."
            )
        before = Run(runs / settings.start_from).learner(self)
        try:
            learner.front.set_weights(before.front.get_weights())
            learner.inventory.set_weights(before.inventory.get_weights())
        except ValueError as error:
            raise TfmetaError(
                f"{settings.start_from} is a run of other sizes; start from one with the same kinds, filters, features,"
                " hidden and form."
            ) from error

    def fit_options(self, settings: PictureSettings, folder: Path) -> dict[str, Any]:
        best = KeepBest(folder / "best", "val_loss", settings.patience)
        return {"validation_data": self.batches(settings, "validation"), "callbacks": [best]}

    def servable(self, learner: Any, settings: PictureSettings, card: Card) -> Servable:
        if not isinstance(learner, ModuleNetwork):
            raise TfmetaError(
                f"{self.name} is a baseline, which is measured and not served: `tfmeta evaluate {self.name}`."
            )
        return super().servable(learner, settings, card)

    def example(self, settings: PictureSettings) -> dict[str, np.ndarray]:
        inputs, _ = next(iter(self.batches(settings, "validation")))
        return {name: value[:1].numpy() for name, value in inputs.items()}


def kinds(settings: PictureSettings) -> tuple[str, ...]:
    """Returns the kinds of questions.

    Raises:
        TfmetaError: for an unknown kind.
    """
    names = tuple(settings.kinds.split("+"))
    for name in names:
        if name not in _KINDS:
            raise TfmetaError(f"kinds={settings.kinds!r} holds {name!r}. {nearest(name, _KINDS)}")
    return names


def answers(settings: PictureSettings) -> tuple[str, ...]:
    """Returns what may be answered, in the order of `tfmeta.data.shape_world.ShapeWorld.answers`."""
    asked = kinds(settings)
    return ("no", "yes", *(_NAMED if "describe" in asked else ()), *(_COUNTS if "measure" in asked else ()))


def _composed(settings: PictureSettings) -> ModuleNetwork:
    """Returns a network of modules that looks at pictures of 3x3 cells."""
    return ModuleNetwork(
        _WORDS, _QUESTION_WORDS, answers(settings), features=settings.features, pairs=9, positions=9,
        hidden=settings.hidden, units=settings.units, attention=settings.attention, form=settings.form,
        choice=settings.choice, exploration=settings.exploration, completeness=settings.completeness,
        front=_eyes(settings, reach=1), seed=settings.seed,
    )  # fmt: skip


def _monolithic(settings: PictureSettings) -> MonolithicNetwork:
    """Returns the plain baseline, with the same eyes."""
    return MonolithicNetwork(
        _QUESTION_WORDS, answers(settings), front=_eyes(settings, reach=0), units=settings.units,
        hidden=2 * settings.hidden, seed=settings.seed,
    )  # fmt: skip


def _eyes(settings: PictureSettings, reach: int) -> keras.Model:
    return cell_network(
        features=settings.features, filters=settings.filters, reach=reach, normalised=True, apart=settings.apart,
        seed=settings.seed,
    )  # fmt: skip


def reading(settings: PictureSettings) -> dict[str, Any]:
    """Returns how candidates are made of a parse: the arguments of `tfmeta.modules.layout_candidates`."""
    return {
        "tops": kinds(settings), "entities": (), "anything": ("shape", "thing"), "nested": True,
        "limit": settings.candidates,
    }  # fmt: skip


def candidates(asked: Mapping[str, str], settings: PictureSettings) -> np.ndarray:
    """Writes down the candidates of questions.

    Args:
        asked: layouts by the questions that they came with.
        settings: how candidates are made.

    Returns:
        Programs ``[Q, M, L]``, strings.

    Raises:
        TfmetaError: where spaCy is needed and missing.
    """
    return pad_layouts(list(map(_reader(settings), asked, asked.values())))


def layouts_of(questions: ImageQuestions) -> dict[str, str]:
    """Returns the layouts that came with questions, by their texts."""
    return dict(zip(questions.questions.tolist(), questions.layouts.tolist(), strict=True))


def _reader(settings: PictureSettings) -> Callable[[str, str], list[Layout]]:
    if settings.layouts == "given":
        return lambda question, layout: [parse_layout(layout)]
    if settings.layouts != "parsed":
        raise TfmetaError(f"layouts={settings.layouts!r}; expected 'parsed', 'given' or 'none'.")
    try:
        parser = spacy_parser()
    except TfmetaError as error:
        raise TfmetaError(
            f"{error} Or take the layouts of the data set, with --set layouts=given."
        ) from error
    how = reading(settings)
    return lambda question, layout: layout_candidates(parser(question), **how)


def with_programs(
    batches: tf.data.Dataset, asked: Mapping[str, str], settings: PictureSettings
) -> tf.data.Dataset:
    """Puts beside each question its candidates, which are made once.

    Args:
        batches: of inputs with ``question [B]`` and ``image``, and of answers.
        asked: layouts by the questions, of all that may come.
        settings: how candidates are made.

    Returns:
        Batches of inputs of a `tfmeta.modules.ModuleNetwork`, and of answers; without candidates if there are to be
        none.
    """
    if settings.layouts == "none":
        return batches.map(lambda x, y: ({name: x[name] for name in ("question", "image")}, y))
    known, programs = Vocabulary(list(asked)), tf.constant(candidates(asked, settings))

    def add(x: dict[str, tf.Tensor], y: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        layouts = tf.gather(programs, known.ids(x["question"]))  # [B, M, L]
        return {"question": x["question"], "layouts": layouts, "image": x["image"]}, y

    return batches.map(add, num_parallel_calls=1)


_SHARED: dict[str, Any] = {"paper": "Andreas, Rohrbach, Darrell, Klein, CVPR 2016", "reading": reading}

COMPOSED = {"method": "Neural Module Network", "learner": _composed, **_SHARED}
"""What recipes of composed networks have in common."""

MONOLITHIC = {"method": "CNN and LSTM", "learner": _monolithic, **_SHARED}
"""The same of the plain baseline, one network for all questions."""
