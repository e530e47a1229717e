"""The panels that the pictures of RL² are made of."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["AGENT_COLOURS", "panels"]

AGENT_COLOURS = {"TRPO": "#c0392b", "PPO": "#1f6fb4"}
_COLUMNS = 3


@contextmanager
def panels(titles: Sequence[str], path: str | Path, *, x: str, y: str) -> Iterator[list[Any]]:
    """Opens a picture with a panel for each title, and writes it with one legend below them all.

    Args:
        titles: of the panels.
        path: the picture, in any format that Matplotlib writes.
        x: what the axis below says.
        y: what the axis at the left says.

    Yields:
        The panels, to be drawn in; what has the same label stands in the legend once.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = 2 if len(titles) == 4 else min(_COLUMNS, len(titles))
    rows = -(-len(titles) // columns)
    width = 6.4 if columns == 1 else 4.3 * columns
    figure, axes = pyplot.subplots(rows, columns, figsize=(width, 3.5 * rows + 0.8), squeeze=False)
    shown = list(axes.flat[: len(titles)])
    yield shown
    handles: dict[str, Any] = {}
    for place, (panel, title) in enumerate(zip(shown, titles, strict=True)):
        panel.set_title(title, fontsize=11)
        panel.grid(color="#e6e6e6", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_xlabel(x if place + columns >= len(titles) else "")
        panel.set_ylabel(y if place % columns == 0 else "")
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    for panel in axes.flat[len(titles) :]:
        panel.set_visible(False)
    beside = min(len(handles), {1: 4, 2: 7}.get(columns, 9))
    lines = -(-len(handles) // beside)
    figure.tight_layout(rect=(0, (0.24 * lines + 0.06) / figure.get_figheight(), 1, 1))
    figure.legend(
        handles.values(), handles.keys(), loc="lower center", ncols=beside, frameon=False, fontsize=9
    )
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
