"""The page of supervised descent: functions that are inverted, and faces that are aligned."""

import itertools
from pathlib import Path

import numpy as np

from docs.render.markdown import pictures_beside, table
from tfmeta.core.atomic import write_text
from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import estimate
from tfmeta.descent.aligner import LandmarkAligner
from tfmeta.descent.alignment_errors import FAILURE, AlignmentErrors, cumulative
from tfmeta.descent.inverse import INVERSES, compare_inverses
from tfmeta.descent.method import ERRORS_FILE
from tfmeta.recipes.registry import command_of
from tfmeta.recipes.run import Run

__all__ = ["write_descent"]

_RECIPE = "sdm-faces"
_SHOWN_STEPS = (1, 2, 5, 10)
_LIMIT = 0.15

_HEAD = """# Supervised descent: results

This page is generated: `python -m docs.render descent`. [descent.md](descent.md) says how the method works.

## Functions to be inverted

All descents of a function begin at the same point, far from most optima. The table shows the normalised error
$\\|x_k - x_*\\| / \\|x_*\\|$ over the test values after k steps; ∞ where a descent has left all numbers. Newton's
method minimises $(h(x) - y)^2$ with its second derivatives; Gauss-Newton's leaves out those of h. The lowest error of a
step is bold. In the picture a curve ends where its descent has left all numbers.
"""


def write_descent(runs: Path, page: Path) -> list[Path]:
    """Writes the page and its pictures.

    Args:
        runs: the folder of all runs, with ``sdm-faces``, evaluated.
        page: where the page is written; pictures go to ``pictures/`` beside it.

    Returns:
        What was written.

    Raises:
        TfmetaError: where the run is missing, or was not evaluated.
    """
    run = Run(runs / _RECIPE)
    file = run.folder / ERRORS_FILE
    if not run.exists or not file.is_file():
        raise TfmetaError(
            f"{run.folder} holds no evaluated run; train {_RECIPE} there, and tfmeta evaluate it."
        )
    with np.load(file) as kept:
        errors = AlignmentErrors(**kept)
    pictures = pictures_beside(page)
    written = [pictures / f"descent_{name}.png" for name in ("functions", "faces", "stages")]
    races = {problem.name: compare_inverses(problem) for problem in INVERSES}
    _draw_functions(races, written[0])
    _draw_faces(errors, written[1])
    _draw_stages(run.learner(), written[2])
    recipe = run.recipe()
    text = [
        _HEAD,
        _functions(races),
        "",
        "![errors by step](pictures/descent_functions.png)",
        "",
        "## Faces",
        "",
        f"Tested on {len(errors.final):,} faces of people that were not seen in training ({recipe.tested_as}). The"
        " error of a face is the mean distance of its landmarks from where they are, divided by its"
        f" {recipe.tasks.facts()['normalised_by']}. A failure has an error above {FAILURE}.",
        "",
        _stages(errors),
        "",
        "![cumulative errors](pictures/descent_faces.png)",
        "",
        _confidence(errors),
        "",
        "![landmarks stage by stage](pictures/descent_stages.png)",
        "",
        "The photograph is one that Matplotlib ships. The box is the one that OpenCV's detector finds.",
        "",
        f"Made by `{command_of(recipe)}`: {run.training()}.",
        "",
    ]
    write_text(page, "\n".join(text))
    return [*written, page]


def _functions(races: dict[str, dict[str, np.ndarray]]) -> str:
    rows = [["function", "method", *(f"step {step}" for step in _SHOWN_STEPS)]]
    for name, methods in races.items():
        best = np.min([errors[list(_SHOWN_STEPS)] for errors in methods.values()], axis=0)
        for method, errors in methods.items():
            cells = [
                f"**{_number(errors[step])}**" if errors[step] == low else _number(errors[step])
                for step, low in zip(_SHOWN_STEPS, best, strict=True)
            ]
            rows.append([name, method, *cells])
    return table(rows)


def _number(error: float) -> str:
    if np.isinf(error):
        return "∞"
    return f"{error:.3f}" if error >= 1e-3 else f"{error:.0e}"


