"""Asks a few-shot model about images, after it has seen a few labelled ones.

The labelled images lie in a folder with one subfolder of images for each class. Any size and colour will do: images
are read as the model's card says. Drawings become bright ink on dark paper; of photographs the largest square in the
middle is taken.

  tfmeta predict prototypical_omniglot --support drawings --query unknown.png another.png
  tfmeta predict my_models/prototypical_photos --support photos --query new.jpg
  tfmeta predict maml_omniglot_5w1s --support drawings --query *.png --server localhost:8500
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfmeta.cli.progress import starting_tensorflow, working
from tfmeta.core.checks import TfmetaError

SUMMARY = "tell images apart after a few labelled examples"

_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Adds the arguments."""
    parser.add_argument("model", metavar="MODEL", help="name of a model, or its folder")
    parser.add_argument(
        "--support",
        metavar="DIR",
        type=Path,
        required=True,
        help="labelled images, in a subfolder for each class",
    )
    parser.add_argument(
        "--query", metavar="FILE", type=Path, nargs="+", required=True, help="images to ask about"
    )
    parser.add_argument(
        "--server", metavar="HOST:PORT", help="ask a server, instead of loading the model here"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    from tfmeta.data.pictures import load_picture, load_pictures

    with working(f"Asking {args.model}"):
        model = few_shot_model(args.model, args.server)
        ways, side, reading = _takes(model, args.model)
        support_x, support_y, names = load_pictures(args.support, side, reading)
        if ways not in (0, len(names)):
            raise TfmetaError(
                f"{args.model} tells {ways} classes apart, but {args.support} holds {len(names)};"
                " give it as many, or ask a model for any number of classes, such as prototypical_omniglot."
            )
        queries = [load_picture(file, side, reading) for file in args.query]
        found = model.classify(support_x, [names[label] for label in support_y], queries)
    answers = [
        {
            "query": str(file),
            "label": name,
            "probabilities": dict(zip(sorted(names), row.tolist(), strict=True)),
        }
        for file, name, row in zip(args.query, found["names"], found["probabilities"], strict=True)
    ]
    print(json.dumps(answers, indent=2, ensure_ascii=False) if args.json else "\n".join(map(_line, answers)))


def few_shot_model(name: str, server: str | None) -> Any:
    """Returns a few-shot model in this process, or behind an endpoint; both are asked alike.

    Raises:
        TfmetaError: if there is none of that name.
    """
    if server:
        from tfmeta.serving.client import FewShotClient

        return FewShotClient(server, name)
    with starting_tensorflow():
        from tfmeta.core.hub import load
    return load(name).few_shot()


def _takes(model: Any, name: str) -> tuple[int, int, Any]:
    """Returns how many classes a model tells apart (0: any), the side of its images, and how files are read.

    Raises:
        TfmetaError: if the model tells no images apart.
    """
    if not {"classify", "describe"} <= set(model.signatures):
        raise TfmetaError(f"{name} is no few-shot classifier: it has {', '.join(model.signatures)}.")
    facts = model.describe()
    shape = facts["input_shape"].tolist()
    if len(shape) != 3 or shape[0] != shape[1] or shape[2] not in (1, 3):
        raise TfmetaError(
            f"{name} takes items of the shape {shape}, no square images; `tfmeta list` shows which models are here."
        )
    usual = "drawing" if shape[2] == 1 else "colour"
    return int(facts["ways"]), shape[0], model.card.items.get("reading", usual)


def _line(answer: dict[str, Any]) -> str:
    likely = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {100 * share:.1f}%" for name, share in likely[:_SHOWN])
    return f"{answer['query']}: {shown}{', …' if len(likely) > _SHOWN else ''}"
