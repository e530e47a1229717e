"""Asks an artefact a list of calls, without Python's TensorFlow and with it."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.core.saved_model import read_graph, signatures_of

__all__ = ["Answer", "AnswerOf", "Call", "Feed", "Value", "run_without_python"]

_TIMEOUT = 900.0  # seconds
_REWRITES = True  # graphs are rewritten before their first run, as in a server; the tests save that time


@dataclasses.dataclass(frozen=True)
class AnswerOf:
    """What an earlier call answered: an output of the call with that number."""

    call: int
    output: str


Value = np.ndarray | AnswerOf
"""A tensor, or one that is not known yet."""

Feed = Value | tuple[Value, ...]
"""What an input is fed; several values are joined along their first dimension."""


@dataclasses.dataclass(frozen=True)
class Call:
    """A request: the signature, its inputs, and how many seconds it is repeated to measure its latency."""

    signature: str
    feeds: Mapping[str, Feed]
    time_for: float = 0.0


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came of a call: outputs by name, or an error; and the median latency in seconds, if measured."""

    outputs: Mapping[str, np.ndarray]
    error: str | None = None
    seconds: float | None = None


def run_without_python(model: Path, calls: Sequence[Call]) -> list[Answer]:
    """Loads a SavedModel through the C library, in a process of its own, and makes calls one after another.

    Args:
        model: the version folder.
        calls: the calls, in order.

    Returns:
        The answers, in order.

    Raises:
        TfmetaError: if the model does not load, or the process dies.
    """
    arrays: dict[str, np.ndarray] = {}

    def order(feed: Feed) -> Any:
        if isinstance(feed, tuple):
            return [order(part) for part in feed]
        if isinstance(feed, AnswerOf):
            return f"{feed.call}/{feed.output}"
        key = f"array{len(arrays)}"
        arrays[key] = feed.astype(bytes) if feed.dtype.kind == "O" else feed
        return key

    orders = {
        "model": str(model.resolve()),
        "library": tf.sysconfig.get_lib(),
        "rewrites": _REWRITES,
        "signatures": {
            key: {
                "inputs": {name: info.name for name, info in signature.inputs.items()},
                "outputs": {name: info.name for name, info in signature.outputs.items()},
            }
            for key, signature in signatures_of(read_graph(model)).items()
        },
        "calls": [
            {
                "signature": call.signature,
                "feeds": {name: order(feed) for name, feed in call.feeds.items()},
                "time_for": call.time_for,
            }
            for call in calls
        ],
    }
    with tempfile.TemporaryDirectory(prefix="tfmeta-gate-") as name:
        folder = Path(name)
        (folder / "orders.json").write_text(json.dumps(orders))
        np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
        _run(folder)
        report = json.loads((folder / "report.json").read_text())
        with np.load(folder / "answers.npz") as file:
            outputs = dict(file)
    if report["load_error"]:
        raise TfmetaError(f"{model} does not load outside Python: {report['load_error']}")
    if report["imported_tensorflow"]:
        raise TfmetaError(
            "The check imported Python's TensorFlow and so proved nothing; look for a .pth file."
        )
    return [
        Answer(
            {key.partition("/")[2]: array for key, array in outputs.items() if key.startswith(f"{number}/")},
            error,
            seconds,
        )
        for number, (error, seconds) in enumerate(zip(report["errors"], report["seconds"], strict=True))
    ]


def _run(folder: Path) -> None:
    command = [sys.executable, "-P", str(Path(__file__).with_name("c_api.py")), str(folder), str(os.getpid())]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, env=quiet)
    except subprocess.TimeoutExpired as error:
        raise TfmetaError(
            f"The model did not answer within {_TIMEOUT:.0f} seconds outside Python."
        ) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise TfmetaError(f"The process that ran the model outside Python died ({how}): {last}")
