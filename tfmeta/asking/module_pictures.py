"""Pictures of module networks: what each module looks at, and which questions are answered right and wrong."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmeta.core.checks import check
from tfmeta.modules.layout import Layout

__all__ = ["Answered", "draw_examples", "draw_modules"]

_GLOW = np.array([1.0, 0.75, 0.2])  # of what is attended
_FULL = 3  # times the mean attention there must be for a cell to glow fully
_RIGHT, _WRONG, _OPEN = "#2e7d32", "#c0392b", "#1f4e79"
_PANEL = 1.55  # inches
_GAP = 0.62


@dataclass(frozen=True)
class Answered:
    """A question that a module network has answered, with all that it looked at.

    Args:
        image: float ``[H, W, 3]``, 0 to 1.
        question: English.
        layout: the chosen one.
        attentions: of each step of its program, ``[L, K]``; the K positions are the cells of the image, by rows. More
            steps, which fill it up, are left out.
        answer: the network's.
        probability: of the answer; left out of the pictures where it is None.
        right: the right answer; empty where it is not known.
        cells: rows and columns; a square grid where it is None.

    Raises:
        ValueError: where attentions do not fit the program, or the cells do not fit the image.
    """

    image: np.ndarray
    question: str
    layout: Layout
    attentions: np.ndarray
    answer: str
    probability: float | None = None
    right: str = ""
    cells: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        steps, positions = np.shape(self.attentions)
        check(
            steps >= len(self.steps),
            f"attentions of {steps} steps came with a program of {len(self.steps)}; expected one of each step.",
        )
        rows, columns = self.grid
        height, width = np.shape(self.image)[:2]
        check(
            rows * columns == positions and height % rows == 0 and width % columns == 0,
            f"attentions are over {positions} positions of an image of {height} x {width} pixels;"
            f" expected {rows} x {columns} equal cells, or say how many cells there are.",
        )

    @property
    def steps(self) -> list[str]:
        """The tokens of the program."""
        return self.layout.tokens()

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the cells."""
        side = math.isqrt(np.shape(self.attentions)[1])
        return self.cells or (side, side)

    @property
    def verdict(self) -> tuple[str, str]:
        """The answer with its probability and, where it is wrong, the right one; and the colour to write it in."""
        text = self.answer + (f" ({self.probability:.0%})" if self.probability is not None else "")
        if not self.right:
            return text, _OPEN
        return (text, _RIGHT) if self.answer == self.right else (f"{text}, but it is {self.right}", _WRONG)


