"""Renders what the docs claim from what was measured.

tfmeta report results                              docs/results.md, from the cards of models and runs
tfmeta report omniglot [--runs DIR]                the same, and the picture of the lecture's table; with --runs,
                                                   first the cards of the runs that fill the table
tfmeta report optimizers [--runs DIR]              docs/optimizers_results.md with its pictures, from the races in
                                                   the folders of runs (default: runs)
tfmeta report modules [--runs DIR]                 docs/modules_results.md with its pictures, from measured runs
tfmeta report rl2 [--runs DIR]                     docs/rl_results.md with its pictures, from measured runs
tfmeta report card RECIPE --run DIR                docs/cards/<model>.json, for a run that is not shipped
tfmeta report sinusoid --run DIR --beside DIR      docs/pictures/maml_sinusoid.png, the fitted waves
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tfmeta.cli.progress import starting_tensorflow, working
from tfmeta.core.checks import TfmetaError

SUMMARY = "render the docs' tables and pictures from what was measured"

_PLACES = {
    "results": "docs/results.md",
    "omniglot": "docs/results.md",
    "optimizers": "docs/optimizers_results.md",
    "modules": "docs/modules_results.md",
    "rl2": "docs/rl_results.md",
    "card": "docs/cards",
    "sinusoid": "docs/pictures/maml_sinusoid.png",
}


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Says what the verb takes."""
    parser.add_argument("what", metavar="|".join(_PLACES), choices=sorted(_PLACES), help="what to render")
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="of a card: what was trained")
    parser.add_argument("--run", metavar="DIR", type=Path, help="the run's folder")
    parser.add_argument("--runs", metavar="DIR", type=Path, help="the folder of all runs")
    parser.add_argument("--beside", metavar="DIR", type=Path, help="a run with inner_steps=0, for comparison")
    parser.add_argument("--cards", metavar="DIR", type=Path, default=Path("docs/cards"), help="cards of runs")
    parser.add_argument("--to", metavar="PATH", type=Path, help="where to write it")


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    place = args.to or Path(_PLACES[args.what])
    (place if args.what == "card" else place.parent).mkdir(parents=True, exist_ok=True)
    if args.what in ("card", "sinusoid") and args.run is None:
        raise TfmetaError(f"`tfmeta report {args.what}` needs the folder of a run: --run DIR.")
    with starting_tensorflow():
        import tensorflow  # noqa: F401
    for path in _RENDER[args.what](args, place):
        print(path)


def _results(args: argparse.Namespace, place: Path) -> list[Path]:
    from tfmeta.core.atomic import write_text
    from tfmeta.report.collect import collect_cards
    from tfmeta.report.omniglot import PICTURE, measured_cells
    from tfmeta.report.omniglot_picture import draw_table
    from tfmeta.report.results import read_cards, render_results

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
    from tfmeta.report.optimizers_page import write_races

    with working("Drawing the races"):
        return write_races(args.runs or Path("runs"), place)


def _modules(args: argparse.Namespace, place: Path) -> list[Path]:
    from tfmeta.report.modules_page import write_answers

    with working("Answering the questions"):
        return write_answers(args.runs or Path("runs"), place)


def _rl2(args: argparse.Namespace, place: Path) -> list[Path]:
    from tfmeta.report.rl2_page import write_rl2

    with working("Playing the trials"):
        return write_rl2(args.runs or Path("runs"), place)


def _card(args: argparse.Namespace, place: Path) -> list[Path]:
    from tfmeta.recipes.export import card_of
    from tfmeta.recipes.registry import find_recipe
    from tfmeta.recipes.train import Run

    card = card_of(find_recipe(args.recipe or ""), Run(args.run))
    card.write(place / f"{card.name}.json")
    return [place / f"{card.name}.json"]


def _sinusoid(args: argparse.Namespace, place: Path) -> list[Path]:
    from tfmeta.recipes.registry import find_recipe
    from tfmeta.recipes.train import Run
    from tfmeta.report.sinusoid import draw_waves

    recipe = find_recipe("maml-sinusoid")
    runs = {"MAML": args.run, "trained for all waves at once": args.beside}
    with working("Drawing the waves"):
        learners = {
            name: recipe.for_test(Run(folder).learner(recipe), Run(folder).settings(recipe))
            for name, folder in runs.items()
            if folder is not None
        }
        draw_waves(learners, place)
    return [place]


_RENDER = {
    "results": _results,
    "omniglot": _results,
    "optimizers": _optimizers,
    "modules": _modules,
    "rl2": _rl2,
    "card": _card,
    "sinusoid": _sinusoid,
}
