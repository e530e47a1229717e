"""The table of methods on Omniglot as data: its rows, its columns, and the run that fills each cell.

A model that compares images is trained once and tested in all four columns; MAML, whose last layer has an output for
each class, is trained for each column. The last rows are
baselines without meta-learning, to compare with.
"""

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.recipes.published import COLUMNS

__all__ = ["ROWS", "SPLITS", "Cell", "Row", "cells", "column_name"]

SPLITS = ("characters", "alphabets")
"""The splits that the table is filled for: that of the papers first."""


def column_name(ways: int, shots: int) -> str:
    """Returns the short name of a column.

    Example:
        >>> column_name(5, 1)
        '5w1s'
    """
    return f"{ways}w{shots}s"


@dataclasses.dataclass(frozen=True, eq=False)  # a row is itself: two may be trained alike
class Row:
    """A row of the table: a method as it is trained and tested.

    Attributes:
        method: what ``--only`` calls it.
        title: what the table calls it.
        recipe: what trains it.
        system: its name in `tfmeta.recipes.published.PUBLISHED`; empty where nothing was published.
        runs: what each run changes of the recipe's settings, by the name of the column that it fills, or by
            ``<column>-<split>`` for more changes on one split. The run ``""`` fills every column that has no run
            of its own. ``start_from`` names the column whose run, trained before, this one starts from.
        test: what its tests change of the settings.
        differs: how its protocol differs from that of the published number.
        reasons: why a cell stays below the published number, by ``<column>-<split>``.
    """

    method: str
    title: str
    recipe: str
    system: str = ""
    runs: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=lambda: {"": {}})
    test: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    differs: str = ""
    reasons: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of the table: a row, a column and a split.

    Attributes:
        row: its row.
        ways: classes of a test task.
        shots: support examples of each class of a test task.
        split: how the characters are divided.

    Example:
        >>> cell = cells("characters", ["maml"])[3]
        >>> str(cell), cell.run(Path("runs"))
        ('MAML 20-way 5-shot, characters', PosixPath('runs/maml-omniglot-20w5s-characters'))
    """

    row: Row
    ways: int
    shots: int
    split: str

    @property
    def column(self) -> str:
        """The short name of its column."""
        return column_name(self.ways, self.shots)

    @property
    def trained(self) -> dict[str, Any]:
        """What its run changes of the recipe's settings."""
        here = self.row.runs.get(f"{self._run_name}-{self.split}", {})
        changes = {"split": self.split, **self.row.runs[self._run_name], **here}
        if "start_from" in changes:
            changes["start_from"] = self._folder(changes["start_from"])
        return changes

    @property
    def tested(self) -> dict[str, Any]:
        """What its test changes of the run's settings."""
        return {"test_ways": self.ways, "test_shots": self.shots, **self.row.test}

    def run(self, runs: Path) -> Path:
        """Returns the folder of its run, under the folder of all runs."""
        return runs / self._folder(self._run_name)

    @property
    def _run_name(self) -> str:
        return self.column if self.column in self.row.runs else ""

    def _folder(self, run_name: str) -> str:
        return "-".join(filter(None, (self.row.recipe, run_name, self.split)))

    def __str__(self) -> str:
        return f"{self.row.title} {self.ways}-way {self.shots}-shot, {self.split}"


def cells(split: str | None = None, only: Collection[str] = ()) -> list[Cell]:
    """Lists the cells of the table, row by row.

    Args:
        split: of this split; of all where None.
        only: of these methods; of all where empty.

    Raises:
        TfmetaError: for a split or a method that the table does not have.
    """
    known = list(dict.fromkeys(row.method for row in ROWS))
    for method in only:
        if method not in known:
            raise TfmetaError(f"The table has no method {method!r}. {nearest(method, known)}")
    if split is not None and split not in SPLITS:
        raise TfmetaError(f"The table has no split {split!r}. {nearest(split, SPLITS)}")
    return [
        Cell(row, ways, shots, each)
        for each in (SPLITS if split is None else [split])
        for row in ROWS
        if not only or row.method in only
        for ways, shots in COLUMNS
    ]


# A body that has learnt to tell five classes apart is most of the way to twenty.
_MAML_RUNS: dict[str, dict[str, Any]] = {
    "5w1s": {"steps": 7500},
    "5w1s-alphabets": {"steps": 12000},
    "5w5s": {"shots": 5, "batch_size": 8, "steps": 3000, "learning_rate": 1e-3, "start_from": "5w1s"},
    "20w1s": {
        "ways": 20, "batch_size": 8, "queries": 2, "steps": 3000, "learning_rate": 1e-3, "start_from": "5w1s",
    },
    "20w5s": {
        "ways": 20, "shots": 5, "batch_size": 4, "queries": 2, "steps": 2000, "learning_rate": 1e-3,
        "start_from": "20w1s",
    },
}  # fmt: skip

_COLUMNS = tuple(column_name(*setting) for setting in COLUMNS)


def _everywhere(reason: str) -> dict[str, str]:
    """The same reason for each cell; it is told where there is something to explain."""
    return {f"{column}-{split}": reason for column in _COLUMNS for split in SPLITS}


_SHORT_MAML = (
    "The paper takes 60,000 steps of 32 tasks; ours 7,500 of 16 tasks for the body, and 2,000 to 3,000 of fewer"
    " for each other column, within an hour on two cores."
)
_SHORT_MEMORY = (
    "3,000 steps in a quarter of an hour on two cores; more steps and other margins than 0.2 are untried."
)
_SHORT_STATISTICIAN = "3,000 steps in 25 minutes on two cores; longer training is untried."

ROWS = (
    Row("siamese", "Siamese Network", "siamese-omniglot", "siamese"),
    Row("matching", "Matching Network", "matching-omniglot", "matching"),
    Row("matching-fce", "Matching Network, FCE", "matching-fce-omniglot", "matching"),
    Row(
        "statistician", "Neural Statistician", "statistician-omniglot", "statistician",
        runs={"": {"episode_weight": 1.0, "steps": 3000}},
        differs="trained with labels too: the lower bound and, beside it, the queries' cross-entropy; the paper's"
        " objective is the bound alone",
        reasons=_everywhere(_SHORT_STATISTICIAN),
    ),
    Row("memory", "Memory module", "memory-omniglot", "memory", reasons=_everywhere(_SHORT_MEMORY)),
    Row(
        "maml", "MAML", "maml-omniglot", "maml", runs=_MAML_RUNS, test={"batch_statistics": "transductive"},
        differs="tested with the batch statistics of all queries of a task, as the paper's code does",
        reasons=_everywhere(_SHORT_MAML),
    ),
    Row(
        "maml", "MAML, support statistics", "maml-omniglot", "maml", runs=_MAML_RUNS,
        differs="as it is served: an answer depends on its own query alone, which is harder than the paper's test",
        reasons=_everywhere(_SHORT_MAML),
    ),
    Row("prototypical", "Prototypical Network", "prototypical-omniglot"),
    Row("pixels", "Nearest neighbour on pixels", "pixels-omniglot"),
    Row("pretrained", "Pretrained, nearest centroid", "pretrained-omniglot", test={"head": "centroid"}),
    Row("pretrained", "Pretrained, fine-tuned", "pretrained-omniglot", test={"head": "tuning"}),
)  # fmt: skip
