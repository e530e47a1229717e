"""GeoQA's questions as batches: which are asked in a part, what is known of their worlds, and their candidates."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.data.geo_world import GeoWorld
from tfmeta.data.geoqa import ADJECTIVES, ENVIRONMENTS, GeoQA, GeoQuestion, load_geoqa
from tfmeta.modules import Layout, layout_candidates, pad_layouts
from tfmeta.modules.parse import DependencyParse
from tfmeta.recipes.modules.common import QuestionSettings, spacy_parser
from tfmeta.recipes.recipe import Part

__all__ = [
    "ANSWERS",
    "GeoQASettings",
    "arrays_of",
    "batches_of",
    "data_of",
    "layouts_of",
    "parse_question",
    "questions_of",
    "reading_of",
]

ANSWERS = ("yes", "no")
"""The labels of quantified questions."""


@dataclasses.dataclass(frozen=True)
class GeoQASettings(QuestionSettings):
    """Settings of a recipe on GeoQA.

    Attributes:
        quantified: whether questions that begin with *is* are answered by yes or no, as in GeoQA+Q.
        held_out: the environment that is tested on; empty where the model learns from all ten, to be used.
        validation: a further environment that is left out of training, to choose settings by. All folds at once
            (``next``) take the one behind that which is held out, and ask about it instead.
        features: what is known of the places: see `tfmeta.data.geo_world.load_geo_world`.
        environments: in how many environments a word must come to have parameters of its own; rarer ones share
            those of unknown words, so that these are learnt too.
        candidates: of a question, at most.
    """

    quantified: bool = False
    held_out: str = ""
    validation: str = ""
    features: str = "facts"
    environments: int = 2
    candidates: int = 8


def reading_of(settings: GeoQASettings) -> dict[str, Any]:
    """Returns how candidates are made of a parse: words are known world by world, and so are their names."""
    tops = ("set", "exists") if settings.quantified else ("set",)
    return {"tops": tops, "adjectives": ADJECTIVES, "limit": settings.candidates}


@functools.cache
def parse_question(question: str) -> DependencyParse:
    """Parses a question, once in a process."""
    return spacy_parser()(question)


@functools.cache
def _data(quantified: bool, features: str) -> GeoQA:
    return load_geoqa(quantified=quantified, features=features)


def data_of(settings: GeoQASettings) -> GeoQA:
    """Returns the data set, which is read once in a process."""
    return _data(settings.quantified, settings.features)


def questions_of(settings: GeoQASettings, part: Part) -> tuple[GeoQuestion, ...]:
    """Returns what is asked in a part.

    Raises:
        TfmetaError: for an environment that there is not, or a part that has none.
    """
    for name in ("held_out", "validation"):
        value = getattr(settings, name)
        if value not in ("", *ENVIRONMENTS):
            raise TfmetaError(
                f"{name}={value}: GeoQA has no such environment. {nearest(value, ENVIRONMENTS)}"
            )
    left_out = (settings.held_out, settings.validation)
    asked: dict[Part, Callable[[str], bool]] = {
        "train": lambda world: world not in left_out,
        "validation": lambda world: world == settings.validation,
        "test": lambda world: world == settings.held_out,
    }
    chosen = tuple(question for question in data_of(settings).questions if asked[part](question.world))
    if not chosen:
        name = "held_out" if part == "test" else part
        raise TfmetaError(
            f"No environment is left out to ask about; name one with --set {name}={ENVIRONMENTS[0]}."
        )
    return chosen


def layouts_of(question: GeoQuestion, settings: GeoQASettings) -> list[Layout]:
    """Returns the candidates of a question, in a world whose names are known."""
    entities = data_of(settings).worlds[question.world].entities
    return layout_candidates(parse_question(question.text), entities=entities, **reading_of(settings))


def arrays_of(settings: GeoQASettings, part: Part) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns all questions of a part as one request, and their right answers, ``[questions, A + K]``."""
    worlds, questions = data_of(settings).worlds, questions_of(settings, part)
    room = max(len(world.entities) for world in worlds.values())
    of_worlds = {name: _padded(world, room) for name, world in worlds.items()}
    x = {
        key: np.stack([of_worlds[question.world][key] for question in questions])
        for key in ("features", "mask", "pairs", "names")
    }
    x["question"] = np.array([question.text for question in questions], object)
    x["layouts"] = pad_layouts([layouts_of(question, settings) for question in questions])
    labels = ANSWERS if settings.quantified else ()
    y = np.zeros([len(questions), len(labels) + room], np.float32)
    for row, question in zip(y, questions, strict=True):
        known = (*labels, *worlds[question.world].entities)
        row[[known.index(name) for name in ([question.answer] if question.answer else question.entities)]] = 1
    return x, y


def _padded(world: GeoWorld, room: int) -> dict[str, np.ndarray]:
    """What is known of a world, with room for more places."""
    more = (0, room - len(world.entities))
    return {
        "features": np.pad(world.features, [more, (0, 0)]),
        "mask": np.pad(np.ones(len(world.entities), np.float32), more),
        "pairs": np.pad(world.pairs, [more, more, (0, 0)]),
        "names": np.array([*world.entities, *[""] * more[1]], object),
    }


def batches_of(settings: GeoQASettings, part: Part, start: int) -> tf.data.Dataset:
    """Returns batches of a part, for training without end; see `tfmeta.recipes.modules.QuestionRecipe`."""
    x, y = arrays_of(settings, part)
    x, y = {name: tf.constant(value) for name, value in x.items()}, tf.constant(y)
    if part != "train":
        return tf.data.Dataset.from_tensors((x, y))

    def batch(number: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Different questions, drawn anew for each batch."""
        seed = tf.stack([tf.cast(settings.seed, tf.int64), number])
        chosen = tf.argsort(tf.random.stateless_uniform(tf.shape(y)[:1], seed))[: settings.batch_size]
        return {name: tf.gather(value, chosen) for name, value in x.items()}, tf.gather(y, chosen)

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)
