"""Asks a module network a question, about a picture or about a folder of places.

spaCy parses the question. The network composes itself by one of the layouts that the parse allows. It answers with a
label, with the places that are meant, or with their number. A folder of places holds locations.txt and
world.txt, as each environment of GeoQA does. Loading takes longer than answering: ask several questions at once, each
in quotes, or - for a question on each line of the standard input.

  tfmeta ask --model nmn_shapes --image shapes.png "is there a red shape above a circle"
  tfmeta ask --model nmn_geoqa --world environments/fl "which park is south of miami"
  tfmeta ask --model nmn_geoqa --world environments/fl "is Miami a city" "how many parks are in Florida"
  tfmeta ask --model nmn_geoqa --world environments/fl "which park is south of miami" --json --pictures modules.png
  tfmeta ask --model nmn_shapes --image shapes.png --server localhost:8500 "is there a red shape above a circle"
  tfmeta ask --model nmn_shapes --image shapes.png --layout "(exists (and find[red] find[circle]))"
"""

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tfmeta.cli.entry import MISTAKE
from tfmeta.cli.progress import starting_tensorflow, working
from tfmeta.core.checks import TfmetaError
from tfmeta.core.words import printable

SUMMARY = "ask a module network about a picture or about places"


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Says what the verb takes."""
    parser.add_argument(
        "question",
        metavar="QUESTION",
        nargs="*",
        help="English, each question in quotes, or - for those of the standard input; with --layout it may be left out",
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
    parser.add_argument(
        "--server", metavar="HOST:PORT", help="ask a server, instead of loading the model here"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON; of several questions, an object a line"
    )
    parser.add_argument(
        "--pictures", metavar="FILE", type=Path, help="draw what each module looks at, such as modules.png"
    )


def run(args: argparse.Namespace) -> int:
    """Carries out the verb."""
    asked = _questions(args)
    from tfmeta import asking
    from tfmeta.modules.reading import QuestionReading

    with ExitStack() as stack:
        # First what may be missing or misspelt: TensorFlow takes its time.
        if args.server:
            from tfmeta.serving.client import Client

            model: Any = stack.enter_context(Client(args.server)).model(args.model)
            reading = asking.reading_of_model(model) or _reading_of_twin(args.model)
        else:
            from tfmeta.core.hub import find_model

            folder = find_model(args.model)
            reading = asking.reading_of_artefact(folder)
        reading = reading or QuestionReading()
        layouts = [_layout(text, reading) for text in args.layouts]
        parser = None if layouts else _parser()
        if not args.server:
            with starting_tensorflow():
                import tensorflow  # noqa: F401

            from tfmeta.core.hub import load

            model = load(folder)
        with working(f"Asking {args.model}"):
            about: Any = (
                asking.load_world(model, args.world) if args.world else asking.load_picture(model, args.image)
            )

        names = about.entities if args.world else None

        def answer(text: str) -> Any:
            question = (
                asking.read_question(reading, text, parser, names)
                if parser
                else asking.Question(text or str(layouts[0]), layouts)
            )
            ask: Any = asking.ask_about_world if args.world else asking.ask_about_picture
            return ask(model, question, about)

        if len(asked) > 1 or args.question == ["-"]:
            return _answer_each(asked, answer, names or (), as_json=args.json)
        question = asked[0]
        with working(f"Asking {args.model}"):
            told = answer(question)
    if args.pictures:
        with working("Drawing"):
            _draw(told, question or str(layouts[0]), about, args)
    print(told.to_json() if args.json else "\n".join(_in_words(told, names or ())))
    return 0


def _questions(args: argparse.Namespace) -> list[str]:
    """The questions that are asked: words without quotes are one question."""
    if args.question == ["-"]:
        asked = [line.strip() for line in sys.stdin if line.strip()]
    elif len(args.question) > 1 and all(len(text.split()) > 1 for text in args.question):
        asked = [text.strip() for text in args.question]
    else:
        asked = [" ".join(args.question).strip()]
    if not args.layouts and (not asked or not all(asked)):
        raise TfmetaError(
            'The question is empty; expected one such as "is there a red shape above a circle".'
        )
    if args.question == ["-"] or len(asked) > 1:
        for flag, given in (("--layout", args.layouts), ("--pictures", args.pictures)):
            if given:
                raise TfmetaError(
                    f"{flag} is for one question, but {len(asked)} are asked; ask each by itself."
                )
    return asked


def _answer_each(
    asked: Sequence[str], answer: Callable[[str], Any], names: Sequence[str], *, as_json: bool
) -> int:
    """Prints the answer to each question as it comes; one that cannot be answered does not keep the others waiting."""
    failed = False
    for question in asked:
        try:
            told = answer(question)
        except TfmetaError as error:
            failed = True
            print(f"tfmeta: {printable(question)}: {printable(str(error))}", file=sys.stderr, flush=True)
            continue
        if as_json:
            print(told.to_json(indent=None, question=question), flush=True)
        else:
            print("\n  ".join([printable(question), *_in_words(told, names)]), flush=True)
    return MISTAKE if failed else 0


def _reading_of_twin(name: str) -> Any:
    """How a model of that name reads questions that is in this machine's search path, if there is one."""
    from tfmeta import asking
    from tfmeta.core.hub import list_models

    versions = list_models().get(name)
    return asking.reading_of_artefact(versions[-1]) if versions else None


def _parser() -> Any:
    with working("Loading spaCy"):
        from tfmeta.modules.parse import SpacyParser

        return SpacyParser()


def _in_words(answer: Any, names: Sequence[str]) -> list[str]:
    lines = [f"{answer.told} ({answer.probability:.1%})", str(answer.layout)]
    if answer.unknown:
        lines[0] = f"{answer.told}: {answer.found} ({answer.probability:.1%}) would be a guess."
        meant = [name for word in answer.unknown for name in _alike(word, names)]
        hint = f" Did you mean {' or '.join(dict.fromkeys(meant))}?" if meant else ""
        words = ", ".join(map(repr, answer.unknown))
        lines.append(f"The model has not learned {words}: this is a guess.{hint}")
    elif not answer.known:
        lines[0] = (
            f"{answer.told}: {answer.found} has a probability of {answer.probability:.1%},"
            f" below {answer.least:.0%}."
        )
    return [printable(line) for line in lines]


def _alike(word: str, names: Sequence[str]) -> list[str]:
    """The names that a word may be a misspelt form of, or a part of."""
    spelt = {part: name for name in names for part in (*name.lower().split(), name.lower()) if len(part) > 3}
    return [spelt[part] for part in difflib.get_close_matches(word, spelt, n=2, cutoff=0.8)]


def _layout(text: str, reading: Any) -> Any:
    from tfmeta.modules.layout import LayoutError

    try:
        return reading.parse_layout(text)
    except LayoutError as error:  # its other lines point at the place, which one line cannot
        raise TfmetaError(f"--layout {text!r}: {str(error).splitlines()[0]}") from error


def _draw(answer: Any, question: str, about: Any, args: argparse.Namespace) -> None:
    if args.world:
        from tfmeta.asking.place_pictures import draw_places

        draw_places(answer, question, about.entities, args.pictures)
        return
    from tfmeta.asking.module_pictures import Answered, draw_modules

    height, width, _ = about.shape
    side = (height * width / answer.attentions.shape[1]) ** 0.5  # of a cell: all are squares
    cells = round(height / side), round(width / side)
    shown = Answered(
        about, question, answer.layout, answer.attentions, answer.told, answer.probability, cells=cells
    )
    draw_modules(shown, args.pictures)
