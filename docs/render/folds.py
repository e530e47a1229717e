"""Cross-validation as a table: a row for each way of training, and a column for each part that was held out."""

from collections.abc import Sequence

from docs.render.markdown import table
from tfmeta.recipes.folds import FoldResult, mean_of_folds

__all__ = ["render_folds"]


def render_folds(results: Sequence[FoldResult]) -> str:
    """Renders the results of folds as a Markdown table of accuracies in percent.

    Args:
        results: what `tfmeta.recipes.folds.read_folds` returned.

    Returns:
        The table: of each part the mean over the seeds, and then the mean over the parts with its 95% confidence
        interval.

    Example:
        >>> row = FoldResult("", "fl", 0, (1, 1, 0, 0), 2.0, {})
        >>> print(render_folds([row, FoldResult("", "ga", 0, (1, 1), 2.0, {})]))
        | settings | fl | ga | mean | seeds |
        |---|---|---|---|---|
        | defaults | 50.0 | 100.0 | 75.0 ± 49.0 | 1 |
    """
    parts = list(dict.fromkeys(row.held_out for row in results))
    lines = [["settings", *parts, "mean", "seeds"]]
    for variant in dict.fromkeys(row.variant for row in results):
        rows = [row for row in results if row.variant == variant]
        cells = [[row for row in rows if row.held_out == part] for part in parts]
        each = [f"{100 * mean_of_folds(cell).mean:.1f}" if cell else "–" for cell in cells]
        mean, seeds = mean_of_folds(rows), len({row.seed for row in rows})
        lines.append(
            [
                variant.replace(",", ", ") or "defaults", *each,
                f"{100 * mean.mean:.1f} ± {100 * mean.ci95:.1f}", str(seeds),
            ]
        )  # fmt: skip
    return table(lines)
