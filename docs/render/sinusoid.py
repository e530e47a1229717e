"""Draws how a learner fits sine waves, step by step, beside one that was trained for all waves at once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfmeta.data.sinusoid import sinusoid
from tfmeta.fewshot.maml import MAML

__all__ = ["draw_waves"]

_STEPS = (0, 1, 10)
_TASKS = 3


def draw_waves(
    learners: dict[str, MAML], path: str | Path, *, shots: int = 10, seed: int = 1_000_003
) -> None:
    """Draws waves, the points that were shown of them, and what each learner makes of them.

    Args:
        learners: by the name that stands above its column.
        path: the picture, in any format that Matplotlib writes.
        shots: points that are shown, K.
        seed: names the waves.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    inputs, _ = next(iter(sinusoid(shots, 1, _TASKS, seed)))
    # The same waves at every x of a grid: amplitude and phase depend on the seed and the number of the task.
    truth, grid = _waves(seed), np.linspace(-5, 5, 201, dtype=np.float32)
    queries = tf.broadcast_to(grid[None, :, None], [_TASKS, grid.size, 1])
    figure, axes = pyplot.subplots(
        _TASKS,
        len(learners),
        figsize=(5 * len(learners), 2.6 * _TASKS),
        squeeze=False,
        sharex=True,
        sharey="row",
    )
    for column, (name, learner) in enumerate(learners.items()):
        fits = {
            steps: learner.respond(
                learner.adapt(inputs["support_x"], inputs["support_y"], steps=steps), queries
            ).numpy()
            for steps in _STEPS
        }
        for task in range(_TASKS):
            axis = axes[task, column]
            axis.plot(grid, truth(grid, task), color="0.7", linewidth=5, label="the wave")
            for steps, style in zip(_STEPS, (":", "--", "-"), strict=True):
                label = "before" if steps == 0 else f"{steps} step{'s' if steps > 1 else ''}"
                axis.plot(grid, fits[steps][task, :, 0], style, color="C0", label=label)
            axis.plot(
                inputs["support_x"][task, :, 0],
                inputs["support_y"][task, :, 0],
                "^",
                color="C3",
                label="shown",
            )
            axis.spines[["top", "right"]].set_visible(False)
        axes[0, column].set_title(name)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), frameon=False, ncols=5, loc="lower center")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _waves(seed: int) -> Callable[[np.ndarray, int], np.ndarray]:
    """Returns a function ``(x, task) -> y`` of the waves of batch 0, found from many points of each."""
    inputs, _ = next(iter(sinusoid(4, 1, _TASKS, seed)))
    x, y = (inputs[name].numpy()[..., 0].astype(np.float64) for name in ("support_x", "support_y"))
    # y = a sin x + b cos x is linear in a and b.
    fits = [
        np.linalg.lstsq(np.stack([np.sin(u), np.cos(u)], 1), v, rcond=None)[0]
        for u, v in zip(x, y, strict=True)
    ]
    return lambda grid, task: fits[task] @ np.stack([np.sin(grid), np.cos(grid)])
