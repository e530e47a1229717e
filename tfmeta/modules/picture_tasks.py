"""Questions about pictures of coloured shapes: their words, the network that looks at them, and their candidates."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.settings import setting
from tfmeta.data.image_questions import ImageQuestions
from tfmeta.data.shape_grid import COLOURS, SHAPES
from tfmeta.data.shape_phrases import RELATIONS
from tfmeta.modules.candidates import layout_candidates
from tfmeta.modules.cells import cell_network
from tfmeta.modules.layout import Layout, parse_layout
from tfmeta.modules.program import pad_layouts
from tfmeta.modules.question_tasks import QuestionTasks, QuestionWords, WorldSizes, parse_question
from tfmeta.modules.vocabulary import Vocabulary

__all__ = ["PictureTasks", "layouts_of"]

_NAMED = (*COLOURS[:3], *SHAPES[:3])
_WORDS = QuestionWords(
    (*_NAMED, *RELATIONS, "shape", "thing", "color", "count", "is"),
    (
        *_NAMED, *(f"{shape}s" for shape in SHAPES[:3]), "shape", "shapes", "thing", "things", "color", "what", "how",
        "many", "is", "are", "there", "a", "the", "above", "below", "left", "right", "of", ".",
    ),
)  # fmt: skip
_COUNTS = tuple(map(str, range(5)))
_KINDS = ("exists", "describe", "measure")


@dataclasses.dataclass(frozen=True)
class PictureTasks(QuestionTasks):
    """Questions about pictures of 3x3 cells, each of which may hold a coloured shape.

    A subclass says which are asked.
    """

    kinds: str = setting("exists", f"kinds of questions, joined by +: {', '.join(_KINDS)}")
    layouts: str = setting(
        "parsed",
        "candidates are made of the question's parse by spaCy, or the one layout that comes with the question is given",
        choices=("parsed", "given"),
    )
    candidates: int = setting(8, "candidates of a question, at most", least=1)
    filters: int = setting(8, "channels of the first convolution; the second has twice as many", least=1)
    features: int = setting(32, "features of a cell of the picture", least=1)
    apart: bool = setting(False, "whether colours and forms are looked for apart")

    @property
    def kinds_asked(self) -> tuple[str, ...]:
        """The kinds of questions.

        Raises:
            TfmetaError: for an unknown kind.
        """
        names = tuple(self.kinds.split("+"))
        for name in names:
            if name not in _KINDS:
                raise TfmetaError(f"kinds={self.kinds!r} holds {name!r}. {nearest(name, _KINDS)}")
        return names

    def check(self) -> None:
        self.kinds_asked  # noqa: B018, it raises

    @property
    def answers(self) -> tuple[str, ...]:
        asked = self.kinds_asked
        named, counts = _NAMED if "describe" in asked else (), _COUNTS if "measure" in asked else ()
        return "no", "yes", *named, *counts

    @property
    def world(self) -> WorldSizes:
        return WorldSizes(self.features, pairs=9, positions=9)

    def question_words(self) -> QuestionWords:
        return _WORDS

    def reading(self) -> dict[str, Any]:
        return {
            "tops": self.kinds_asked, "entities": (), "anything": ("shape", "thing"), "nested": True,
            "limit": self.candidates,
        }  # fmt: skip

    def eyes(self, *, pairs: bool, seed: int) -> keras.Model:
        return cell_network(
            features=self.features, filters=self.filters, reach=1 if pairs else 0, normalised=True, apart=self.apart,
            seed=seed,
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        return {"shape": [30, 30, 3], "answers": list(self.answers)}

    def programs(self, layouts: Mapping[str, str]) -> np.ndarray:
        """Makes the candidates of questions.

        Args:
            layouts: those that came with the questions, by their texts.

        Returns:
            Programs ``[Q, M, L]``, strings.

        Raises:
            TfmetaError: where spaCy is needed and missing.
        """
        if self.layouts == "given":
            return pad_layouts([[parse_layout(layout)] for layout in layouts.values()])
        return pad_layouts(list(map(self._read, layouts)))

    def _read(self, question: str) -> list[Layout]:
        try:
            parse = parse_question(question)
        except TfmetaError as error:
            raise TfmetaError(
                f"{error} Or take the layouts of the data set, with --layouts given."
            ) from error
        return layout_candidates(parse, **self.reading())

    def inputs(
        self, batches: tf.data.Dataset, layouts: Mapping[str, str], *, composed: bool
    ) -> tf.data.Dataset:
        """Makes the inputs of a network of batches; the candidates of a question are made once.

        Args:
            batches: of inputs with ``question [B]`` and ``image``, and of answers.
            layouts: those of all questions that may come, by their texts.
            composed: whether the network is given candidates.
        """
        if not composed:
            return batches.map(lambda x, y: ({name: x[name] for name in ("question", "image")}, y))
        known, programs = Vocabulary(list(layouts)), tf.constant(self.programs(layouts))

        def add(x: dict[str, tf.Tensor], y: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            chosen = tf.gather(programs, known.ids(x["question"]))  # [B, M, L]
            return {"question": x["question"], "layouts": chosen, "image": x["image"]}, y

        return batches.map(add, num_parallel_calls=1)


def layouts_of(questions: ImageQuestions) -> dict[str, str]:
    """Returns the layouts that came with questions, by their texts."""
    return dict(zip(questions.questions.tolist(), questions.layouts.tolist(), strict=True))
