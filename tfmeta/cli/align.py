"""Finds the landmarks of a face in a photograph, and draws them.

The box is the extent of the landmarks, more or less: left, top, width and height in pixels. With --detect it is that of
each face that OpenCV finds. Landmarks are drawn green where the model is sure of them, and red where it is not.

  tfmeta align photo.jpg --box 120,80,200,210
  tfmeta align photo.jpg --detect --out aligned.png
  tfmeta align photo.jpg --detect --json --server localhost:8500
"""

import argparse
import io
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tfmeta.cli.progress import starting_tensorflow, working
from tfmeta.core.checks import TfmetaError

SUMMARY = "find the landmarks of faces"


def add_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Says what the verb takes."""
    parser.add_argument("image", metavar="FILE", type=Path, help="the photograph, PNG or JPEG")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--box",
        metavar="LEFT,TOP,WIDTH,HEIGHT",
        type=_box,
        help="where the landmarks are, more or less, in pixels; if LEFT is below 0, write --box=LEFT,...",
    )
    where.add_argument("--detect", action="store_true", help="find the faces, by OpenCV")
    parser.add_argument(
        "--model", metavar="MODEL", default="sdm_faces", help="name of a model, or its folder"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="the picture with the landmarks (default: FILE-landmarks.png)",
    )
    parser.add_argument(
        "--server", metavar="HOST:PORT", help="ask a server, instead of loading the model here"
    )
    parser.add_argument("--json", action="store_true", help="print the landmarks as JSON")


def run(args: argparse.Namespace) -> None:
    """Carries out the verb."""
    from tfmeta.core.atomic import write_bytes
    from tfmeta.core.model.landmarks import find_landmarks
    from tfmeta.data.face_pictures import detect_faces, draw_landmarks
    from tfmeta.data.image_files import open_image

    picture = open_image(args.image)
    boxes = [args.box] if args.box else detect_faces(picture)
    if not boxes:
        raise TfmetaError(
            f"OpenCV finds no face in {args.image}; say where it is with --box LEFT,TOP,WIDTH,HEIGHT."
        )
    with ExitStack() as stack:
        model = _model(args, stack)
        with working(f"Asking {args.model}"):
            found = [find_landmarks(model, args.image, box) for box in boxes]
    for box, landmarks in zip(boxes, found, strict=True):
        picture = draw_landmarks(picture, landmarks.points, landmarks.confidence, box)
    out = args.out or args.image.with_name(f"{args.image.stem}-landmarks.png")
    content = io.BytesIO()
    picture.save(content, format="PNG")
    write_bytes(out, content.getvalue())
    if args.json:
        rows = [
            {"box": list(box), "landmarks": each.points.tolist(), "confidence": each.confidence.tolist()}
            for box, each in zip(boxes, found, strict=True)
        ]
        print(json.dumps(rows))
    else:
        for box, each in zip(boxes, found, strict=True):
            place = ", ".join(f"{number:.0f}" for number in box)
            print(
                f"face at {place}: {len(each.points)} landmarks, mean confidence {each.confidence.mean():.2f}"
            )
        print(f"The picture is {out}.")


def _model(args: argparse.Namespace, stack: ExitStack) -> Any:
    """The model, in this process or behind an endpoint; the stack closes what that takes."""
    if args.server:
        from tfmeta.serving.client import Client

        return stack.enter_context(Client(args.server)).model(args.model)
    with starting_tensorflow():
        from tfmeta.core.hub import load
    return load(args.model)


def _box(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(word) for word in text.replace(" ", "").split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 4 or not (numbers[2] > 0 and numbers[3] > 0):
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected left, top, width and height in pixels, such as 120,80,200,210"
        )
    return numbers
