"""Names in a question: the entities of a world, found as whole words before anything else is read."""

import re
from collections.abc import Collection, Iterator

from tfmeta.modules.parse import DependencyParse, Token
from tfmeta.modules.relations import is_direction

__all__ = ["entity_word", "join_names"]

_LONGEST = 8  # words of a name
_PROPER = ("NNP", "NNPS")


def entity_word(name: str) -> str:
    """The word that stands for an entity in a layout.

    Args:
        name: the entity as people write it.

    Returns:
        Letters and digits of the name, in lower case, its parts joined by hyphens.

    Example:
        >>> entity_word("Key Largo")
        'key-largo'
    """
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")


def join_names(parse: DependencyParse, entities: Collection[str] | None = None) -> DependencyParse:
    """Makes one word of each name, tagged NNP, with the word of its entity as its lemma.

    Args:
        parse: what the parser says.
        entities: names that the world knows, found whatever the parser takes them for and however they are
            written; longer ones win. What else the parser takes for a name is one too, but not where the world
            knows none: then nothing is. None: all that the parser says.

    Returns:
        The parse with fewer words; what hung on a part of a name hangs on the whole.
    """
    if entities is not None and not entities:
        return DependencyParse(tuple(_common(token) for token in parse.tokens))
    known = {_without_spaces(name) for name in entities or ()}
    new_place: dict[int, int] = {}
    groups: list[tuple[int, int]] = []
    number = 0
    while number < len(parse.tokens):
        end = _end_of_known(parse, number, known) or _end_of_run(parse, number, known) or number + 1
        new_place.update(dict.fromkeys(range(number, end), len(groups)))
        groups.append((number, end))
        number = end
    tokens = []
    for start, end in groups:
        top = next((n for n in range(start, end) if not start <= parse.tokens[n].head < end), start)
        token = parse.tokens[top]._replace(head=new_place[parse.tokens[top].head])
        text = " ".join(part.text for part in parse.tokens[start:end])
        if _without_spaces(text) in known or (token.tag in _PROPER and not is_direction(text)):
            token = Token(text, entity_word(text), "NNP", token.head, token.relation)
        tokens.append(token)
    return DependencyParse(tuple(_strangers_described(tokens, known)))


def _common(token: Token) -> Token:
    """A word that is no name: beside a noun it describes it, *a Red Cross*."""
    if token.tag not in _PROPER:
        return token
    if token.relation == "compound":
        return token._replace(tag="JJ", relation="amod")
    return token._replace(tag="NN")


def _strangers_described(tokens: list[Token], known: set[str]) -> Iterator[Token]:
    """Makes adjectives of what only looks like a name: the *East* coast, *Central* Tennessee."""
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        stranger = token.tag in _PROPER and _without_spaces(token.text) not in known
        before_a_name = following and _without_spaces(following.text) in known
        yield token._replace(tag="JJ") if stranger and (before_a_name or is_direction(token.text)) else token


def _without_spaces(name: str) -> str:
    return re.sub(r"\s+", "", name).lower()


def _end_of_known(parse: DependencyParse, start: int, known: set[str]) -> int | None:
    """Where a name of the world ends; without spaces, as parsers cut words in their own way."""
    ends = range(min(len(parse.tokens), start + _LONGEST), start, -1)
    texts = [_without_spaces(token.text) for token in parse.tokens[start : start + _LONGEST]]
    return next((end for end in ends if "".join(texts[: end - start]) in known), None)


def _end_of_run(parse: DependencyParse, start: int, known: set[str]) -> int | None:
    """Where a run of proper nouns ends, each but the last a compound with what follows."""
    end = start
    while end < len(parse.tokens):
        token = parse.tokens[end]
        goes_on = (
            token.tag in _PROPER and not is_direction(token.text) and not _end_of_known(parse, end, known)
        )
        if token.tag not in _PROPER or (end > start and not goes_on):
            break
        end += 1
        if token.relation != "compound":
            break
    return end if end > start else None
