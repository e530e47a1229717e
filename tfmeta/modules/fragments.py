"""From a dependency parse to the fragments of a layout: what each part of a question asks to look for."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from tfmeta.modules.layout import MODULES, Layout, ModuleType
from tfmeta.modules.names import entity_word
from tfmeta.modules.parse import DependencyParse
from tfmeta.modules.relations import Relation, find_relations

__all__ = ["Fragment", "find_fragments", "is_asked"]

# Verbs that hold a sentence together, or that give an order, and say nothing about the world.
_LIGHT_VERBS = frozenset([
    "be", "have", "do", "can", "could", "may", "will", "would", "should", "'s", "exist", "lie", "locate",
    "find", "name", "list", "show", "tell", "give", "see",
])  # fmt: skip
_LIGHT_ADJECTIVES = frozenset(
    ["many", "much", "most", "more", "other", "same", "such", "what", "which", "some"]
)
_OBJECTS = frozenset(["dobj", "npadvmod", "appos", "attr", "oprd", "nsubj"])
_ASKING = frozenset(["WDT", "WP", "WP$"])
_BEFORE_A_NOUN = frozenset(["DT", "PDT", "PRP$", "CD", "CC", "JJ", "JJR", "JJS", "RB"])
_BEFORE_A_NAME = frozenset(["DT", "PDT", "CC"])


class Fragment(NamedTuple):
    """A part of a layout, and the number of the word that it begins with.

    Attributes:
        place: number of the word.
        layout: gives an attention.
    """

    place: int
    layout: Layout


def find_fragments(
    parse: DependencyParse,
    *,
    adjectives: Collection[str] | None = None,
    anything: Collection[str] = (),
    nested: bool = False,
    modules: Iterable[ModuleType] = MODULES.values(),
) -> list[Fragment]:
    """Reads nouns and verbs as `find`, names as `lookup`, and prepositional phrases as `relate` above them.

    A verb with an object is a relation too, *borders Alabama*; *between Macon and Atlanta* are two; and where the
    object is what the question asks for, *what state is Miami in*, *what states does Alabama border*, the relation is
    ``in-inverse``, ``border-inverse``.

    Args:
        parse: the question, its names joined by `join_names`.
        adjectives: those that are looked for as well; None for all.
        anything: nouns that say nothing beside an adjective, as in *a red thing*.
        nested: whether what describes the object of a relation goes below the relation, *in (states that border
            Alabama)*, or beside it, as in the paper.
        modules: those whose cues are heeded: *not red*, where ``not`` is a cue, is a module above `find`.

    Returns:
        The fragments in the order of their words, none twice.
    """
    places: dict[Layout, int] = {}
    for fragment in sorted(
        _Reader(parse, adjectives, anything, nested, modules).read(), key=lambda found: found.place
    ):
        places.setdefault(fragment.layout, fragment.place)
    return [Fragment(place, layout) for layout, place in places.items()]


def is_asked(parse: DependencyParse, number: int) -> bool:
    """Whether a noun is what the question asks for: *which city*, *what national park*."""
    before = number - 1
    while before >= 0 and parse.tokens[before].tag[:2] in ("JJ", "NN"):
        before -= 1
    return before >= 0 and parse.tokens[before].tag in _ASKING and parse.tokens[number].tag != "NNP"


class _Reader:
    """One reading of one question: which words are taken already, and which relations read."""

    def __init__(
        self,
        parse: DependencyParse,
        adjectives: Collection[str] | None,
        anything: Collection[str],
        nested: bool,
        modules: Iterable[ModuleType],
    ) -> None:
        self.parse = parse
        self.tokens = parse.tokens
        self.adjectives = adjectives
        self.anything = anything
        self.nested = nested
        self.cues = {cue: kind for kind in modules for cue in kind.cues}
        self.relations = {relation.start: relation for relation in find_relations(parse)}
        self.taken = {n for relation in self.relations.values() for n in range(relation.start, relation.end)}
        self.read_already: set[int] = set()

    def read(self) -> Iterator[Fragment]:
        """Relations first, as they take their objects; then whatever is left."""
        numbers = range(len(self.tokens))
        # A verb that was taken for a noun left its object to another.
        first = [n for n in numbers if self.is_bare_verb(n) and not (self.nested and self.follows_that(n))]
        for number in [*first, *numbers]:
            for layout in self.relation(number):
                yield Fragment(number, layout)
        for number in numbers:
            found = self.head(number)
            if found and number not in self.taken and not self.is_anything(number):
                yield Fragment(number, found)

    def relation(self, number: int) -> list[Layout]:
        """What a relation or a verb that begins here makes of each of its objects; nothing where none does."""
        if number in self.read_already:
            return []
        self.read_already.add(number)
        return [self.cued(number, layout) for layout in self.related(number)]

    def related(self, number: int) -> list[Layout]:
        if number in self.relations:
            return self.preposition(self.relations[number])
        if number in self.taken or self.tokens[number].tag == "NNP":
            return []
        word = self.tokens[number].lemma
        objects = self.objects_of_verb(number)
        if not objects and (subject := self.subject_of_verb(number)):
            word, objects = f"{word}-inverse", subject
        self.taken |= {number} if objects else set()
        return self.relate(word, objects)

    def preposition(self, relation: Relation) -> list[Layout]:
        after = self.skip(relation.end, _BEFORE_A_NOUN - {"JJ", "JJR", "JJS"})
        if after in self.relations:  # "below, left of a square"
            return _above(relation.word, self.relation(after))
        numbers = range(relation.start, relation.end)
        children = [child for n in numbers for child in self.parse.children(n) if child >= relation.end]
        governed = [child for child in children if self.tokens[child].relation == "pobj"]
        if any(self.tokens[child].tag in ("DT", "PRP") for child in governed):
            return []  # "of these", "behind her": nothing that could be looked for
        objects = [child for child in governed if self.is_free_noun(child)] or self.next_noun(relation.end)
        if objects and not any(is_asked(self.parse, number) for number in objects):
            return self.relate(relation.word, objects)
        if not objects and any(self.tokens[child].tag[:2] == "NN" for child in governed):
            return []  # another relation has its object already
        return self.relate(f"{relation.word}-inverse", self.subject(relation))

    def subject(self, relation: Relation) -> list[int]:
        """Whoever is *in* what is asked: *what state is Miami in*, *in which state is Miami*."""
        numbers = [*range(relation.start - 1, -1, -1), *range(relation.end, len(self.tokens))]
        return [n for n in numbers if self.is_free_noun(n) and not is_asked(self.parse, n)][:1]

    def objects_of_verb(self, number: int) -> list[int]:
        if self.is_bare_verb(number):
            return [self.skip(number + 1, _BEFORE_A_NAME)]
        if not self.is_verb(number):
            return []
        return [
            child for child in self.parse.children(number)
            if child > number and self.tokens[child].relation in _OBJECTS
            and self.is_free_noun(child) and not is_asked(self.parse, child)
        ]  # fmt: skip

    def subject_of_verb(self, number: int) -> list[int]:
        """The name that does it to what is asked for: *what states does Alabama border*."""
        name = number - 1
        if self.tokens[number].tag[:2] not in ("NN", "VB") or name < 0 or self.tokens[name].tag != "NNP":
            return []
        auxiliary = name - 1
        while auxiliary > 0 and self.tokens[auxiliary].tag == "DT":
            auxiliary -= 1
        asked = auxiliary > 0 and self.tokens[auxiliary].lemma.lower() == "do"
        return [name] if asked and self.is_free_noun(name) else []

    def is_bare_verb(self, number: int) -> bool:
        """Whether a noun without a determiner stands between another and a name.

        It is a verb that the parser has not seen as one: *states border Alabama*.
        """
        after = self.skip(number + 1, _BEFORE_A_NAME)
        named = after < len(self.tokens) and self.tokens[after].tag == "NNP" and self.is_free_noun(after)
        bare = self.is_free_noun(number) and self.tokens[number].tag != "NNP"
        return named and bare and number > 0 and self.tokens[number - 1].tag[:2] in ("NN", "VB", "WD", "IN")

    def relate(self, word: str, objects: list[int]) -> list[Layout]:
        """One fragment an object, and an object joined by *and* is one more."""
        objects = [each for number in objects for each in self.joined(number)]
        self.taken.update(objects)
        return _above(word, [self.described(number) for number in objects])

    def joined(self, number: int) -> list[int]:
        more = [
            child for child in self.parse.children(number)
            if child > number and self.tokens[child].relation == "conj" and self.is_free_noun(child)
        ]  # fmt: skip
        return [number, *(each for child in more for each in self.joined(child))]

    def described(self, number: int) -> Layout:
        """A noun with all that describes it."""
        modifiers = [
            child for child in self.parse.children(number)
            if child < number and child not in self.taken and not self.is_verb(child) and self.head(child)
        ]  # fmt: skip
        self.taken.update(modifiers)
        heads = [self.head(each) for each in [*modifiers, number] if not self.is_anything(each)]
        parts = [layout for layout in heads if layout]
        if self.nested:
            for child in self.describing(number):
                parts += self.relation(child)
        parts = list(dict.fromkeys(parts))
        return parts[0] if len(parts) == 1 else Layout("and", children=tuple(parts))

    def describing(self, number: int) -> list[int]:
        """Where phrases begin that describe a noun: *in Ohio*, *bordering Ohio*, *that is in Ohio*.

        A relation that stands next to it is one of them, wherever a parser has hung it.
        """
        after = [child for child in self.parse.children(number) if child > number]
        clauses = [child for child in after if self.tokens[child].relation in ("acl", "relcl")]
        within = [word for clause in clauses for word in self.parse.children(clause) if word > clause]
        nearby = [n for n in (number + 1, number + 2) if n == number + 1 or self.follows_that(n)]
        return [
            word for word in sorted({*nearby, *after, *within})
            if word in self.relations or ((word in after or word in nearby) and self.is_any_verb(word))
        ]  # fmt: skip

    def follows_that(self, number: int) -> bool:
        return 0 < number < len(self.tokens) and self.tokens[number - 1].text.lower() in ("that", "which")

    def is_anything(self, number: int) -> bool:
        """Whether a noun stands for anything that its adjective fits."""
        described = any(self.is_adjective(child) for child in self.parse.children(number))
        return described and self.tokens[number].lemma.lower() in self.anything

    def head(self, number: int) -> Layout | None:
        """The module of a single word, with what a cue asks for; None for a word that asks for nothing."""
        layout = self.bare(number)
        return layout and self.cued(number, layout)

    def cued(self, number: int, layout: Layout) -> Layout:
        """Puts above a layout what a cue asks for that stands before its first word, articles apart."""
        before = number - 1
        while before > 0 and self.tokens[before].tag == "DT" and self.text(before) not in self.cues:
            before -= 1
        kind = self.cues.get(self.text(before)) if before >= 0 else None
        return Layout(kind, children=(layout,)) if kind else layout

    def text(self, number: int) -> str:
        return self.tokens[number].text.lower()

    def bare(self, number: int) -> Layout | None:
        """The module of a single word, whatever stands before it."""
        token = self.tokens[number]
        word = entity_word(token.lemma)
        if not word:
            return None
        if token.tag[:2] == "NN":
            return Layout("lookup" if token.tag == "NNP" else "find", word)
        if self.is_adjective(number):
            return Layout("find", entity_word(token.text))
        return Layout("find", word) if self.is_verb(number) else None

    def is_adjective(self, number: int) -> bool:
        token = self.tokens[number]
        text = entity_word(token.text)
        kept = text and text not in _LIGHT_ADJECTIVES and (self.adjectives is None or text in self.adjectives)
        return bool(kept) and (token.tag[:2] == "JJ" or (token.tag[:2] == "VB" and token.relation == "amod"))

    def is_verb(self, number: int) -> bool:
        token = self.tokens[number]
        content = token.lemma.lower() not in _LIGHT_VERBS and token.relation not in ("aux", "auxpass", "amod")
        return token.tag[:2] == "VB" and content and number not in self.taken

    def is_any_verb(self, number: int) -> bool:
        return number < len(self.tokens) and (self.is_verb(number) or self.is_bare_verb(number))

    def is_free_noun(self, number: int) -> bool:
        token = self.tokens[number]
        return token.tag[:2] == "NN" and number not in self.taken and bool(entity_word(token.lemma))

    def skip(self, number: int, tags: Collection[str]) -> int:
        """The next word that is none of these."""
        while number < len(self.tokens) and self.tokens[number].tag in tags:
            number += 1
        return number

    def next_noun(self, number: int) -> list[int]:
        """The noun that stands next, where the parser has hung it elsewhere, or seen an adjective in it."""
        end = self.skip(number, _BEFORE_A_NOUN)
        if end == len(self.tokens) or not self.is_free_noun(end):
            return [end - 1] if end > number and self.is_adjective(end - 1) else []
        while self.tokens[end].relation == "compound" and self.is_free_noun(self.tokens[end].head):
            if self.tokens[end].head <= end:
                break
            end = self.tokens[end].head
        return [end]


def _above(relation: str, layouts: list[Layout]) -> list[Layout]:
    word = entity_word(relation)
    return [Layout("relate", word, (layout,)) for layout in layouts if word]
