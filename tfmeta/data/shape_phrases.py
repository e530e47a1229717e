"""A small grammar of shapes: phrases such as "a red circle above a square", in English and as layouts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["RELATIONS", "Phrase", "ShapeQuestion", "ask", "draw_phrase"]

RELATIONS = ("above", "below", "left-of", "right-of")
"""What `relate` knows on a grid; each means the adjacent cell."""


class ShapeQuestion(NamedTuple):
    """A question about coloured shapes.

    Attributes:
        text: English.
        layout: how the answer is composed.
        about: what it asks of.
    """

    text: str
    layout: str
    about: "Phrase"


@dataclass(frozen=True)
class Phrase:
    """Some of the shapes: those of a colour, of a form, and in a relation to others.

    Args:
        colour: a name of a colour; empty for any.
        shape: a name of a shape, or ``"shape"`` or ``"thing"`` for any. Where colour and shape both are empty, the
            phrase has no noun, as the middle one of "a circle above left of a square" has none.
        relation: a name of `RELATIONS`; empty for none.
        reference: what the relation is to.

    Example:
        >>> phrase = Phrase("red", "circle", "above", Phrase(shape="square"))
        >>> phrase.text("a"), phrase.text("the")
        ('a red circle above a square', 'the red circle above the square')
        >>> phrase.layout()
        '(and find[red] find[circle] (relate[above] find[square]))'
    """

    colour: str = ""
    shape: str = ""
    relation: str = ""
    reference: "Phrase | None" = None

    def noun(self, plural: bool = False) -> str:
        """The phrase without its relation and its article; empty where there is no noun."""
        return " ".join(word for word in (self.colour, self.shape + ("s" if plural else "")) if word)

    def place(self, article: str) -> str:
        """The relation and what it is to; empty where there is none."""
        if not self.reference:
            return ""
        return f"{self.relation.replace('-', ' ')} {self.reference.text(article)}"

    def text(self, article: str) -> str:
        """The phrase in English, each of its nouns with the article."""
        noun = f"{article} {self.noun()}" if self.noun() else ""
        return " ".join(part for part in (noun, self.place(article)) if part)

    def layout(self) -> str:
        """The attention that the phrase means; beside a colour, ``shape`` and ``thing`` say nothing."""
        parts = [f"find[{self.colour}]"] if self.colour else []
        if self.shape and not (self.colour and self.any_shape):
            parts.append(f"find[{'shape' if self.any_shape else self.shape}]")
        if self.reference:
            parts.append(f"(relate[{self.relation}] {self.reference.layout()})")
        return parts[0] if len(parts) == 1 else f"(and {' '.join(parts)})"

    @property
    def any_shape(self) -> bool:
        """Whether the noun leaves the shape open."""
        return self.shape in ("shape", "thing")

    def phrases(self) -> Iterator["Phrase"]:
        """Yields the phrase and those within it, from the outermost."""
        yield self
        if self.reference:
            yield from self.reference.phrases()


def draw_phrase(
    random: np.random.Generator,
    *,
    colours: Sequence[str],
    shapes: Sequence[str],
    relations: int,
    avoid: frozenset[tuple[str, str]] = frozenset(),
    noun: tuple[str, str] | None = None,
) -> Phrase:
    """Draws a phrase.

    Args:
        random: where the draws come from.
        colours: names to draw from.
        shapes: names to draw from.
        relations: how many it has, one within the other.
        avoid: colours with shapes that are never named together.
        noun: colour and shape of the outermost noun; drawn where it is None.

    Returns:
        The phrase.
    """
    colour, shape = noun or _draw_noun(random, colours, shapes, avoid)
    if not relations:
        return Phrase(colour, shape)
    # "above left of a square": the phrase in the middle has no noun.
    bare = ("", "") if relations > 1 and random.random() < 0.5 else None
    relation = RELATIONS[random.integers(len(RELATIONS))]
    reference = draw_phrase(
        random, colours=colours, shapes=shapes, relations=relations - 1, avoid=avoid, noun=bare
    )
    return Phrase(colour, shape, relation, reference)


def ask(kind: str, phrase: Phrase, random: np.random.Generator) -> ShapeQuestion:
    """Asks about what a phrase means, in one of the ways in which that can be said.

    Args:
        kind: ``"exists"``, ``"color"``, ``"shape"`` or ``"count"``.
        phrase: with a noun.
        random: chooses the words.

    Returns:
        The question.

    Example:
        >>> below = Phrase(shape="circle", relation="below", reference=Phrase(shape="square"))
        >>> question = ask("color", below, np.random.default_rng(0))
        >>> question.text, question.layout
        ('what color is the circle below the square',
         '(describe[color] (and find[circle] (relate[below] find[square])))')
    """
    layout, place = phrase.layout(), phrase.place("a")
    if kind == "exists":
        a_noun = f"a {phrase.noun()}"
        texts = [f"is there {phrase.text('a')}"]
        if place:
            texts.append(f"is {a_noun} {place}")
        elif phrase.colour and not phrase.any_shape:
            texts.append(f"is a {phrase.shape} {phrase.colour}")
        return ShapeQuestion(texts[random.integers(len(texts))], f"(exists {layout})", phrase)
    if kind == "count":
        text = f"how many {phrase.noun(plural=True)} are {place or 'there'}"
        return ShapeQuestion(text, f"(measure[count] {layout})", phrase)
    return ShapeQuestion(f"what {kind} is {phrase.text('the')}", f"(describe[{kind}] {layout})", phrase)


def _draw_noun(
    random: np.random.Generator,
    colours: Sequence[str],
    shapes: Sequence[str],
    avoid: frozenset[tuple[str, str]],
) -> tuple[str, str]:
    colour, shape = (words[int(random.integers(len(words)))] for words in (colours, shapes))
    named = random.integers(3)
    if named == 0 or (named == 2 and (colour, shape) in avoid):
        return colour, "shape"
    return ("", shape) if named == 1 else (colour, shape)
