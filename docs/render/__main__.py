"""Renders what the docs claim from what was measured.

python -m docs.render results                          docs/results.md, from the cards of models and runs
python -m docs.render omniglot [--runs DIR]            the same, and the picture of the Omniglot table; with --runs,
                                                       first the cards of the runs that fill the table
python -m docs.render optimizers [--runs DIR]          docs/optimizers_results.md with its pictures
python -m docs.render modules [--runs DIR]             docs/modules_results.md with its pictures
python -m docs.render rl2 [--runs DIR]                 docs/rl_results.md with its pictures
python -m docs.render descent [--runs DIR]             docs/descent_results.md with its pictures
python -m docs.render maml-rl [--runs DIR]             docs/maml_rl_results.md with its picture
python -m docs.render imitation [--runs DIR]           docs/imitation_results.md with its pictures
python -m docs.render card --run DIR                   docs/cards/<model>.json, for a run that is not shipped
python -m docs.render sinusoid --run DIR --beside DIR  docs/pictures/maml_sinusoid.png, the fitted waves

The folder of all runs is `runs` unless --runs names another.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tfmeta.cli.progress import starting_tensorflow, working
from tfmeta.core.checks import TfmetaError

__all__ = ["main"]

_PLACES = {
    "results": "docs/results.md",
    "omniglot": "docs/results.md",
    "optimizers": "docs/optimizers_results.md",
    "modules": "docs/modules_results.md",
    "rl2": "docs/rl_results.md",
    "descent": "docs/descent_results.md",
    "maml-rl": "docs/maml_rl_results.md",
    "imitation": "docs/imitation_results.md",
    "card": "docs/cards",
    "sinusoid": "docs/pictures/maml_sinusoid.png",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Renders what the arguments name; returns the exit code, 2 for a mistake."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.render",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", metavar="|".join(_PLACES), choices=sorted(_PLACES), help="what to render")
    parser.add_argument("--run", metavar="DIR", type=Path, help="the run's folder")
    parser.add_argument("--runs", metavar="DIR", type=Path, help="the folder of all runs")
    parser.add_argument("--beside", metavar="DIR", type=Path, help="a run with inner_steps=0, for comparison")
    parser.add_argument("--cards", metavar="DIR", type=Path, default=Path("docs/cards"), help="cards of runs")
    parser.add_argument("--to", metavar="PATH", type=Path, help="where to write it")
    args = parser.parse_args(argv)
    place = args.to or Path(_PLACES[args.what])
    try:
        if args.what in ("card", "sinusoid") and args.run is None:
            raise TfmetaError(f"{args.what} needs the folder of a run: --run DIR.")
        (place if args.what == "card" else place.parent).mkdir(parents=True, exist_ok=True)
        with starting_tensorflow():
            pass
        for path in _RENDER[args.what](args, place):
            print(path)
    except (TfmetaError, OSError) as error:
        print(f"docs.render: {error}", file=sys.stderr)
        return 2
    return 0


def _results(args: argparse.Namespace, place: Path) -> list[Path]:
    from docs.render.collect import collect_cards
    from docs.render.omniglot import PICTURE, measured_cells
    from docs.render.omniglot_picture import draw_table
    from docs.render.results import read_cards, render_results
    from tfmeta.core.atomic import write_text

    if args.runs is not None:
        args.cards.mkdir(parents=True, exist_ok=True)
        for line in collect_cards(args.runs, args.cards):
            print(line)
    cards, drawn = read_cards(args.cards), []
    if args.what == "omniglot":
        drawn = [place.parent / PICTURE]
        drawn[0].parent.mkdir(parents=True, exist_ok=True)
        with working("Drawing the table"):
            draw_table(measured_cells(cards), drawn[0])
    write_text(place, render_results(cards))
    return [*drawn, place]


def _optimizers(args: argparse.Namespace, place: Path) -> list[Path]:
    from docs.render.optimizers_page import write_races

    with working("Drawing the races"):
        return write_races(args.runs or Path("runs"), place)


def _modules(args: argparse.Namespace, place: Path) -> list[Path]:
    from docs.render.modules_page import write_answers

    with working("Answering the questions"):
        return write_answers(args.runs or Path("runs"), place)


def _rl2(args: argparse.Namespace, place: Path) -> list[Path]:
    from docs.render.rl2_page import write_rl2

    with working("Playing the trials"):
        return write_rl2(args.runs or Path("runs"), place)


def _descent(args: argparse.Namespace, place: Path) -> list[Path]:
    from docs.render.descent_page import write_descent

    with working("Aligning faces"):
        return write_descent(args.runs or Path("runs"), place)


def _maml_rl(args: argparse.Namespace, place: Path) -> list[Path]:
    from docs.render.maml_rl_page import write_maml_rl

    with working("Playing the episodes"):
        return write_maml_rl(args.runs or Path("runs"), place)


def _imitation(args: argparse.Namespace, place: Path) -> list[Path]:
    from docs.render.imitation_page import write_imitation

    with working("Watching the imitation"):
        return write_imitation(args.runs or Path("runs"), place)


def _card(args: argparse.Namespace, place: Path) -> list[Path]:
    from tfmeta.recipes.export import card_of
    from tfmeta.recipes.run import Run

    card = card_of(Run(args.run))
    card.write(place / f"{card.name}.json")
    return [place / f"{card.name}.json"]


def _sinusoid(args: argparse.Namespace, place: Path) -> list[Path]:
    from docs.render.sinusoid import draw_waves
    from tfmeta.recipes.run import Run

    runs = {"MAML": args.run, "trained for all waves at once": args.beside}
    with working("Drawing the waves"):
        learners = {}
        for name, folder in runs.items():
            if folder is not None:
                run = Run(folder)
                recipe = run.recipe()
                learners[name] = recipe.method.for_test(run.learner(), recipe.tasks, recipe.training)
        draw_waves(learners, place)
    return [place]


_RENDER = {
    "results": _results,
    "omniglot": _results,
    "optimizers": _optimizers,
    "modules": _modules,
    "rl2": _rl2,
    "descent": _descent,
    "maml-rl": _maml_rl,
    "imitation": _imitation,
    "card": _card,
    "sinusoid": _sinusoid,
}

if __name__ == "__main__":
    sys.exit(main())
