"""What a question asks for, which its first words say: yes or no, a number, or names."""

import re
from collections.abc import Sequence
from typing import Literal

from tfmeta.modules.layout import Layout

__all__ = ["Kind", "kind_of_question", "of_kind"]

Kind = Literal["label", "number", "names"]

_POLAR = re.compile(
    r"\W*(is|are|was|were|am|does|do|did|has|have|had|can|could|will|would|should|may|might|must)(n[\'\u2019]?t)?\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\W*(how (many|much)|(what is |what's )?(the )?(number|count) of|count)\b", re.IGNORECASE
)


def kind_of_question(question: str) -> Kind:
    """Says what a question asks for.

    Args:
        question: English.

    Returns:
        ``"label"`` where it asks for yes or no, ``"number"`` where it asks how many, else ``"names"``.

    Example:
        >>> [kind_of_question(text) for text in ("Are there parks?", "how many parks are there", "which parks")]
        ['label', 'number', 'names']
    """
    if _NUMBER.match(question):
        return "number"
    return "label" if _POLAR.match(question) else "names"


def of_kind(layouts: Sequence[Layout], question: str) -> list[Layout]:
    """Leaves those layouts that answer what the question asks for; all, where none does.

    A number is that of a set. Models that were trained on both kinds of answers choose among layouts of both. They have
    seen few questions, and may not have learned that *are there parks* asks for yes or no, as *is there a park* does.

    Args:
        layouts: the candidates of the question.
        question: English.
    """
    wanted = "labels" if kind_of_question(question) == "label" else "attention"
    return [layout for layout in layouts if layout.output == wanted] or list(layouts)
