"""What ``--all-cells`` does: the whole Omniglot table, one cell after the other, from where it stood."""

import argparse
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tfmeta.cli.progress import keras_verbosity, starting_tensorflow
from tfmeta.core.checks import TfmetaError

__all__ = ["add_all_cells", "evaluate_all", "one_or_all", "train_all"]

_MENDABLE = (TfmetaError, ValueError, OSError)


def add_all_cells(parser: argparse.ArgumentParser, *, with_split: bool) -> None:
    """Adds ``--all-cells`` and what narrows it; ``--split`` is a setting where a recipe is named."""
    group = parser.add_argument_group("the Omniglot table, or all folds of a recipe")
    if with_split:
        group.add_argument("--split", metavar="SPLIT", help="the cells of a split: alphabets or characters")
    group.add_argument(
        "--all-cells", action="store_true", help="every cell that is missing, one after the other"
    )
    group.add_argument(
        "--only", metavar="METHOD", action="append", default=[],
        help="the cells of a method, such as maml; may be given several times",
    )  # fmt: skip
    group.add_argument("--runs", metavar="DIR", type=Path, help="the folder of all runs (default: runs)")


def one_or_all(args: argparse.Namespace, what: str, alone: Iterable[str]) -> bool:
    """Returns whether all cells are meant.

    Args:
        args: what was parsed.
        what: the positional argument that is needed otherwise.
        alone: the options that are for a single run.

    Raises:
        TfmetaError: where the arguments mean neither one run nor all, or both.
    """
    if not args.all_cells:
        if args.only or args.runs:
            raise TfmetaError("--only and --runs narrow --all-cells; say that too.")
        if getattr(args, what) is None:
            raise TfmetaError(f"Say which {what.upper()}, or --all-cells for the whole table.")
        return False
    given = [f"--{name}" for name in alone if getattr(args, name)]
    if getattr(args, what) is not None:
        given.insert(0, getattr(args, what))
    if given:
        raise TfmetaError(f"{given[0]} is for a single run; --all-cells is narrowed by --split and --only.")
    return True


def train_all(args: argparse.Namespace) -> int:
    """Trains the runs that are missing; returns the exit code."""
    wanted, runs = _wanted(args)
    with starting_tensorflow():
        from tfmeta.recipes.omniglot.fill import train_cell

    def fill(cell: Any) -> str:
        folder = cell.run(runs)
        print(f"{folder}: for {cell.row.title}", flush=True)
        trained = train_cell(cell, runs, verbose=keras_verbosity())
        return f"{folder}: trained" if trained else f"{folder}: stands; skipped"

    first: dict[str, Any] = {}
    for cell in wanted:  # a run may fill several
        first.setdefault(str(cell.run(runs)), cell)
    return _each(first, fill)


def evaluate_all(args: argparse.Namespace) -> int:
    """Measures the cells that are missing; returns the exit code."""
    wanted, runs = _wanted(args)
    with starting_tensorflow():
        import tensorflow as tf

        from tfmeta.recipes.omniglot.fill import evaluate_cell
    # TensorFlow takes a graph for each cell for one that is traced again by mistake.
    tf.get_logger().setLevel("ERROR")

    def fill(cell: Any) -> str:
        row, fresh = evaluate_cell(cell, runs, tasks=args.count, verbose=keras_verbosity())
        beside = "" if row.published is None else f"; published: {row.published}"
        note = "" if fresh else "; stands, skipped"
        return f"{cell}: {row}{beside}{note}"

    return _each({str(cell): cell for cell in wanted}, fill)


def _wanted(args: argparse.Namespace) -> tuple[list[Any], Path]:
    from tfmeta.recipes.omniglot.cells import cells

    return cells(args.split, args.only), args.runs or Path("runs")


def _each(cells: dict[str, Any], fill: Callable[[Any], str]) -> int:
    """Fills cells one after the other; one that fails does not keep the others waiting."""
    failed = []
    for name, cell in cells.items():
        try:
            print(fill(cell), flush=True)
        except Exception as error:
            failed.append(name)
            if not isinstance(error, _MENDABLE):  # nobody could mend it without knowing where
                traceback.print_exc()
            reason = " ".join(str(error).split()) or type(error).__name__
            print(f"tfmeta: {name}: {reason}", file=sys.stderr, flush=True)
    if failed:
        print(
            f"tfmeta: {len(failed)} of {len(cells)} failed; the same command tries them again.",
            file=sys.stderr,
        )
    return bool(failed)
