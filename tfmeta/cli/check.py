"""The gate that a model passes before it is served.

It reads the file and judges every op by a list of those that may be served, before anything is loaded; replays the
warm-up requests without Python's TensorFlow and compares; shows that tasks do not touch each other; and says whether
TensorFlow Serving's batching may be switched on. `tfmeta.load` and `tfmeta serve` warn of models that have not passed.
Exits with 0 if the model may be served, 1 if not, and 2 if there is no model to check.

  tfmeta check prototypical_omniglot
  tfmeta check saved_models/*/1
"""

import argparse
from collections.abc import Sequence

from tfmeta.cli.progress import starting_tensorflow, working

SUMMARY = "the gate: may this model be served?"


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Says what the verb takes."""
    parser.add_argument("models", metavar="MODEL|DIR", nargs="+", help="names of models, or their folders")


def run(args: argparse.Namespace) -> int:
    """Carries out the verb."""
    with starting_tensorflow():
        from tfmeta.core.gate import check_artefact
    good = True
    for name in args.models:
        with working(f"Checking {name}"):
            report = check_artefact(name)
        print(report, flush=True)
        good = good and report.ok
    return 0 if good else 1
