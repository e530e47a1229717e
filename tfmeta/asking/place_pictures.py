"""A picture of what each module of a network looks at among places."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfmeta.asking.answer import Answer
from tfmeta.core.checks import check

__all__ = ["draw_places"]


def draw_places(answer: Answer, question: str, entities: Sequence[str], path: str | Path) -> None:
    """Draws a table: a row for each place, and a column for each module in the order in which they run.

    Args:
        answer: of the network.
        question: English.
        entities: the K places.
        path: the picture, in any format that Matplotlib writes.

    Raises:
        ValueError: where the answer is about other places.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    steps, attentions = answer.layout.tokens(), answer.attentions
    given = np.shape(attentions)
    check(
        len(given) == 2 and given[0] >= len(steps) and given[1] == len(entities),
        f"attentions have the shape {list(given)}; expected [{len(steps)}, {len(entities)}], steps and places.",
    )
    attentions = attentions[: len(steps)].T  # [K, L]
    width, height = 2.2 + 1.5 * len(steps), 1.7 + 0.32 * len(entities)
    figure, axis = pyplot.subplots(figsize=(max(width, 6.5), height), layout="constrained")
    axis.imshow(attentions, cmap="YlOrBr", vmin=0, vmax=1, aspect="auto")
    for (row, column), attention in np.ndenumerate(attentions):
        colour = "white" if attention > 0.6 else "0.25"
        axis.text(column, row, f"{attention:.2f}", ha="center", va="center", fontsize=8, color=colour)
    axis.set_xticks(range(len(steps)), steps, family="monospace", fontsize=9, rotation=20, ha="left")
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(entities)), entities, fontsize=9)
    for label, name in zip(axis.get_yticklabels(), entities, strict=True):
        label.set_fontweight("bold" if name in answer.answer else "normal")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_xlabel(f"{answer.told} ({answer.probability:.0%})", fontsize=11, fontweight="bold", labelpad=8)
    figure.suptitle(f"{question}\n{answer.layout}".strip(), fontsize=11, x=0.02, ha="left")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
