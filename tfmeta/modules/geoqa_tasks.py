"""GeoQA as tasks: questions about places, answered by sets of them, in an environment that was held out."""

import dataclasses
import functools
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.data.geo_world import FEATURES, GeoWorld
from tfmeta.data.geoqa import ADJECTIVES, ENVIRONMENTS, GeoQA, GeoQuestion, load_geoqa
from tfmeta.modules.candidates import layout_candidates
from tfmeta.modules.layout import Layout
from tfmeta.modules.program import pad_layouts
from tfmeta.modules.question_tasks import QuestionTasks, QuestionWords, WorldSizes, parse_question
from tfmeta.modules.vocabulary import question_words

__all__ = ["GeoQATasks"]

_LABELS = ("yes", "no")
"""The labels of quantified questions."""

_DOUBT = {
    "least_probability": 0.25,
    "least_probability_chosen": (
        "by benchmarks/geoqa_threshold.py on the 263 questions about ten environments, each asked of a model that had"
        " learned from eight others: 8 are refused, and 54 hold a word that was not learned, so their answers (17 of"
        " them right) are not given; of the other 201 answers 176 are right. None is below 0.25; below 0.3 two of three"
        " are right"
    ),
}
"""Which answers a model of quantified questions had better not give; see `tfmeta.asking.Answer.known`."""

Inputs = dict[str, np.ndarray]


@functools.cache
def _read(quantified: bool, features: str) -> GeoQA:
    """Reads the data set, once in a process."""
    return load_geoqa(quantified=quantified, features=features)


