"""Draws the Omniglot table: our accuracy with its interval beside the published one, column by column."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docs.render.omniglot import Measured
from tfmeta.recipes.omniglot.cells import ROWS, Cell, Row
from tfmeta.recipes.published import COLUMNS, PUBLISHED

__all__ = ["draw_table"]

_THEIRS = "#c0392b"
_OURS = {  # colour, marker, its size, and how far below its line
    "characters": ("#1f4e79", "o", 5.0, 0.0),
    "alphabets": ("#7fa8cc", "s", 3.5, 0.24),
}
_BELOW, _ABOVE = (
    2.5,
    0.4,
)  # percentage points that a panel shows beyond the lowest published number and all highest


def draw_table(found: Mapping[Cell, Measured], path: str | Path) -> None:
    """Draws a panel for each column, with a line for each row of the table.

    Args:
        found: what was measured.
        path: the picture, in any format that Matplotlib writes.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in ROWS if row.system or any(cell.row is row for cell in found)]
    figure, panels = pyplot.subplots(
        1, len(COLUMNS), figsize=(3.1 * len(COLUMNS), 0.4 * len(rows) + 1.5), sharey=True
    )
    for column, panel in enumerate(panels):
        _draw_column(panel, column, rows, found)
    panels[0].set_yticks(range(len(rows)), [row.title for row in rows])
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(handles), frameon=False)
    figure.tight_layout(rect=(0, 0.4 / figure.get_figheight(), 1, 1))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _draw_column(panel: Any, column: int, rows: Sequence[Row], found: Mapping[Cell, Measured]) -> None:
    ways, shots = COLUMNS[column]
    theirs = {
        place: 100 * PUBLISHED[row.system, ways, shots].value for place, row in enumerate(rows) if row.system
    }
    low, high = min(theirs.values()) - _BELOW, max(theirs.values())
    for split, (colour, marker, size, shift) in _OURS.items():
        here = {
            rows.index(cell.row) + shift: (100 * measured.result.value, 100 * measured.result.ci95)
            for cell, measured in found.items()
            if (cell.ways, cell.shots, cell.split) == (ways, shots, split)
        }
        panel.errorbar(
            [value for value, _ in here.values()], list(here), xerr=[width for _, width in here.values()],
            fmt=marker, color=colour, markersize=size, capsize=2, label=f"ours ± 95%, {split}",
        )  # fmt: skip
        for place, (value, width) in here.items():
            high = max(high, value + width)
            if value < low:  # a baseline, far from all others: its number stands at the edge
                panel.annotate(
                    f" ◂ {value:.1f}", (low, place), color=colour, fontsize=1.7 * size, va="center"
                )
    panel.plot(
        list(theirs.values()), list(theirs), label="published",
        marker="|", markersize=13, markeredgewidth=2, linestyle="", color=_THEIRS,
    )  # fmt: skip
    panel.set_xlim(low, high + _ABOVE)
    panel.set_title(f"{ways}-way {shots}-shot", fontsize=11)
    panel.set_xlabel("accuracy, %")
    panel.grid(axis="x", color="#dddddd", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
