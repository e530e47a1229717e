"""GeoQA: questions about places, answered by sets of them; tested on an environment that was held out."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.data.geo_world import GeoWorld
from tfmeta.data.geoqa import ADJECTIVES, ENVIRONMENTS, GeoQA, GeoQuestion, load_geoqa
from tfmeta.modules import Layout, ModuleNetwork, SpacyParser, layout_candidates, pad_layouts, question_words
from tfmeta.modules.parse import DependencyParse
from tfmeta.recipes.modules.common import QuestionRecipe, QuestionSettings
from tfmeta.recipes.recipe import Part

__all__ = ["ANSWERS", "NMN_GEOQA", "GeoQASettings", "geo_layouts", "geo_requests", "same_set"]

ANSWERS = ("yes", "no")
"""The labels of quantified questions."""


@dataclasses.dataclass(frozen=True)
class GeoQASettings(QuestionSettings):
    """Settings of a recipe on GeoQA.

    Attributes:
        quantified: whether questions that begin with *is* are answered by yes or no, as in GeoQA+Q.
        held_out: the environment that is tested on; empty where the model learns from all ten, to be used.
        validation: a further environment that is left out of training, to choose settings by.
        features: what is known of the places: see `tfmeta.data.geo_world.load_geo_world`.
        environments: in how many environments a word must be asked with to have parameters of its own; rarer ones
            share those of unknown words, so that these are learnt too.
    """

    quantified: bool = False
    held_out: str = ""
    validation: str = ""
    features: str = "facts"
    environments: int = 2


def geo_layouts(question: str, entities: Iterable[str], quantified: bool) -> list[Layout]:
    """Returns the candidate layouts of a question about some places.

    Args:
        question: English.
        entities: the names of the places.
        quantified: whether yes and no may be the answer.

    Raises:
        QuestionError: for a question that cannot be answered as it stands.
        TfmetaError: where spaCy is not installed.
    """
    return layout_candidates(
        parse_question(question),
        tops=("set", "exists") if quantified else ("set",),
        entities=tuple(entities),
        adjectives=ADJECTIVES,
    )


@functools.cache
def _parser() -> SpacyParser:
    return SpacyParser()


@functools.cache
def parse_question(question: str) -> DependencyParse:
    """Parses a question once in a process."""
    return _parser()(question)


def geo_requests(
    questions: Sequence[str],
    layouts: Sequence[Sequence[Layout]],
    worlds: Sequence[GeoWorld],
    positions: int | None = None,
) -> dict[str, np.ndarray]:
    """Returns what a model is asked with: a question, its candidates, and what is known of its world.

    Args:
        questions: B texts.
        layouts: the candidates of each.
        worlds: what each is about.
        positions: K, for how many places there is room; for the largest world unless given.

    Returns:
        The inputs of `tfmeta.modules.ModuleNetwork`, by name.
    """
    room = positions or max(len(world.entities) for world in worlds)

    def padded(values: np.ndarray, axes: int) -> np.ndarray:
        return np.pad(values, [(0, room - len(values))] * axes + [(0, 0)] * (values.ndim - axes))

    names = [[*world.entities, *[""] * (room - len(world.entities))] for world in worlds]
    return {
        "question": np.array(questions, object),
        "layouts": pad_layouts(layouts),
        "features": np.stack([padded(world.features, 1) for world in worlds]),
        "mask": np.stack([padded(np.ones(len(world.entities), np.float32), 1) for world in worlds]),
        "pairs": np.stack([padded(world.pairs, 2) for world in worlds]),
        "names": np.array(names, object),
    }


@keras.saving.register_keras_serializable("tfmeta")
def same_set(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Says which answers are exactly the right set: every probability on the right side of a half, ``[B]``."""
    right = (tf.convert_to_tensor(y_true) > 0.5) == (tf.convert_to_tensor(y_pred) > 0.5)
    return tf.cast(tf.reduce_all(right, axis=-1), tf.float32)


def _questions(settings: GeoQASettings, part: Part) -> tuple[GeoQuestion, ...]:
    for name, value in (("held_out", settings.held_out), ("validation", settings.validation)):
        if value not in ("", *ENVIRONMENTS):
            raise TfmetaError(
                f"{name}={value}: GeoQA has no such environment. {nearest(value, ENVIRONMENTS)}"
            )
    left_out = {settings.held_out, settings.validation}
    asked = {
        "train": lambda world: world not in left_out,
        "validation": lambda world: world == settings.validation,
        "test": lambda world: world == settings.held_out,
    }[part]
    return tuple(question for question in _data(settings).questions if asked(question.world))


def _data(settings: GeoQASettings) -> GeoQA:
    return _loaded(settings.quantified, settings.features)


@functools.cache
def _loaded(quantified: bool, features: str) -> GeoQA:
    return load_geoqa(quantified=quantified, features=features)


def _layouts(question: GeoQuestion, settings: GeoQASettings) -> list[Layout]:
    world = _data(settings).worlds[question.world]
    return geo_layouts(question.text, world.entities, settings.quantified)