@dataclasses.dataclass(frozen=True)
class GeoQATasks(QuestionTasks):
    """Questions about ten small databases of places. One of them is held out, or none, for a model that is to be used.

    Reference:
        Krishnamurthy, Kollar. "Jointly Learning to Parse and Perceive: Connecting Natural Language to the Physical
        World." TACL, 2013.
    """

    name = "geoqa"
    items = "places"
    licence = "none stated by the authors of GeoQA, who released it for research"
    source = "GeoQA (Krishnamurthy & Kollar 2013): 263 questions about ten environments"
    sets = True
    keeps_best = False  # no environment is spared for that

    quantified: bool = setting(
        False, "whether questions that begin with 'is' are answered by yes or no, as in GeoQA+Q"
    )
    held_out: str = setting(
        "", "the environment that is tested on; none where a model learns from all ten", choices=("", *ENVIRONMENTS)
    )  # fmt: skip
    validation: str = setting(
        "",
        "a further environment that is left out, to choose settings by; 'next' with --all-cells: the one behind that"
        " which is held out, which is then asked about instead",
        choices=("", "next", *ENVIRONMENTS),
    )
    features: str = setting(
        "facts", "what is known of the places: see tfmeta.data.geo_world.load_geo_world", choices=FEATURES
    )
    environments: int = setting(
        2, "environments that must use a word for it to have parameters of its own; rarer words share theirs", least=1
    )  # fmt: skip
    candidates: int = setting(8, "candidates of a question, at most", least=1)

    # Folds

    @property
    def folds(self) -> tuple[str, ...]:
        return ENVIRONMENTS

    def fold(self, held_out: str) -> tuple["GeoQATasks", Part]:
        if not self.validation:
            return self.replaced(held_out=held_out), "test"
        following = ENVIRONMENTS[(ENVIRONMENTS.index(held_out) + 1) % len(ENVIRONMENTS)]
        return self.replaced(held_out=held_out, validation=following), "validation"

    # What is asked

    @property
    def answers(self) -> tuple[str, ...]:
        return _LABELS if self.quantified else ()

    def asked(self, part: Part) -> tuple[GeoQuestion, ...]:
        """Returns what is asked in a part.

        Raises:
            TfmetaError: for a part that has no environment, or where the data are missing or broken.
        """
        world = {"validation": self.validation, "test": self.held_out}.get(part)
        if part == "test" and not world:
            raise TfmetaError(
                "No environment is held out, so there are no test questions; train a model with one held out, such as"
                f" --held-out {ENVIRONMENTS[0]}, or all folds with --all-cells."
            )
        if part == "validation" and world in ("", "next"):
            raise TfmetaError(
                f"No environment is left out to choose settings by; name one, such as --validation {ENVIRONMENTS[0]}."
            )
        questions = self._data.questions
        if part == "train":
            left_out = self.held_out, self.validation
            return tuple(question for question in questions if question.world not in left_out)
        return tuple(question for question in questions if question.world == world)

    def arrays(self, part: Part) -> tuple[Inputs, np.ndarray]:
        """Returns all questions of a part as one batch, and their right answers, ``[questions, A + K]``."""
        worlds, questions = self._data.worlds, self.asked(part)
        room = max(len(world.entities) for world in worlds.values())
        of_worlds = {name: _padded(world, room) for name, world in worlds.items()}
        x = {
            key: np.stack([of_worlds[question.world][key] for question in questions])
            for key in ("features", "mask", "pairs", "names")
        }
        x["question"] = np.array([question.text for question in questions], object)
        x["layouts"] = pad_layouts([self._candidates(question) for question in questions])
        y = np.zeros([len(questions), len(self.answers) + room], np.float32)
        for row, question in zip(y, questions, strict=True):
            known = (*self.answers, *worlds[question.world].entities)
            right = [question.answer] if question.answer else question.entities
            row[[known.index(name) for name in right]] = 1
        return x, y

    def drawn(self, *, size: int, seed: int, start: int = 0, composed: bool = True) -> tf.data.Dataset:
        x, y = self._tensors("train", composed)

        def batch(number: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            """Draws different questions for each batch."""
            numbers = tf.random.stateless_uniform(
                tf.shape(y)[:1], tf.stack([tf.cast(seed, tf.int64), number])
            )
            chosen = tf.argsort(numbers)[:size]
            return {name: tf.gather(value, chosen) for name, value in x.items()}, tf.gather(y, chosen)

        return tf.data.Dataset.counter(start).map(batch, num_parallel_calls=1).prefetch(4)

    def questions(self, part: Part, *, composed: bool = True) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensors(self._tensors(part, composed))

    def example(self) -> Inputs:
        """Returns a training question that names no place, so that it can be asked about any world."""
        x, _ = self.arrays("train")
        named = np.char.startswith(x["layouts"].astype(str), "lookup[").any(axis=(1, 2))
        first = int(np.argmin(named))
        return {name: value[first : first + 1] for name, value in x.items()}

    def _tensors(self, part: Part, composed: bool) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        x, y = self.arrays(part)
        given = {name: tf.constant(value) for name, value in x.items() if composed or name != "layouts"}
        return given, tf.constant(y)

    def _candidates(self, question: GeoQuestion) -> list[Layout]:
        """Returns the candidates of a question, in a world whose names are known."""
        entities = self._data.worlds[question.world].entities
        return layout_candidates(parse_question(question.text), entities=entities, **self.reading())

    # What a network must know

    @property
    def world(self) -> WorldSizes:
        features, pairs = map(len, self._data.names)
        return WorldSizes(features, pairs)

    def question_words(self) -> QuestionWords:
        asked: dict[str, list[GeoQuestion]] = {}
        for question in self.asked("train"):
            asked.setdefault(question.world, []).append(question)
        arguments, of_questions = Counter[str](), Counter[str]()
        for questions in asked.values():
            layouts = [layout for question in questions for layout in self._candidates(question)]
            arguments.update({word for layout in layouts for word in _arguments(layout)})
            of_questions.update(question_words(question.text for question in questions))
        return QuestionWords(
            *(
                tuple(sorted(word for word in found if found[word] >= self.environments))
                for found in (arguments, of_questions)
            )
        )

    def reading(self) -> dict[str, Any]:
        tops = ("set", "exists") if self.quantified else ("set",)
        return {"tops": tops, "adjectives": ADJECTIVES, "limit": self.candidates}

    # The data

    @property
    def _data(self) -> GeoQA:
        return _read(self.quantified, self.features)

    def load(self, part: Part) -> None:
        if self.held_out or part != "test":  # otherwise folds are judged, which have answered already
            self.asked(part)

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name, world in self._data.worlds.items():
            digest.update("\0".join([name, *world.entities]).encode())
            digest.update(world.features.tobytes() + world.pairs.tobytes())
        for question in self.asked("train"):
            digest.update("\0".join([question.text, question.answer, *sorted(question.entities)]).encode())
        return digest.hexdigest()[:16]

    # What it is called

    @property
    def model_name(self) -> str:
        return "geoqa" if self.quantified else "geoqa_sets"

    def facts(self) -> dict[str, Any]:
        return _DOUBT if self.quantified else {}

    def tested_as(self, *, fixed: bool) -> str:
        kind = "GeoQA+Q" if self.quantified else "GeoQA"
        if self.held_out:
            return f"{kind}, held out: {self.held_out}"
        if self.validation:
            return f"{kind}, mean of ten environments for validation"
        return f"{kind}, mean of ten environments, each held out from three models"

    def protocol(self, *, size: int, chosen: str) -> str:
        fold = (
            f"learned from nine environments and tested on the tenth, {self.held_out}"
            if self.held_out
            else "this model has learned from all ten environments, to be used; its results are those of thirty others,"
            " each learned from nine environments and tested on the tenth (ten folds, three seeds)"
        )
        return (
            f"{fold}. A set is right if its members are exactly those that have a probability above 1/2, and a label"
            " likewise, as in the authors' evaluation; the mean is over questions in a fold, then over folds. Features"
            f" of places: {self.features}; candidates: all subsets of the fragments of spaCy's parse"
        )


def _arguments(layout: Layout) -> Iterator[str]:
    """Yields the words that modules of a layout have parameters for; names are looked up, and have none."""
    if layout.type.argument == "word":
        yield layout.argument
    for child in layout.children:
        yield from _arguments(child)


def _padded(world: GeoWorld, room: int) -> Inputs:
    """Returns what is known of a world, with room for more places."""
    more = (0, room - len(world.entities))
    return {
        "features": np.pad(world.features, [more, (0, 0)]),
        "mask": np.pad(np.ones(len(world.entities), np.float32), more),
        "pairs": np.pad(world.pairs, [more, more, (0, 0)]),
        "names": np.array([*world.entities, *[""] * more[1]], object),
    }
