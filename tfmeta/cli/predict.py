"""Asks a few-shot model about images, after it has seen a few labelled ones.

The labelled images lie in a folder with one subfolder of images for each class. Any size and colour will do: images
are turned into bright ink on dark paper and scaled to what the model takes.

  tfmeta predict prototypical_omniglot --support drawings --query unknown.png another.png
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
    """Says what the verb takes."""
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
    from tfmeta.data.drawings import load_drawing, load_drawings

    if not args.server:
        with starting_tensorflow():
            import tfmeta.core.hub  # noqa: F401
    with working(f"Asking {args.model}"):
        model = _Served(args.server, args.model) if args.server else _Loaded(args.model)
        side = _side(model, args.model)
        support_x, support_y, names = load_drawings(args.support, side)
        if model.ways not in (0, len(names)):
            raise TfmetaError(
                f"{args.model} tells {model.ways} classes apart, but {args.support} holds {len(names)};"
                " give it as many, or ask a model for any number of classes, such as prototypical_omniglot."
            )
        queries = [load_drawing(file, side) for file in args.query]
        found = model.probabilities(support_x, support_y, queries)
    answers = [
        {
            "query": str(file),
            "label": names[row.argmax()],
            "probabilities": dict(zip(names, row.tolist(), strict=True)),
        }
        for file, row in zip(args.query, found, strict=True)
    ]
    print(json.dumps(answers, indent=2, ensure_ascii=False) if args.json else "\n".join(map(_line, answers)))


def _line(answer: dict[str, Any]) -> str:
    likely = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} {100 * share:.1f}%" for name, share in likely[:_SHOWN])
    return f"{answer['query']}: {told}{', …' if len(likely) > _SHOWN else ''}"


def _side(model: Any, name: str) -> int:
    height, width, channels = model.shape if len(model.shape) == 3 else (0, 0, 0)
    if model.task != "classification" or height != width or channels != 1:
        raise TfmetaError(f"{name} is no classifier of drawings; `tfmeta list` shows which models are here.")
    return height


class _Loaded:
    """A model in this process."""

    def __init__(self, name: str):
        from tfmeta.core.hub import load

        self._model = load(name)
        if not {"classify", "describe"} <= set(self._model.signatures):
            raise TfmetaError(
                f"{name} is no few-shot classifier: it has {', '.join(self._model.signatures)}."
            )
        facts = {key: value[0] for key, value in self._model.describe(rows=[0]).items()}
        self.task, self.ways = facts["task"].decode(), int(facts["ways"])
        self.shape = facts["input_shape"].tolist()

    def probabilities(self, support_x: Any, support_y: Any, query_x: Any) -> Any:
        """Returns ``[Q, N]``."""
        return self._model.classify(support_x=[support_x], support_y=[support_y], query_x=[query_x])[
            "probabilities"
        ][0]


class _Served:
    """A model behind an endpoint."""

    def __init__(self, target: str, name: str):
        from tfmeta.serving.client import FewShotClient

        self._client = FewShotClient(target, name)
        facts = self._client.describe()
        self.task, self.ways, self.shape = facts["task"], int(facts["ways"]), facts["input_shape"].tolist()

    def probabilities(self, support_x: Any, support_y: Any, query_x: Any) -> Any:
        """Returns ``[Q, N]``."""
        return self._client.classify(support_x, support_y, query_x)["probabilities"]
