"""What a module network says, and how it came to it."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfmeta.asking.kinds import kind_of_question
from tfmeta.core.checks import TfmetaError
from tfmeta.core.model import Model, SignatureSpec
from tfmeta.modules.layout import Layout, pad_layouts

__all__ = ["Answer", "Question", "ask", "question_signature"]


class Question(NamedTuple):
    """A question, as it was read.

    Attributes:
        text: English.
        layouts: the candidates.
        unread: words that no candidate stands for, and that the model has not learned.
    """

    text: str
    layouts: Sequence[Layout]
    unread: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a module network says, and how it came to it.

    Attributes:
        answer: a label such as ``"yes"``, or the names of a set of places.
        probability: of exactly this answer.
        layout: the layout that was chosen.
        candidates: those that it was chosen from, each with its probability.
        attentions: what each step of the chosen layout's program looks at, ``[L, K]``.
        unknown: words of the question or its candidates which the model has not learned: the answer is a guess.
        counted: whether the question asks how many there are.
        least: the least probability of an answer that is given; see `known`.
    """

    answer: str | tuple[str, ...]
    probability: float
    layout: Layout
    candidates: tuple[tuple[Layout, float], ...]
    attentions: np.ndarray
    unknown: tuple[str, ...] = ()
    counted: bool = False
    least: float = 0.0

    @property
    def known(self) -> bool:
        """Whether the answer is no guess, and probable enough to be given; the card says how `least` was chosen."""
        return self.probability >= self.least and not self.unknown

    @property
    def found(self) -> str:
        """What was found, in words, whether it is given or not."""
        if isinstance(self.answer, str):
            return self.answer
        names = ", ".join(self.answer)
        if self.counted:
            return f"{len(self.answer)}: {names}" if names else "0"
        return names or "nothing"

    @property
    def told(self) -> str:
        """The answer in words."""
        return self.found if self.known else "I do not know"

    def to_json(self, indent: int | None = 2, **first: Any) -> str:
        """Returns the answer for machines; the attentions are left out.

        Args:
            indent: spaces before each level; None writes one line.
            **first: what stands before it, such as the question.
        """
        found = self.answer if isinstance(self.answer, str) else list(self.answer)
        told = {
            **first,
            "answer": (len(found) if self.counted else found) if self.known else None,
            "found": found,
            "probability": self.probability,
            "layout": str(self.layout),
            "candidates": [
                {"layout": str(layout), "probability": probability} for layout, probability in self.candidates
            ],
            "unknown": list(self.unknown),
        }
        return json.dumps(told, indent=indent, ensure_ascii=False)


def question_signature(model: Model, needed: str, about: str) -> SignatureSpec:
    """Returns what ``answer`` takes and gives, if the model is asked about this.

    Args:
        model: the model.
        needed: an input that it must have.
        about: what it is to be asked about, for the error.

    Raises:
        TfmetaError: for a model that is asked about something else, or nothing.
    """
    if "answer" not in model.signatures:
        raise TfmetaError(f"{model.name} answers no questions: it has {', '.join(model.signatures)}.")
    answer = model.signature("answer")
    if needed not in answer.inputs:
        other = "a picture: --image FILE" if "image" in answer.inputs else "places: --world FOLDER"
        raise TfmetaError(f"{model.name} is not asked about {about}, but about {other}.")
    return answer


def ask(
    model: Model,
    question: Question,
    inputs: Mapping[str, Any],
    names: Sequence[str] = (),
    least: float = 0.0,
) -> Answer:
    """Asks a model about what it is given.

    Args:
        model: an exported module network.
        question: as `tfmeta.asking.read_question` returned it.
        inputs: what the question is about, by the names of the inputs of ``answer``.
        names: of the positions, of which an answer may be a set.
        least: the least probability of an answer that is given; see `Answer.known`.

    Raises:
        TfmetaError: for layouts that the model cannot run; from a served model a `ServingError`.
    """
    layouts = question.layouts
    programs = pad_layouts([layouts])
    asked = {"question": np.array([question.text], object), "layouts": programs, **inputs}
    found = {name: value[0] for name, value in model.ask("answer", asked).items()}
    chosen = int(found["layout"])
    answer, probability = _said(found, layouts[chosen], names)
    scores = np.exp(found["scores"] - found["scores"].max())
    return Answer(
        answer=answer,
        probability=probability,
        layout=layouts[chosen],
        candidates=tuple(zip(layouts, (scores / scores.sum()).tolist(), strict=True)),
        attentions=found["attentions"][chosen],
        unknown=tuple(dict.fromkeys([*question.unread, *_unlearned(found["unknown"], programs[0])])),
        counted=not isinstance(answer, str) and kind_of_question(question.text) == "number",
        least=least,
    )


def _unlearned(unknown: np.ndarray, programs: np.ndarray) -> list[str]:
    """The arguments of any candidate that have no parameters of their own."""
    return [step.partition("[")[2].removesuffix("]") for step in programs[unknown]]


def _said(
    found: Mapping[str, Any], layout: Layout, names: Sequence[str]
) -> tuple[str | tuple[str, ...], float]:
    if layout.output == "labels":
        return found["answer"].decode(), float(found["probabilities"].max())
    inside = found["positions"] > 0.5
    probability = np.prod(np.where(inside, found["positions"], 1 - found["positions"]))
    return tuple(name for name, there in zip(names, inside, strict=True) if there), float(probability)
