"""How a question is worded: written as those of the training are, and which of its words nothing stands for."""

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Set

from tfmeta.asking.kinds import kind_of_question
from tfmeta.modules.layout import Layout, ModuleType
from tfmeta.modules.names import entity_word
from tfmeta.modules.parse import DependencyParse, QuestionError, Token

__all__ = ["as_written", "check_answerable", "check_single", "unread_words"]

_POLITE = re.compile(
    r"^\W*(please\s+)?((can|could|would|will|do)\s+you\s+)?(please\s+)?((tell|show|give)\s+(me|us)|know)\s+",
    re.IGNORECASE,
)
_NOT_AT_FIRST = re.compile(r"^\W*(is|are|was|were|do|does|did|has|have|had)n['’]?t\b", re.IGNORECASE)
_HOW_MANY = re.compile(r"^\W*((what is |what's )?(the )?(number|count) of|count)\s+(the\s+)?", re.IGNORECASE)
_NEXT_SENTENCE = re.compile(r"([?!]|[a-z]{3}\.|;)\s+\w|[?!]\w")
_ASKING = frozenset(["WDT", "WP", "WP$", "WRB"])

_CHANGES_THE_MEANING = frozenset(
    ["not", "n't", "n’t", "no", "never", "neither", "nor", "or", "except", "without", "unless"]
)
"""Words that turn an answer into another one; without a module for them an answer leaves them out."""

_FILLERS = frozenset([
    "a", "an", "the", "some", "any", "both", "and", "but", "also", "just", "there", "that", "which", "what", "many",
    "much", "is", "are", "was", "were", "be", "been", "am", "do", "does", "did", "has", "have", "had", "can", "could",
    "would", "may", "'s", "’s", "'re", "’re", "please", "me", "us", "name", "list", "find", "lie", "lies", "lying",
    "locate", "located", "situated", "exist", "exists",
])  # fmt: skip
"""Words that an answer may leave out."""

_FILLER_PAIRS = frozenset([("how", "many"), ("how", "much"), ("of", "these"), ("of", "those")])
"""Pairs of words that an answer may leave out."""


def as_written(question: str, entities: Collection[str] | None = None) -> str:
    """Writes a question as the questions of a training are written.

    Names are spelt as the world spells them, a question in capitals is written in lower case, and what is only polite
    is left out. So a parser finds in it what it found in the training.

    Args:
        question: English.
        entities: the names of the world; None for a picture, where nothing has a name.

    Example:
        >>> as_written("can you tell me which parks are in key largo?", ["Key Largo"])
        'which parks are in Key Largo?'
        >>> as_written("COUNT THE PARKS IN MIAMI", ["Miami"])
        'how many parks in Miami'
    """
    words = re.findall(r"[^\W\d_]+", question)
    shouted = len(words) > 2 and all(word[0].isupper() for word in words)
    text = _POLITE.sub("", question.lower() if shouted else question)
    text = _NOT_AT_FIRST.sub(r"\1", _HOW_MANY.sub("how many ", text))
    for name in sorted(entities or (), key=len, reverse=True):
        spelt = r"[\s_-]*".join(map(re.escape, re.findall(r"\w+|[^\w\s]+", name)))
        text = re.sub(rf"(?<!\w){spelt}(?!\w)", name.replace("\\", r"\\"), text, flags=re.IGNORECASE)
    return text if text.strip() else question


def check_single(question: str, parse: DependencyParse) -> None:
    """Refuses several questions that are asked as one.

    Args:
        question: English.
        parse: the question.

    Raises:
        QuestionError: for a second sentence, or a second question behind *and*.
    """
    threes = zip(parse.tokens, parse.tokens[1:], parse.tokens[2:], strict=False)
    if _NEXT_SENTENCE.search(question) or any(_asks_again(*three) for three in threes):
        raise QuestionError(
            f"{question!r} asks more than one question; ask each by itself, in quotes of its own."
        )


