"""Three few-shot models answer over gRPC, on handwriting that they have never seen; no data set is downloaded.

Starts the embedded server on a free port of this machine, teaches every shipped model of drawings 200 times five
digits, each from one example, asks 25 others, prints how often it was right and how long it took, and draws it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tfmeta.cli.settings import count

SUMMARY = "see it work: shipped models answer 200 tasks over gRPC"


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Says what the verb takes."""
    parser.add_argument(
        "--tasks", metavar="TASKS", type=count, default=200, help="tasks to ask (default: 200)"
    )
    parser.add_argument(
        "--out", metavar="PICTURE", type=Path, default=Path("quickstart.png"),
        help="where the picture goes (default: quickstart.png)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    from tfmeta.quickstart import quickstart

    quickstart(args.out, tasks=args.tasks)
