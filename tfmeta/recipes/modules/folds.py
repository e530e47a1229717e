"""Cross-validation: a run for each part held out and each seed; results in one file, so that none is made twice."""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmeta.core.atomic import write_text
from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import Estimate, estimate
from tfmeta.recipes.modules.common import QuestionRecipe
from tfmeta.recipes.recipe import Part
from tfmeta.recipes.train import Run, train

__all__ = ["Fold", "FoldResult", "fill_folds", "folds_file", "mean_of_folds", "read_folds", "results_of"]


@dataclasses.dataclass(frozen=True)
class Fold:
    """A run with a part of the data held out.

    Attributes:
        variant: what its settings change of the published result, such as ``"choice=first"``; empty for nothing.
        held_out: the part.
        seed: of the run.
        settings: all settings of the run.
        part: whose questions it is asked.
    """

    variant: str
    held_out: str
    seed: int
    settings: Any
    part: Part = "test"

    def folder(self, runs: Path, name: str) -> Path:
        """Returns where its run is kept, such as ``runs/nmn-geoqa-folds/choice=first/fl-0``."""
        return runs / f"{name}-folds" / (self.variant or "published") / f"{self.held_out}-{self.seed}"


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
    before = {field.name: field.default for fold in folds[:1] for field in dataclasses.fields(fold.settings)}
    known = {json.dumps({**before, **row.settings}, sort_keys=True): row for row in kept}
    return [known.get(json.dumps(dataclasses.asdict(fold.settings), sort_keys=True)) for fold in folds]


def fill_folds(
    recipe: QuestionRecipe, folds: Iterable[Fold], runs: str | Path, *, verbose: int | str = "auto"
) -> Iterator[tuple[FoldResult, bool]]:
    """Trains and measures what is missing; a run that was interrupted goes on where it stood.

    Args:
        recipe: what is trained.
        folds: the runs.
        runs: the folder of all runs.
        verbose: whether Keras shows its progress bar.

    Yields:
        The result of each fold, and whether it was made now.

    Raises:
        TfmetaError: where a folder holds a run with other settings, or data are missing.
    """
    runs, folds = Path(runs), list(folds)
    file = folds_file(runs, recipe.name)
    for fold, found in zip(folds, results_of(folds, read_folds(file)), strict=True):
        if found is None:
            keras.backend.clear_session()  # the graphs of the run before
            run = Run(fold.folder(runs, recipe.name))
            learner = train(recipe, fold.settings, run.folder, verbose=verbose)
            right = recipe.judge(learner, fold.settings, fold.part)
            made = FoldResult(
                fold.variant, fold.held_out, fold.seed, tuple(map(int, right)), run.budget()["seconds"],
                dataclasses.asdict(fold.settings),
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