def check_answerable(question: str, parse: DependencyParse, layout: Layout) -> None:
    """Refuses a question that no answer to its candidates would answer.

    There are three: it asks for more than yes or no of a model that says nothing else, it could only be answered by a
    place that it names itself, or it takes two places for one.

    Args:
        question: English.
        parse: the question.
        layout: the fullest of its candidates.

    Raises:
        QuestionError: for such a question: *what is Miami*, *Florida cities*, *are Miami and Tampa cities*.
    """
    tags = {token.tag for token in parse.tokens}
    kind = kind_of_question(question)
    if layout.module == "exists" and (kind == "number" or (kind == "names" and tags & _ASKING)):
        raise QuestionError(f"{question!r} asks for more than yes or no, but the model says nothing else.")
    states = not tags & _ASKING and tags & {"VBZ", "VBP", "VBD"}  # "Miami is a city."
    if layout.output == "attention" and not states:
        for name in _names((layout,)) or (_names(layout.children) if layout.module == "and" else []):
            raise QuestionError(
                f"{question!r} asks nothing of {name!r} that could be looked for; expected a question such as: which"
                " city is in it, which park is south of it, is it a city."
            )
    for each in _all(layout):
        names = _names(each.children)
        if len(names) > 1:
            told = " and ".join(map(repr, names))
            raise QuestionError(f"{question!r} takes {told} for one; ask about each by itself.")


def _names(layouts: Iterable[Layout]) -> list[str]:
    return [layout.argument for layout in layouts if layout.type.argument == "name"]


def unread_words(
    parse: DependencyParse, layout: Layout, known: Collection[str], modules: Collection[ModuleType]
) -> tuple[str, ...]:
    """Says which words of a question an answer would leave out, though they may change it.

    These are words that are neither in the layout nor known from the questions of the training, and words that no
    module stands for: *not*, *or* and the like, *has* and the *'s* of an owner, and an *and* between what is not meant
    to be the same.

    Args:
        parse: the question.
        layout: the fullest of its candidates.
        known: words of the questions that the model has learned; where there are none, other words are not judged.
        modules: those that the layouts may hold.

    Returns:
        The words in their order, each once, in lower case.
    """
    cues = {cue for module in modules for cue in module.cues}
    read = {part for each in _all(layout) for part in _parts(each.argument)}
    places = {part for name in _names(_all(layout)) for part in name.split("-")}
    words = [token.text.lower() for token in parse.tokens]
    unread = ["and"] if "and" in words and _joins_others(parse, layout) else []
    pairs = [*itertools.pairwise(["", *words, ""])]
    for token, word, before, after in zip(parse.tokens, words, pairs, pairs[1:], strict=False):
        is_read = _is_read(token, read)
        fills = word in _FILLERS or before in _FILLER_PAIRS or after in _FILLER_PAIRS
        is_known = word in known and after[1] not in places  # "North Miami" is another place than Miami
        owns = token.tag == "POS" or (token.lemma == "have" and token.relation != "aux" and not is_read)
        strange = bool(known) and not (fills or is_known or is_read)
        if word not in cues and (strange or owns or word in _CHANGES_THE_MEANING):
            unread.append(word)
    return tuple(dict.fromkeys(unread))


def _joins_others(parse: DependencyParse, layout: Layout) -> bool:
    """Whether *and* joins what the layout takes for one thing: *parks and islands*, but not *a city and a capital*."""
    same = {child.argument for each in _all(layout) if each.type.many for child in each.children}
    there = any(token.tag == "EX" for token in parse.tokens)
    for token in parse.tokens:
        head = parse.tokens[token.head]
        both = {entity_word(token.lemma), entity_word(head.lemma)}
        if token.relation == "conj" and both <= same and (there or head.relation != "attr"):
            return True
    return False


def _is_read(token: Token, read: Set[str]) -> bool:
    """Whether a word is in the layout, or is punctuation."""
    forms = [set(filter(None, entity_word(form).split("-"))) for form in (token.text, token.lemma)]
    if not any(forms):
        return all(unicodedata.category(letter)[0] in "PZ" for letter in token.text)
    return any(form and form <= read for form in forms)


def _all(layout: Layout) -> Iterator[Layout]:
    yield layout
    for child in layout.children:
        yield from _all(child)


def _parts(argument: str) -> Iterator[str]:
    """The parts of a word; *northeast* is read as *north-east*."""
    parts = argument.split("-")
    yield from parts
    yield from map("".join, itertools.pairwise(parts))


def _asks_again(first: Token, second: Token, third: Token) -> bool:
    """Whether a question begins behind *and*: *and which city*, *and is Miami a city*."""
    if first.text.lower() not in ("and", "or", "but"):
        return False
    polar = second.lemma.lower() in ("be", "do") and (third.tag in ("NNP", "EX", "PRP"))
    return second.tag in _ASKING or polar