def draw_modules(answered: Answered, path: str | Path) -> None:
    """Draws the composed network: the image, and a panel for each module that shows what it gives its attention to.

    Inputs stand left of the module that takes them; a module that answers shows what it looked at. A cell glows as
    it has attention, fully if it has the most of the panel, which stands below, and thrice as much as the mean of a
    distribution over the cells.

    Args:
        answered: the question.
        path: the picture, in any format that Matplotlib writes.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    places, links = _tree(answered.layout)
    columns = 1 + max(column for column, _ in places)
    rows = 1 + max(row for _, row in places)
    pitch, level = _PANEL + _GAP, _PANEL + 0.55
    left = _PANEL + 0.75  # where modules begin, right of the image
    width, height = left + columns * pitch, max(rows * level, _PANEL + 0.9) + 0.85
    figure = pyplot.figure(figsize=(width, height))

    def panel(x: float, y: float) -> Any:
        axis = figure.add_axes((x / width, y / height, _PANEL / width, _PANEL / height))
        axis.set_xticks([])
        axis.set_yticks([])
        return axis

    middle = (height - 0.85) / 2
    axis = panel(0.2, middle - _PANEL / 2 + 0.1)
    axis.imshow(answered.image, interpolation="nearest")
    verdict, colour = answered.verdict
    axis.set_xlabel(_wrapped(verdict, 20), color=colour, fontsize=11, fontweight="bold", labelpad=6)
    figure.text(0.2 / width, 1 - 0.3 / height, answered.question, fontsize=13, fontweight="bold")
    figure.text(
        0.2 / width,
        1 - 0.58 / height,
        str(answered.layout),
        fontsize=9,
        family="monospace",
    )

    corners = [
        (left + column * pitch, height - 0.85 - (row + 0.5) * level - _PANEL / 2 + 0.1)
        for column, row in places
    ]
    for taken, taker in links:
        start = corners[taken][0] + _PANEL, corners[taken][1] + _PANEL / 2
        end = corners[taker][0], corners[taker][1] + _PANEL / 2
        figure.add_artist(
            matplotlib.patches.FancyArrowPatch(
                (start[0] / width, start[1] / height), (end[0] / width, end[1] / height),
                transform=figure.transFigure, arrowstyle="-|>", mutation_scale=11, color="0.45", shrinkA=3, shrinkB=2,
            )
        )  # fmt: skip
    for token, corner, attention in zip(answered.steps, corners, answered.attentions, strict=False):
        axis = panel(*corner)
        _draw_attention(axis, answered, attention)
        axis.set_title(token, fontsize=9, family="monospace", pad=3)
        axis.set_xlabel(f"at most {attention.max():.2f}", fontsize=7.5, color="0.4", labelpad=2)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def draw_examples(examples: Sequence[Answered], path: str | Path, *, columns: int = 4) -> None:
    """Draws a table of questions: each image with what the last module looked at, its layout, and the answer.

    Right answers are green; wrong ones are red, with the right one beside.

    Args:
        examples: the questions, one at least.
        path: the picture, in any format that Matplotlib writes.
        columns: questions in a row.
    """
    check(len(examples) >= 1, "examples is empty; expected one question at least.")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = min(columns, len(examples))
    rows = -(-len(examples) // columns)
    figure, axes = pyplot.subplots(
        rows, 2 * columns, figsize=(2 * columns * (_PANEL + 0.1), rows * (_PANEL + 1.35)), squeeze=False,
        gridspec_kw={
            "wspace": 0.06, "hspace": 1.35 / _PANEL,
            "left": 0.02, "right": 0.98, "bottom": 0.75 / (rows * (_PANEL + 1.35)),
            "top": 1 - 0.6 / (rows * (_PANEL + 1.35)),
        },
    )  # fmt: skip
    for axis in axes.flat:
        axis.set_axis_off()
    for number, example in enumerate(examples):
        seen, looked = axes[number // columns, 2 * (number % columns) :][:2]
        seen.imshow(example.image, interpolation="nearest")
        _draw_attention(looked, example, example.attentions[len(example.steps) - 1])
        verdict, colour = example.verdict
        seen.text(0, 1.05, _wrapped(example.question, 42), transform=seen.transAxes, fontsize=10, va="bottom")
        layout = _wrapped(str(example.layout), 50)
        seen.text(
            0,
            -0.04,
            verdict,
            transform=seen.transAxes,
            fontsize=10,
            va="top",
            color=colour,
            fontweight="bold",
        )
        seen.text(0, -0.17, layout, transform=seen.transAxes, fontsize=6.5, va="top", family="monospace")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _draw_attention(axis: Any, answered: Answered, attention: np.ndarray) -> None:
    """Draws the image, dimmed, and lets the cells glow that have attention."""
    height, width = answered.image.shape[:2]
    rows, columns = answered.grid
    attention = np.reshape(attention, [rows, columns])
    scale = max(float(attention.max()), _FULL / attention.size)
    glow = np.kron(attention / scale, np.ones([height // rows, width // columns]))[..., None]  # [H, W, 1]
    free = 1 - answered.image.max(-1, keepdims=True)  # shapes keep their colours
    axis.imshow(
        np.clip((0.35 + 0.65 * glow) * answered.image + 0.75 * free * glow * _GLOW, 0, 1),
        interpolation="nearest",
    )
    for row in range(1, rows):
        axis.axhline(row * height / rows - 0.5, color="0.5", linewidth=0.5)
    for column in range(1, columns):
        axis.axvline(column * width / columns - 0.5, color="0.5", linewidth=0.5)


def _tree(layout: Layout) -> tuple[list[tuple[int, float]], list[tuple[int, int]]]:
    """Where the panel of each step stands, (column, row), and which step's output goes into which.

    A step stands right of what it takes, half-way between; leaves stand below each other.
    """
    places: list[tuple[int, float]] = []
    links: list[tuple[int, int]] = []
    stack: list[int] = []
    leaves = 0
    for number, step in enumerate(layout.steps()):
        takes = step.type.takes
        taken = stack[len(stack) - takes :]
        del stack[len(stack) - takes :]
        links += [(below, number) for below in taken]
        if taken:
            column = 1 + max(places[below][0] for below in taken)
            places.append((column, sum(places[below][1] for below in taken) / takes))
        else:
            places.append((0, leaves))
            leaves += 1
        stack.append(number)
    return places, links


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False))
