"""From a question to the layouts that might answer it: subsets of its fragments, and modules on top of them."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence

from tfmeta.core.checks import check, nearest
from tfmeta.modules.fragments import Fragment, find_fragments, is_asked
from tfmeta.modules.layout import MODULES, Layout, ModuleType
from tfmeta.modules.names import entity_word, join_names
from tfmeta.modules.parse import DependencyParse, QuestionError

__all__ = ["layout_candidates"]

_SUBSETS = ("all", "growing")
_LONGEST = 100  # words of a question; relations may be nested as deep as there are words


def layout_candidates(
    parse: DependencyParse,
    *,
    tops: Sequence[str] = ("set", "exists"),
    entities: Collection[str] | None = None,
    adjectives: Collection[str] | None = None,
    anything: Collection[str] = (),
    subsets: str = "all",
    nested: bool = False,
    limit: int = 32,
    modules: Iterable[ModuleType] = MODULES.values(),
) -> list[Layout]:
    """Writes down the layouts that a question may mean, those of more fragments first.

    Nouns and verbs become `find`, names `lookup`, prepositional phrases `relate` above them; a subset of these is
    joined by `and`, and each top is put upon it. A module that has cues is put above the word that follows one.

    Args:
        parse: the question as a dependency tree.
        tops: what goes on top of a subset: ``"set"`` nothing (the attention is the answer), else a module that takes
            one attention and gives labels, such as ``"exists"``. One that needs a word, such as ``"describe"``, takes
            what is asked for (*color* of *what color is the circle*, which is then not looked for), or ``count`` of
            *how many*, or the first word (*is*, *where*).
        entities: names of the world; a name that is none of them is refused. Empty for a world without names,
            such as an image, where everything is looked for by `find`; None allows any name.
        adjectives: those that are looked for as well, with `find`; None for all.
        anything: nouns that say nothing beside an adjective, as in *a red thing*.
        subsets: ``"all"``, as the paper says, or ``"growing"``, the first fragment, the first two, and so on to
            all of them, as its authors recorded for GeoQA.
        nested: whether what describes the object of a relation goes below the relation, or beside it, as in the
            paper.
        limit: most candidates.
        modules: those that there are: the tops are among them, and their cues are heeded.

    Returns:
        Different layouts, no more than `limit`; the first holds all fragments.

    Raises:
        QuestionError: where the question is empty or endless, or names nothing that could be looked for, or an entity
            that the world does not have.

    Example:
        >>> from tfmeta.modules.parse import Token
        >>> parse = DependencyParse((
        ...     Token("Is", "be", "VBZ", 0, "ROOT"), Token("Key", "Key", "NNP", 2, "compound"),
        ...     Token("Largo", "Largo", "NNP", 0, "nsubj"), Token("an", "an", "DT", 4, "det"),
        ...     Token("island", "island", "NN", 0, "attr"), Token("?", "?", ".", 0, "punct")))
        >>> for layout in layout_candidates(parse, tops=["exists"]):
        ...     print(layout)
        (exists (and lookup[key-largo] find[island]))
        (exists lookup[key-largo])
        (exists find[island])

    Reference:
        Andreas, Rohrbach, Darrell, Klein. "Learning to Compose Neural Networks for Question Answering."
        NAACL, 2016. Section 4.1.
    """
    modules = tuple(modules)
    heads = {kind.name: kind for kind in modules if (kind.takes, kind.gives) == (1, "labels")}
    known = ("set", *heads)
    check(bool(tops) and {*tops} <= {*known}, f"tops={tuple(tops)}; expected some of {', '.join(known)}.")
    check(subsets in _SUBSETS, f"subsets={subsets!r}; expected one of {', '.join(_SUBSETS)}.")
    check(limit >= 1, f"limit={limit}; expected 1 or more.")
    if not parse.tokens:
        raise QuestionError("The question is empty; expected a sentence.")
    if len(parse.tokens) > _LONGEST:
        raise QuestionError(f"The question has {len(parse.tokens)} words; expected no more than {_LONGEST}.")
    parse = join_names(parse, entities)
    fragments = find_fragments(
        parse, adjectives=adjectives, anything=anything, nested=nested, modules=modules
    )
    if not fragments:
        raise QuestionError(f"{str(parse)!r} has no noun, name or verb: there is nothing to look for.")
    if entities is not None:
        for fragment in fragments:
            _check_names(fragment.layout, entities)
    asked, place = _asked(parse)
    word = entity_word(asked) or "what"
    rest = [fragment for fragment in fragments if fragment.place != place] or fragments
    ranked = [
        _under(heads[top], word, _subsets(rest if heads[top].argument else fragments, subsets))
        if top in heads
        else _subsets(fragments, subsets)
        for top in tops
    ]
    layouts = (layout for row in itertools.zip_longest(*ranked) for layout in row if layout)
    return list(itertools.islice(layouts, limit))


def _check_names(layout: Layout, entities: Collection[str]) -> None:
    if layout.type.argument == "name" and layout.argument not in map(entity_word, entities):
        raise QuestionError(f"The world has no {layout.argument!r}. {nearest(layout.argument, entities)}")
    for child in layout.children:
        _check_names(child, entities)


def _subsets(fragments: list[Fragment], which: str) -> Iterator[Layout]:
    """Joins subsets of the fragments by `and`, larger ones first."""
    layouts = [fragment.layout for fragment in fragments]
    for size in range(len(layouts), 0, -1):
        for chosen in itertools.combinations(layouts, size) if which == "all" else [tuple(layouts[:size])]:
            yield chosen[0] if size == 1 else Layout("and", children=chosen)


def _under(top: ModuleType, word: str, layouts: Iterator[Layout]) -> Iterator[Layout]:
    """Puts a top upon each layout."""
    for layout in layouts:
        yield Layout(top, word if top.argument else "", (layout,))


def _asked(parse: DependencyParse) -> tuple[str, int | None]:
    """What the question asks for, as a word, and the number of the noun that says it: *color*, *what*, *is*."""
    texts = [token.text.lower() for token in parse.tokens]
    for number, token in enumerate(parse.tokens):
        if token.tag[:2] == "NN" and is_asked(parse, number):
            return token.lemma, number
    for number, token in enumerate(parse.tokens):
        if texts[number] == "how" and texts[number + 1 : number + 2] in (["many"], ["much"]):
            return "count", None
        if token.tag in ("WP", "WDT", "WRB") and texts[number] != "that":
            return texts[number], None
    first = parse.tokens[0].lemma.lower()
    return "is" if first == "be" else first, None