def _arrays(settings: GeoQASettings, part: Part) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """All questions of a part as a request, and their right answers, ``[questions, A + K]``."""
    data, questions = _data(settings), _questions(settings, part)
    if not questions:
        name = {"validation": "validation", "test": "held_out"}[part]
        raise TfmetaError(
            f"No environment is left out to ask about; name one with --set {name}={ENVIRONMENTS[0]}."
        )
    room = max(len(world.entities) for world in data.worlds.values())
    worlds = [data.worlds[question.world] for question in questions]
    layouts = [_layouts(question, settings) for question in questions]
    labels = ANSWERS if settings.quantified else ()
    y = np.zeros([len(questions), len(labels) + room], np.float32)
    for row, question, world in zip(y, questions, worlds, strict=True):
        if question.answer:
            row[labels.index(question.answer)] = 1
        else:
            row[[len(labels) + world.entities.index(name) for name in question.entities]] = 1
    return geo_requests([question.text for question in questions], layouts, worlds, room), y


def _batches(settings: GeoQASettings, part: Part, start: int) -> tf.data.Dataset:
    x, y = _arrays(settings, part)
    x, y = {name: tf.constant(value) for name, value in x.items()}, tf.constant(y)
    if part != "train":
        return tf.data.Dataset.from_tensors((x, y))
    count, size = len(y), settings.batch_size

    def batch(number: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Batch by batch, one shuffled epoch after the other."""
        places = number * size + tf.range(size, dtype=tf.int64)
        epochs, places = places // count, places % count

        def order(epoch: tf.Tensor) -> tf.Tensor:
            seed = tf.stack([tf.cast(settings.seed, tf.int64), epoch])
            return tf.argsort(tf.random.stateless_uniform([count], seed))

        both = tf.stack([order(epochs[0]), order(epochs[0] + 1)])
        chosen = tf.gather_nd(both, tf.stack([epochs - epochs[0], places], axis=1))
        return {name: tf.gather(value, chosen) for name, value in x.items()}, tf.gather(y, chosen)

    return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)


def _network(settings: GeoQASettings) -> ModuleNetwork:
    data, questions = _data(settings), _questions(settings, "train")
    of_modules, of_questions = Counter(), Counter()
    for environment in {question.world for question in questions}:
        here = [question for question in questions if question.world == environment]
        layouts = [layout for question in here for layout in _layouts(question, settings)]
        of_modules.update({word for layout in layouts for word in _arguments(layout)})
        of_questions.update(question_words(question.text for question in here))
    features, pairs = map(len, data.names)
    return ModuleNetwork(
        _frequent(of_modules, settings.environments),
        _frequent(of_questions, settings.environments),
        ANSWERS if settings.quantified else (),
        features=features, sets=True, pairs=pairs, hidden=settings.hidden, units=settings.units,
        attention="sigmoid", form="product", choice=settings.choice, exploration=settings.exploration,
        seed=settings.seed,
    )  # fmt: skip


def _frequent(counts: Counter, least: int) -> list[str]:
    return sorted(word for word, count in counts.items() if count >= least)


def _arguments(layout: Layout) -> Iterable[str]:
    """The words that modules of a layout have parameters for; names are looked up, and have none."""
    if layout.argument and layout.module != "lookup":
        yield layout.argument
    for child in layout.children:
        yield from _arguments(child)


def _setting(settings: GeoQASettings) -> str:
    kind = "GeoQA+Q" if settings.quantified else "GeoQA"
    where = f"held out: {settings.held_out}" if settings.held_out else "learnt from all ten environments"
    return f"{kind}, {where}"


def _protocol(settings: GeoQASettings) -> str:
    return (
        "leave one environment out, ten folds; a question is answered rightly if the set of places with a"
        " probability above 1/2 is exactly the right set (for yes and no, the label), as the authors' code counts"
    )


def _published(settings: GeoQASettings) -> tuple[float | None, str]:
    fixed = settings.choice == "first"
    number = {(False, False): 0.543, (False, True): 0.517, (True, False): 0.429, (True, True): 0.357}
    name = "NMN, fixed layouts" if fixed else "D-NMN"
    return number[settings.quantified, fixed], f"{name}, mean of ten folds, Andreas et al. 2016, table 3"


NMN_GEOQA = QuestionRecipe(
    name="nmn-geoqa",
    summary="Answers questions about places by networks that are composed for them.",
    method="Dynamic neural module network",
    paper="Andreas et al., NAACL 2016",
    data="GeoQA (Krishnamurthy & Kollar 2013): 263 questions about ten environments",
    settings=GeoQASettings(
        batch_size=64, steps=800, epoch_steps=100, steps_per_execution=50, learning_rate=0.05, units=16,
    ),
    learner=_network,
    artefact=lambda settings: "nmn_geoqa_quantified" if settings.quantified else "nmn_geoqa",
    setting=_setting,
    protocol=_protocol,
    questions=_batches,
    published=_published,
    right=same_set,
)  # fmt: skip
