"""Cross-validation: a run for each part held out and each seed; results in one file, so that none is made twice."""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmeta.core.atomic import write_text
from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import Estimate, estimate
from tfmeta.core.tasks import Part
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.registry import RECIPES, command_of
from tfmeta.recipes.run import Run
from tfmeta.recipes.train import train

__all__ = [
    "SEEDS", "Fold", "FoldResult", "fill_folds", "folds_file", "folds_of", "mean_of_folds", "measure_folds",
    "read_folds", "results_of",
]  # fmt: skip

SEEDS = 3
"""Runs of each part held out."""


@dataclasses.dataclass(frozen=True)
class Fold:
    """A run with a part of the data held out.

    Attributes:
        variant: what its settings change of the published result, such as ``"choice=first"``; empty for nothing.
        held_out: the part.
        recipe: what is trained.
        part: whose questions it is asked.
    """

    variant: str
    held_out: str
    recipe: Recipe
    part: Part

    @property
    def seed(self) -> int:
        """The random seed of the run."""
        return self.recipe.training.seed

    def folder(self, runs: Path) -> Path:
        """Returns where its run is kept, such as ``runs/nmn-geoqa-folds/choice=first/fl-0``."""
        place = self.variant or "published"
        return runs / f"{self.recipe.name}-folds" / place / f"{self.held_out}-{self.seed}"


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """What a fold was measured to do.

    Attributes:
        variant: as of the `Fold`.
        held_out: as of the `Fold`.
        seed: as of the `Fold`.
        right: of each question that was asked, in their order, 1 or 0.
        seconds: that the training took.
        settings: all settings of the run.
    """

    variant: str
    held_out: str
    seed: int
    right: tuple[int, ...]
    seconds: float
    settings: dict[str, Any]

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return float(np.mean(self.right))


def folds_of(recipe: Recipe, seeds: int = SEEDS) -> list[Fold]:
    """Returns a run for each seed and each part that is held out; see `tfmeta.core.tasks.Tasks.folds`."""
    default = RECIPES[recipe.name].settings
    variant = ",".join(
        f"{name}={value}"
        for name, value in recipe.settings.items()
        if value != default[name] and name not in ("held_out", "seed")
    )
    folds = []
    for seed in range(seeds):
        for held_out in recipe.tasks.folds:
            tasks, part = recipe.tasks.fold(held_out)
            own = dataclasses.replace(recipe, tasks=tasks).configure(seed=seed)
            folds.append(Fold(variant, held_out, own, part))
    return folds


def folds_file(runs: str | Path, name: str) -> Path:
    """Returns where the results of all folds of a recipe are kept."""
    return Path(runs) / f"{name}-folds.json"


def read_folds(file: str | Path) -> list[FoldResult]:
    """Returns what `fill_folds` has kept; nothing where there is no file.

    Raises:
        TfmetaError: if the file is damaged.
    """
    file = Path(file)
    try:
        rows = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
        return [FoldResult(**{**row, "right": tuple(row["right"])}) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise TfmetaError(f"{file} is damaged: {error}; remove it, and measure the folds again.") from error


def results_of(folds: Iterable[Fold], kept: Iterable[FoldResult]) -> list[FoldResult | None]:
    """Returns the result of each fold, if one with all of its settings was kept.

    A result that does not name a setting was made before there was one, and so with its default.
    """
    folds = list(folds)
    before = folds[0].recipe.before() if folds else {}
    known = {json.dumps({**before, **row.settings}, sort_keys=True): row for row in kept}
    return [known.get(json.dumps(fold.recipe.settings, sort_keys=True)) for fold in folds]


def fill_folds(
    folds: Iterable[Fold], runs: str | Path, *, verbose: int | str = "auto"
) -> Iterator[tuple[FoldResult, bool]]:
    """Trains and measures what is missing; a run that was interrupted goes on from its last epoch.

    Args:
        folds: the runs, of one recipe.
        runs: the folder of all runs.
        verbose: whether Keras shows its progress bar.

    Yields:
        The result of each fold, and whether it was made now.

    Raises:
        TfmetaError: where a folder holds a run with other settings, or data are missing.
    """
    runs, folds = Path(runs), list(folds)
    file = folds_file(runs, folds[0].recipe.name)
    for fold, found in zip(folds, results_of(folds, read_folds(file)), strict=True):
        if found is None:
            keras.backend.clear_session()  # the graphs of the run before
            recipe, run = fold.recipe, Run(fold.folder(runs))
            learner = train(recipe, run.folder, verbose=verbose)
            right = recipe.method.judge(learner, recipe.tasks, recipe.training, fold.part)
            made = FoldResult(
                fold.variant, fold.held_out, fold.seed, tuple(map(int, right)), run.budget()["seconds"],
                recipe.settings,
            )  # fmt: skip
            rows = [*read_folds(file), made]  # again, since another process may fill other folds meanwhile
            write_text(file, json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")
        yield (found, False) if found else (made, True)


def mean_of_folds(results: Iterable[FoldResult]) -> Estimate:
    """Returns the mean over the parts held out, of the mean over the seeds of each."""
    by_part: dict[str, list[float]] = {}
    for row in results:
        by_part.setdefault(row.held_out, []).append(row.accuracy)
    return estimate([float(np.mean(accuracies)) for accuracies in by_part.values()])


def measure_folds(recipe: Recipe, runs: Path) -> list[Result]:
    """Returns the result of a model that has learned from all parts: that of its folds, which have not.

    Raises:
        TfmetaError: where a fold was not measured.
    """
    found = results_of(folds_of(recipe), read_folds(folds_file(runs, recipe.name)))
    rows = [row for row in found if row is not None]
    if len(rows) < len(found):
        changed = command_of(recipe).removeprefix(f"tfmeta train {recipe.name}")
        raise TfmetaError(
            f"{len(rows)} of {len(found)} folds of {recipe.name} are measured in {runs}; measure the others first:"
            f" tfmeta train {recipe.name} --all-cells{changed}."
        )
    mean = mean_of_folds(rows)
    return [Result("accuracy", mean.mean, mean.ci95, mean.tasks, recipe.tested_as)]