def _stages(errors: AlignmentErrors) -> str:
    names = ["mean shape alone", "one regression", *(f"stage {k}" for k in range(2, len(errors.by_stage)))]
    each = [*zip(names, errors.by_stage, strict=True), ("median over starts", errors.final)]
    rows = [["after", "error, %", "median, %", "failures, %"]]
    for name, values in each:
        mean = estimate(100 * values)
        rows.append(
            [
                name,
                f"{mean.mean:.2f} ± {mean.ci95:.2f}",
                f"{100 * np.median(values):.2f}",
                f"{100 * (values > FAILURE).mean():.1f}",
            ]
        )
    return table(rows)


def _confidence(errors: AlignmentErrors) -> str:
    """How large errors are where the model is more or less sure."""
    rows = [["confidence of a landmark", "share of landmarks, %", "error, %"]]
    edges = np.quantile(errors.confidence, [0, 0.25, 0.5, 0.75, 1])
    for low, high in itertools.pairwise(edges):
        inside = (errors.confidence >= low) & (errors.confidence <= high)
        rows.append(
            [
                f"{low:.2f} to {high:.2f}",
                f"{100 * inside.mean():.0f}",
                f"{100 * errors.by_landmark[inside].mean():.2f}",
            ]
        )
    return table(rows)


def _draw_functions(races: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(races), figsize=(4 * len(races), 3.4), sharey=True)
    for axis, (name, methods) in zip(axes, races.items(), strict=True):
        for (method, errors), style in zip(methods.items(), ("o-", "s--", "^:"), strict=True):
            shown = np.where(np.isfinite(errors) & (errors < 1e3), errors, np.nan)
            axis.semilogy(shown, style, markersize=4, label=method)
        axis.set_title(name)
        axis.set_xlabel("step")
        axis.set_ylim(1e-4, 1e2)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("normalised error")
    axes[0].legend(frameon=False, loc="lower left", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _draw_faces(errors: AlignmentErrors, path: Path) -> None:
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6.4, 4.2))
    thresholds = np.linspace(0, _LIMIT, 151)
    last = len(errors.by_stage) - 1
    curves = {
        "mean shape alone": (errors.by_stage[0], ":"),
        "one regression": (errors.by_stage[1], "--"),
        f"{last} stages, one start": (errors.by_stage[last], "-."),
        f"{last} stages, median over starts": (errors.final, "-"),
    }
    for name, (values, style) in curves.items():
        axis.plot(100 * thresholds, 100 * cumulative(values, thresholds), style, label=name)
    axis.axvline(100 * FAILURE, color="0.7", linewidth=1)
    axis.set_xlabel("error, % of the inter-ocular distance")
    axis.set_ylabel("faces with at most this error, %")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _draw_stages(aligner: LandmarkAligner, path: Path) -> None:
    """Draws where landmarks are after each stage, on a photograph that is no part of the data."""
    from matplotlib import cbook, pyplot
    from PIL import Image

    from tfmeta.data.face_pictures import detect_faces

    with cbook.get_sample_data("grace_hopper.jpg") as opened:
        photograph = Image.open(opened).convert("L")
    box = detect_faces(photograph)[0]
    pixels = np.asarray(photograph, np.float32)[None] / 255.0
    ends = aligner.ends(pixels, np.float32([box]))
    left, top, width, height = box
    figure, axes = pyplot.subplots(1, len(ends), figsize=(2.4 * len(ends), 2.9))
    for stage, (axis, points) in enumerate(zip(axes, ends, strict=True)):
        axis.imshow(pixels[0], cmap="gray", vmin=0, vmax=1)
        axis.scatter(*points[0, 0].numpy().T, s=5, color="C1")
        axis.set_xlim(left - 0.35 * width, left + 1.35 * width)
        axis.set_ylim(top + 1.3 * height, top - 0.45 * height)
        axis.set_title("mean shape" if stage == 0 else f"stage {stage}", fontsize=10)
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
