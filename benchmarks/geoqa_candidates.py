"""Compares our candidate layouts for GeoQA's 263 questions with those that the authors of module networks recorded.

    pip install 'tfmeta[nlp]'
    python benchmarks/geoqa_candidates.py --geoqa lsp/data/environments --layouts nmn2/extra/geo

Both sides are compared as sets: the inputs of `and` in any order. The authors wrote the first fragment, the first two,
and so on, each bare and under `exists` (``--subsets growing``); the paper's text says all subsets.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable

from tfmeta.core.checks import TfmetaError
from tfmeta.data.geo_layouts import load_recorded_layouts
from tfmeta.data.geoqa import ADJECTIVES, GeoQA, load_geoqa
from tfmeta.modules import Layout, RecordedParser, SpacyParser, layout_candidates, parse_layout
from tfmeta.modules.parse import Parser, record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--geoqa", help="folder of the environments (default: $TFMETA_GEOQA)")
    parser.add_argument("--layouts", help="folder of the recorded layouts (default: $TFMETA_GEOQA_LAYOUTS)")
    parser.add_argument("--parses", help="dependency parses as JSON; written by spaCy where it is absent")
    parser.add_argument(
        "--adjectives", nargs="*", default=ADJECTIVES, help="looked for as well (default: %(default)s)"
    )
    parser.add_argument("--show", action="store_true", help="print the questions that are read differently")
    options = parser.parse_args()

    data = load_geoqa(options.geoqa)
    recorded = load_recorded_layouts(data, options.layouts)
    parses = parses_of(data, options.parses)
    print(f"{len(data.questions)} questions{'equal':>34}{'contain':>10}{'overlap':>10}{'complete':>10}")
    for subsets in ("growing", "all"):
        ours = candidates(data, parses, subsets, options.adjectives)
        for spelt, respell in (("as recorded", lambda text: text), ("in one spelling", one_spelling)):
            theirs = [[parse_layout(respell(text)) for text in texts] for texts in recorded]
            report(f"{subsets} subsets, relations {spelt}", ours, theirs)
    if options.show:
        show(data, candidates(data, parses, "growing", options.adjectives), recorded)


def parses_of(data: GeoQA, path: str | None) -> Parser:
    if path is None:
        return SpacyParser()
    if not os.path.exists(path):
        record(path, SpacyParser(), dict.fromkeys(question.text for question in data.questions))
    return RecordedParser.load(path)


def candidates(data: GeoQA, parses: Parser, subsets: str, adjectives: list[str]) -> list[list[Layout]]:
    return [
        layout_candidates(
            parses(question.text),
            entities=data.worlds[question.world].entities,
            adjectives=adjectives,
            subsets=subsets,
            limit=1000,
        )
        for question in data.questions
    ]


def report(title: str, ours: list[list[Layout]], theirs: list[list[Layout]]) -> None:
    pairs = [(set(map(unordered, a)), set(map(unordered, b))) for a, b in zip(ours, theirs, strict=True)]
    complete = [unordered(a[0]) == unordered(b[-2]) for a, b in zip(ours, theirs, strict=True)]
    shares = [
        share(pairs, lambda a, b: a == b),
        share(pairs, lambda a, b: a >= b),
        share(pairs, lambda a, b: len(a & b) / len(a | b)),
        sum(complete) / len(complete),
    ]
    print(f"{title:48}" + "".join(f"{100 * value:>8.1f} %" for value in shares))


def share(pairs: list[tuple[set, set]], measure: Callable[[set, set], float]) -> float:
    return sum(measure(a, b) for a, b in pairs) / len(pairs)


def unordered(layout: Layout) -> tuple:
    """The layout, but the inputs of `and` have no order."""
    return layout.module, layout.argument, frozenset(map(unordered, layout.children))


def one_spelling(text: str) -> str:
    """Directions as we write them: ``to-north-of`` is ``north-of``."""
    return re.sub(r"relate\[to-(?=north|south|east|west)", "relate[", text)


def show(data: GeoQA, ours: list[list[Layout]], recorded: list[tuple[str, ...]]) -> None:
    for question, mine, theirs in zip(data.questions, ours, recorded, strict=True):
        complete = parse_layout(one_spelling(theirs[-2]))
        if unordered(mine[0]) != unordered(complete):
            print(f"\n{question.text}\n  ours    {mine[0]}\n  theirs  {complete}")


if __name__ == "__main__":
    try:
        main()
    except TfmetaError as error:
        sys.exit(str(error))
