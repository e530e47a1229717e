"""What a module network says, and how it came to it."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmeta.asking.kinds import kind_of_question
from tfmeta.core.checks import TfmetaError
from tfmeta.core.model import Model, SignatureSpec
from tfmeta.modules.layout import Layout, pad_layouts

__all__ = ["Answer", "ask", "question_signature"]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a module network says, and how it came to it.

    Attributes:
        answer: a label such as ``"yes"``, or the names of a set of places.
        probability: of exactly this answer.
        layout: the layout that was chosen.
        candidates: those that it was chosen from, each with its probability.
        attentions: what each step of the chosen layout's program looks at, ``[L, K]``.
        unknown: words of that layout which the model has not learnt, so that the answer is a guess.
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
        """Whether the answer is probable enough to be given; its card says how `least` was chosen."""
        return self.probability >= self.least

    @property
    def told(self) -> str:
        """The answer in words."""
        if not self.known:
            return "I do not know"
        if isinstance(self.answer, str):
            return self.answer
        names = ", ".join(self.answer)
        if self.counted:
            return f"{len(self.answer)}: {names}" if names else "0"
        return names or "nothing"

    def to_json(self) -> str:
        """Returns the answer for machines; the attentions are left out."""
        found = self.answer if isinstance(self.answer, str) else list(self.answer)
        told = {
            "answer": (len(found) if self.counted else found) if self.known else None,
            "found": found,
            "probability": self.probability,
            "layout": str(self.layout),
            "candidates": [
                {"layout": str(layout), "probability": probability} for layout, probability in self.candidates
            ],
            "unknown": list(self.unknown),
        }
        return json.dumps(told, indent=2, ensure_ascii=False)


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
    question: str,
    layouts: Sequence[Layout],
    inputs: Mapping[str, Any],
    names: Sequence[str] = (),
    least: float = 0.0,
) -> Answer:
    """Asks a model about what it is given.

    Args:
        model: an exported module network.
        question: English.
        layouts: the candidates.
        inputs: what the question is about, by the names of the inputs of ``answer``.
        names: of the positions, of which an answer may be a set.
        least: the least probability of an answer that is given; see `Answer.known`.

    Raises:
        TfmetaError: for layouts that the model cannot run; from a served model a `ServingError`.
    """
    programs = pad_layouts([layouts])
    asked = {"question": np.array([question], object), "layouts": programs, **inputs}
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
        unknown=_unknown(found, chosen, programs[0, chosen]),
        counted=not isinstance(answer, str) and kind_of_question(question) == "number",
        least=least,
    )


def _unknown(found: Mapping[str, np.ndarray], chosen: int, program: np.ndarray) -> tuple[str, ...]:
    """The arguments that have no parameters of their own, each once."""
    steps = program[found["unknown"][chosen]]
    return tuple(dict.fromkeys(step.partition("[")[2].removesuffix("]") for step in steps))


def _said(
    found: Mapping[str, Any], layout: Layout, names: Sequence[str]
) -> tuple[str | tuple[str, ...], float]:
    if layout.output == "labels":
        return found["answer"].decode(), float(found["probabilities"].max())
    inside = found["positions"] > 0.5
    probability = np.prod(np.where(inside, found["positions"], 1 - found["positions"]))
    return tuple(name for name, there in zip(names, inside, strict=True) if there), float(probability)
