"""From a question to its candidates, as the training of a model made them."""

from collections.abc import Sequence
from pathlib import Path

from tfmeta.asking.kinds import of_kind
from tfmeta.core.checks import TfmetaError
from tfmeta.core.model import Model
from tfmeta.modules.layout import Layout
from tfmeta.modules.parse import Parser
from tfmeta.modules.reading import CANDIDATES_FILE, QuestionReading

__all__ = ["candidates_for", "least_probability", "reading_of_artefact", "reading_of_model"]

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


def candidates_for(
    reading: QuestionReading, question: str, parser: Parser, entities: Sequence[str] | None = None
) -> list[Layout]:
    """Reads a question into candidates, which all answer what it asks for: yes or no, or a set of names.

    Args:
        reading: how.
        question: English.
        parser: who parses it.
        entities: the names of the world; None for a picture, where nothing has a name.

    Raises:
        QuestionError: for a question that cannot be answered as it stands.
    """
    others = _OF_PICTURES if entities is None else {"entities": tuple(entities)}
    return of_kind(reading.candidates(parser(question), **others), question)


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
