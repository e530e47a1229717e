"""From a question to its candidates, as the training of a model made them."""

from collections.abc import Sequence
from pathlib import Path

from tfmeta.asking.answer import Question
from tfmeta.asking.kinds import of_kind
from tfmeta.asking.wording import as_written, check_answerable, check_single, unread_words
from tfmeta.core.checks import TfmetaError
from tfmeta.core.model import Model
from tfmeta.modules.parse import Parser
from tfmeta.modules.reading import CANDIDATES_FILE, QuestionReading

__all__ = ["least_probability", "read_question", "reading_of_artefact", "reading_of_model"]

# How pictures are read where a model does not say: the candidates of yes and no.
_OF_PICTURES = {"tops": ("exists",), "entities": (), "anything": ("shape", "thing"), "nested": True}


def reading_of_artefact(folder: str | Path) -> QuestionReading | None:
    """Returns how a model reads questions, which its artefact says; None where it does not.

    Args:
        folder: a version folder.

    Raises:
        TfmetaError: where what the artefact says is damaged.
    """
    file = Path(folder) / "assets.extra" / CANDIDATES_FILE
    return QuestionReading.from_json(file.read_text(encoding="utf-8"), str(file)) if file.is_file() else None


def reading_of_model(model: Model) -> QuestionReading | None:
    """Returns how a model reads questions, which its ``describe`` says; None where it does not.

    Args:
        model: in this process or behind an endpoint.

    Raises:
        TfmetaError: where what the model says is damaged; from a served model a `ServingError`.
    """
    facts = model.describe() if "describe" in model.signatures else {}
    return QuestionReading.from_json(facts["candidates"], model.name) if "candidates" in facts else None


def read_question(
    reading: QuestionReading, question: str, parser: Parser, entities: Sequence[str] | None = None
) -> Question:
    """Reads a question into candidates, which all answer what it asks for: yes or no, or a set of names.

    Args:
        reading: how.
        question: English.
        parser: who parses it.
        entities: the names of the world; None for a picture, where nothing has a name.

    Raises:
        QuestionError: for a question that cannot be answered as it stands.
    """
    text = as_written(question, entities)
    parse = parser(text)
    check_single(question, parse)
    others = _OF_PICTURES if entities is None else {"entities": tuple(entities)}
    layouts = of_kind(reading.candidates(parse, **others), text)
    check_answerable(text, parse, layouts[0])
    known = (*reading.words, *{**others, **reading.settings}.get("anything", ())) if reading.words else ()
    return Question(text, layouts, unread_words(parse, layouts[0], known, reading.modules))


def least_probability(model: Model) -> float:
    """Returns the least probability of an answer that a model should give, as its card says; 0 where it does not.

    Args:
        model: in this process or behind an endpoint.
    """
    try:
        least = model.card.items.get("least_probability", 0.0)
    except TfmetaError:  # a served model of before `describe` carried the card, or one without a card
        return 0.0
    return float(least) if isinstance(least, int | float) else 0.0
