"""Asks a module network a question, about a picture or about a folder of places.

The question is parsed by spaCy; the network composes itself by one of the layouts that the parse allows, and answers
with a label, or with the places that are meant. A folder of places holds locations.txt and world.txt, as each
environment of GeoQA does.

  tfmeta ask --model nmn_shapes --image shapes.png "is there a red shape above a circle"
  tfmeta ask --model nmn_geoqa --world environments/fl "which park is south of miami"
  tfmeta ask --model nmn_geoqa --world environments/fl "which park is south of miami" --json --pictures modules.png
  tfmeta ask --model nmn_shapes --image shapes.png --layout "(exists (and find[red] find[circle]))"
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfmeta.cli.progress import starting_tensorflow, working
from tfmeta.core.checks import TfmetaError

SUMMARY = "ask a module network about a picture or about places"


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Says what the verb takes."""
    parser.add_argument(
        "question", metavar="QUESTION", nargs="*", help="English; with --layout it may be left out"
    )
    parser.add_argument("--model", metavar="MODEL", required=True, help="name of a model, or its folder")
    about = parser.add_mutually_exclusive_group(required=True)
    about.add_argument("--image", metavar="FILE", type=Path, help="the picture that is asked about")
    about.add_argument(
        "--world", metavar="DIR", type=Path, help="the folder of the places that are asked about"
    )
    parser.add_argument(
        "--layout", metavar="LAYOUT", dest="layouts", action="append", default=[],
        help="a layout to answer by, instead of those of the parse; may be given several times",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--pictures", metavar="FILE", type=Path, help="draw what each module looks at, such as modules.png"
    )


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    question = " ".join(args.question).strip()
    layouts = [_layout(text) for text in args.layouts]
    if layouts:
        question = question or str(layouts[0])
    elif not question:
        raise TfmetaError(
            'The question is empty; expected one such as "is there a red shape above a circle".'
        )
    # First what may be missing or misspelt: TensorFlow takes its time.
    from tfmeta.core.hub import find_model

    path = find_model(args.model)
    parser = None
    if not layouts:
        with working("Loading spaCy"):
            from tfmeta.modules.parse import SpacyParser

            parser = SpacyParser()
    with starting_tensorflow():
        from tfmeta.core.hub import LoadedModel
        from tfmeta.recipes.modules import asking
    with working(f"Asking {args.model}"):
        model = LoadedModel(path)
        about = asking.load_world(model, args.world) if args.world else asking.load_picture(model, args.image)
        if parser:
            layouts = asking.candidates_for(model, question, parser, about.entities if args.world else None)
        ask = asking.ask_about_world if args.world else asking.ask_about_picture
        answer = ask(model, question, layouts, about)
    if args.pictures:
        with working("Drawing"):
            _draw(answer, question, about, args.pictures)
    print(answer.to_json() if args.json else _in_words(answer))


def _in_words(answer: Any) -> str:
    lines = [f"{answer.told} ({answer.probability:.1%})", str(answer.layout)]
    if answer.unknown:
        lines.append(f"The model has not learnt {', '.join(answer.unknown)}: this is a guess.")
    return "\n".join(lines)


def _layout(text: str) -> Any:
    from tfmeta.modules.layout import LayoutError, parse_layout

    try:
        return parse_layout(text)
    except LayoutError as error:  # its other lines point at the place, which one line cannot
        raise TfmetaError(f"--layout {text!r}: {str(error).splitlines()[0]}") from error


def _draw(answer: Any, question: str, about: Any, file: Path) -> None:
    if hasattr(about, "entities"):
        from tfmeta.report.places import draw_places

        draw_places(answer, question, about.entities, file)
        return
    from tfmeta.report.modules import Answered, draw_modules

    height, width, _ = about.shape
    side = (height * width / answer.attentions.shape[1]) ** 0.5  # of a cell: all are squares
    program, cells = answer.layout.tokens(), (round(height / side), round(width / side))
    shown = Answered(
        about, question, program, answer.attentions, answer.told, answer.probability, cells=cells
    )
    draw_modules(shown, file)
