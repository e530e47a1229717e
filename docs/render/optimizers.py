"""Draws races of update rules: loss curves, panels of transfer, and sensitivity to the learning rate."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmeta.core.checks import check
from tfmeta.optimizers.comparison import Comparison
from tfmeta.optimizers.zoo import ZOO

__all__ = ["draw_race", "draw_sensitivity", "draw_transfer", "render_race"]

_LEARNT = ("#111111", "#c0392b", "#1f6fb4", "#2e7d32")
_DESIGNED = {  # colours by which a rule is known in every picture
    "Gradient descent": ("#8c8c8c", "-"),
    "Momentum": ("#e39c37", "-"),
    "Nesterov": ("#e39c37", "--"),
    "Adagrad": ("#6aa84f", "-"),
    "Adadelta": ("#6aa84f", "--"),
    "RMSProp": ("#5b9bd5", "-"),
    "Adam": ("#9467bd", "-"),
}


def draw_race(
    found: Comparison, path: str | Path, *, title: str = "", trained_for: int | None = None
) -> None:
    """Draws the mean loss of every rule over all problems, with its standard error, on a log axis.

    Args:
        found: what was compared.
        path: the picture, in any format that Matplotlib writes.
        title: stands above the picture.
        trained_for: updates of the descents that a learnt rule was trained on, marked by a line.
    """
    draw_transfer({title: found}, path, trained_for=trained_for)


def draw_transfer(
    panels: Mapping[str, Comparison], path: str | Path, *, trained_for: int | None = None, columns: int = 3
) -> None:
    """Draws a race in each panel: what a rule was trained on, and what it was not.

    Args:
        panels: the comparisons, by the titles of their panels.
        path: the picture.
        trained_for: updates of the descents that a learnt rule was trained on, marked by a line.
        columns: panels side by side, at most.
    """
    check(len(panels) >= 1, "there is nothing to draw: no comparison is given.")
    wide = min(columns, len(panels))
    high = -(-len(panels) // wide)
    width = 7.0 if wide == 1 else 4.4 * wide
    figure, axes = _figure(high, wide, (width, 3.8 * high + 1.0))
    for place, (title, found) in enumerate(panels.items()):
        panel = axes.flat[place]
        _draw_curves(panel, found, trained_for)
        panel.set_title(title, fontsize=11)
        panel.set_xlabel("update")
        if place % wide == 0:
            panel.set_ylabel("mean loss ± standard error")
    for panel in axes.flat[len(panels) :]:
        panel.set_visible(False)
    _finish(figure, axes.flat[0], path)


def draw_sensitivity(found: Mapping[str, Comparison], path: str | Path) -> None:
    """Draws where each learning rate leads, beside the learnt rules, which have none to tune.

    Args:
        found: the comparisons, by the titles of their panels.
        path: the picture.
    """
    check(len(found) >= 1, "there is nothing to draw: no comparison is given.")
    figure, axes = _figure(1, len(found), (max(7.0, 4.8 * len(found)), 4.8))
    for panel, (title, comparison) in zip(axes.flat, found.items(), strict=True):
        _draw_rates(panel, comparison)
        panel.set_title(title, fontsize=11)
        panel.set_xlabel("learning rate")
    axes.flat[0].set_ylabel("mean loss when tuning ends")
    _finish(figure, axes.flat[0], path)


def render_race(found: Comparison, steps: tuple[int, ...]) -> str:
    """Renders the mean losses after some numbers of updates as a Markdown table, the lowest ones bold.

    Args:
        found: what was compared.
        steps: the columns.

    Returns:
        The table.
    """
    rows = [
        "| rule | learning rate | " + " | ".join(f"after {step} updates" for step in steps) + " |",
        "|---" * (2 + len(steps)) + "|",
    ]
    at = {step: found.at(step) for step in steps}
    lowest = {step: min(at[step], key=lambda title: at[step][title].mean) for step in steps}
    for title in found.losses:
        rate = f"{found.tuned[title].best_rate:.3g}" if title in found.tuned else "–"
        cells = []
        for step in steps:
            value = at[step][title]
            text = f"{value.mean:.3g} ± {value.ci95:.2g}" if np.isfinite(value.mean) else "diverged"
            cells.append(f"**{text}**" if title == lowest[step] else text)
        rows.append(f"| {title} | {rate} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(rows, columns, figsize=size, squeeze=False)


def _finish(figure: Any, panel: Any, path: str | Path) -> None:
    """Puts the legend below all panels, and writes the picture."""
    from matplotlib import pyplot

    handles, labels = panel.get_legend_handles_labels()
    columns = min(len(labels), 4 if figure.get_figwidth() < 8 else 5)
    lines = -(-len(labels) // columns)
    figure.tight_layout(rect=(0, (0.24 * lines + 0.06) / figure.get_figheight(), 1, 1))
    figure.legend(handles, labels, loc="lower center", ncols=columns, frameon=False, fontsize=9)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _style(title: str, found: Comparison) -> dict[str, Any]:
    if title in found.tuned:
        colour, line = _DESIGNED[title]
        return {"color": colour, "linestyle": line, "linewidth": 1.3}
    learnt = [other for other in found.losses if other not in found.tuned]
    return {"color": _LEARNT[learnt.index(title) % len(_LEARNT)], "linewidth": 2.4, "zorder": 3}


def _draw_curves(panel: Any, found: Comparison, trained_for: int | None) -> None:
    lowest, highest = np.inf, 0.0
    for title, losses in found.losses.items():
        losses = losses.astype(np.float64)
        whole = np.all(np.isfinite(losses), axis=0)  # a curve ends where its first descent diverges
        mean = np.where(whole, np.mean(np.where(whole, losses, 1.0), axis=0), np.nan)
        error = np.where(
            whole, np.std(np.where(whole, losses, 1.0), axis=0, ddof=1) / np.sqrt(len(losses)), np.nan
        )
        style, steps = _style(title, found), np.arange(losses.shape[1])
        panel.plot(steps, mean, label=title, **style)
        floor = np.nanmin(mean) / 3  # what reaches below zero has no place on a log axis
        panel.fill_between(
            steps,
            np.maximum(mean - error, floor),
            mean + error,
            color=style["color"],
            alpha=0.15,
            linewidth=0,
        )
        lowest, highest = min(lowest, np.nanmin(mean)), max(highest, mean[0])
    if trained_for is not None and trained_for < next(iter(found.losses.values())).shape[1] - 1:
        panel.axvline(trained_for, color="0.6", linewidth=1, linestyle=":")
    panel.set_yscale("log")
    span = highest / lowest
    panel.set_ylim(lowest / span**0.07, highest * span**0.15)
    panel.set_xlim(0, next(iter(found.losses.values())).shape[1] - 1)
    _tidy(panel)


def _draw_rates(panel: Any, found: Comparison) -> None:
    begin = np.mean([losses[:, 0].mean() for losses in found.losses.values()])
    values = [begin]
    # A race may go on for longer than rates are tuned for.
    tuned_for = next(iter(found.tuned.values())).losses.shape[-1] - 1
    for title, last in found.at(tuned_for).items():
        if title in found.tuned:
            continue
        panel.axhline(min(last.mean, 1e6 * begin), label=f"{title} (nothing to tune)", **_style(title, found))
        values.append(last.mean)
    for rule in ZOO.values():
        if rule.title not in found.tuned:
            continue
        sensitivity = found.tuned[rule.title]
        means = np.array([value.mean for value in sensitivity.at(-1)])
        style = _style(rule.title, found)
        # Beyond the height of the panel a curve goes up, as it does where descents diverge.
        panel.plot(sensitivity.rates, np.minimum(means, 1e6 * begin), label=rule.title, **style)
        best = sensitivity.best
        panel.plot(sensitivity.rates[best], means[best], "o", color=style["color"], markersize=5)
        values.append(means[best])
    panel.axhline(begin, color="0.75", linewidth=1, linestyle=":")
    panel.annotate("before the first update", (0.5, begin), xycoords=("axes fraction", "data"),
                   ha="center", va="bottom", fontsize=8, color="0.5")  # fmt: skip
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_ylim(min(values) / 1.8, 4 * begin)
    _tidy(panel)


def _tidy(panel: Any) -> None:
    from matplotlib import ticker

    low, high = panel.get_ylim()
    if high < 300 * low:  # powers of ten alone would leave an axis without numbers
        panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        panel.yaxis.set_minor_formatter(ticker.NullFormatter())
    panel.grid(color="#e6e6e6", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
