"""The relations that a question names: `in`, `north-east-of`, `bigger-than`, `surrounded-by`."""

from typing import NamedTuple

from tfmeta.modules.parse import DependencyParse

__all__ = ["Relation", "find_relations", "is_direction"]

_COMPASS = ("north", "south", "east", "west")
_DIRECTIONS = frozenset([
    *_COMPASS, *(a + b for a in _COMPASS[:2] for b in _COMPASS[2:]),
    *(a + "-" + b for a in _COMPASS[:2] for b in _COMPASS[2:]),
    "left", "right", "top", "bottom", "front", "back", "side", "middle", "center", "centre", "inside", "outside",
])  # fmt: skip
_BEFORE_A_DIRECTION = frozenset(["to", "on", "at", "in", "from", "by"])
_SECOND_PREPOSITIONS = frozenset(["between", "of", "from", "to"])
# Small parsers take these for adverbs, and more, wherever two relations meet.
_PLACES = frozenset(["above", "below", "behind", "beside", "beneath", "between", "near", "over", "under"])
_NO_PREPOSITIONS = frozenset(["that", "if", "whether", "because", "while", "although", "so"])


class Relation(NamedTuple):
    """Neighbouring words that name one relation.

    Attributes:
        start: number of the first word.
        end: number after the last.
        word: the relation as a word of a layout.
    """

    start: int
    end: int
    word: str


def is_direction(text: str) -> bool:
    """Whether a word is a place beside something: *north*, *left*, *top*."""
    return text.lower() in _DIRECTIONS


def find_relations(parse: DependencyParse) -> list[Relation]:
    """Finds the words that relate two things, by their neighbourhood.

    A direction followed by *of* is one relation, whatever a parser takes it for, and with or without *to the*
    before it; so are *next to*, a comparative with *than*, a participle with *by*, and one or two prepositions.

    Args:
        parse: the question.

    Returns:
        The relations in their order.
    """
    found, number = [], 0
    while number < len(parse.tokens):
        relation = _relation_at(parse, number)
        if relation:
            found.append(relation)
        number = relation.end if relation else number + 1
    return found


def _relation_at(parse: DependencyParse, start: int) -> Relation | None:
    texts = [token.text.lower() for token in parse.tokens] + [""] * 3
    tags = [token.tag for token in parse.tokens] + [""] * 3
    directed = start
    if texts[start] in _BEFORE_A_DIRECTION:
        directed = start + (2 if texts[start + 1] in ("the", "a", "its") else 1)
    words: list[str] = []
    end = directed
    while end < len(parse.tokens) and (texts[end] in _DIRECTIONS or (words and texts[end] in ("-", "hand"))):
        words.append(texts[end])
        end += 1
    if words and texts[end] == "of":
        return Relation(start, end + 1, "-".join([*map(_spelled, words), "of"]).replace("---", "-"))
    pair = texts[start : start + 2]
    compared = tags[start] in ("JJR", "RBR") and pair[1] == "than"
    suffered = tags[start] == "VBN" and pair[1] == "by"
    if compared or suffered or pair == ["next", "to"]:
        return Relation(start, start + 2, "-".join(pair))
    if not _is_preposition(parse, start):
        return None
    if pair[1] in _SECOND_PREPOSITIONS and _is_preposition(parse, start + 1):
        return Relation(start, start + 2, "-".join(pair))
    return Relation(start, start + 1, texts[start])


def _is_preposition(parse: DependencyParse, number: int) -> bool:
    token = parse.tokens[number]
    if token.text.lower() in _PLACES:
        return True
    if token.tag == "TO":
        return token.relation != "aux"  # "to eat"
    return token.tag == "IN" and token.relation != "mark" and token.text.lower() not in _NO_PREPOSITIONS


def _spelled(direction: str) -> str:
    """*northeast* and *north east* are one direction."""
    for first in _COMPASS[:2]:
        if direction.startswith(first) and direction != first:
            return f"{first}-{direction.removeprefix(first).lstrip('-')}"
    return direction
