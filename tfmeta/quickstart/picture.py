"""Draws what the models were shown, what they were asked, and what they answered."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.quickstart.tasks import WAYS, Score, Task

__all__ = ["draw_picture"]

_TASKS, _QUERIES = 3, 12  # that fit

# One unit is the side of a drawing, with its margin.
_LEFT_OF_QUERIES, _LINE, _BETWEEN = 9.6, 0.5, 0.75
_INK, _FAINT, _FRAME = "#22262b", "#8a9199", "#d5dade"
_RIGHT, _WRONG = "#1d7f5f", "#c8322b"


def draw_picture(tasks: Sequence[Task], scores: Sequence[Score], out: Path) -> None:
    """Draws the first tasks, with each model's answers: green where they are right, red where they are wrong.

    Args:
        tasks: the tasks.
        scores: how each model did.
        out: the file; its suffix says the format.

    Raises:
        TfmetaError: if it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # no display, and no global state
    from matplotlib.figure import Figure

    shown = tasks[:_TASKS]
    height = 2.5 + len(shown) * (_height(scores) + _BETWEEN)
    width = _LEFT_OF_QUERIES + _QUERIES
    figure = Figure(figsize=(0.66 * (width + 0.8), 0.66 * height), dpi=140, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.4, width + 0.4), ylim=(height - 0.1, -0.1))
    axes.axis("off")
    axes.text(0, 0.5, "Learnt from one drawing of each", size=17, weight="bold", color=_INK, va="center")
    axes.text(width - 0.08, 0.5, f"{len(tasks)} tasks of handwritten digits, asked over gRPC", size=11, color=_FAINT,
              va="center", ha="right")  # fmt: skip
    axes.text(0, 1.35, "shown", size=11, color=_FAINT, va="center")
    axes.text(_LEFT_OF_QUERIES, 1.35, "asked", size=11, color=_FAINT, va="center")
    for number, task in enumerate(shown):
        top = 1.75 + number * (_height(scores) + _BETWEEN)
        _draw_task(axes, task, [(score, score.labels[number]) for score in scores], top)
    told = "   ".join(f"{score.model} {100 * score.accuracy.mean:.1f} %" for score in scores)
    axes.text(0, height - 0.65, f"Right answers over all tasks:   {told}", size=11, color=_INK, va="center")
    axes.text(width - 0.08, height - 0.65, "red: wrong", size=11, color=_WRONG, va="center", ha="right")
    try:
        figure.savefig(out)
    except (OSError, ValueError) as error:
        raise TfmetaError(f"The picture {out} cannot be written: {error}; choose another --out.") from error


def _height(scores: Sequence[Score]) -> float:
    return 1.1 + _LINE * len(scores)


def _draw_task(axes: Any, task: Task, answers: Sequence[tuple[Score, np.ndarray]], top: float) -> None:
    for place in range(WAYS):
        _draw_image(axes, task.support[place], place, top)
        axes.text(place + 0.46, top + 1.1 + _LINE / 2, str(task.digits[place]), size=11, color=_INK, ha="center",
                  va="center")  # fmt: skip
    for query in range(_QUERIES):
        _draw_image(axes, task.queries[query], _LEFT_OF_QUERIES + query, top)
    for line, (score, labels) in enumerate(answers):
        y = top + 1.1 + _LINE * (line + 0.5)
        axes.text(_LEFT_OF_QUERIES - 0.25, y, score.model, size=10, color=_INK,
                  ha="right", va="center")  # fmt: skip
        for query in range(_QUERIES):
            right = labels[query] == task.truth[query]
            axes.text(
                _LEFT_OF_QUERIES + query + 0.46, y, str(task.digits[labels[query]]), size=11, ha="center", va="center",
                color=_RIGHT if right else "white", weight="normal" if right else "bold",
                bbox=None if right else {"boxstyle": "round,pad=0.22", "facecolor": _WRONG, "linewidth": 0},
            )  # fmt: skip


def _draw_image(axes: Any, file: bytes, left: float, top: float) -> None:
    from PIL import Image

    extent = (left, left + 0.92, top + 0.92, top)
    axes.imshow(
        np.asarray(Image.open(io.BytesIO(file)).convert("L")),
        cmap="gray",
        vmin=0,
        vmax=255,
        extent=extent,
        interpolation="bicubic",
        aspect="auto",
    )
    axes.add_patch(_frame(extent))


def _frame(extent: tuple[float, float, float, float]) -> Any:
    from matplotlib.patches import Rectangle

    left, right, bottom, top = extent
    return Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=_FRAME, linewidth=0.8)
