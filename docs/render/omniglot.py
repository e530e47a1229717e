"""The table of methods on Omniglot: our numbers beside the published ones, from the cards of the runs."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfmeta.core.cards import Card, Result
from tfmeta.recipes.evaluate import for_test
from tfmeta.recipes.omniglot.cells import ROWS, SPLITS, Cell, Row, cells
from tfmeta.recipes.published import COLUMNS, PUBLISHED, published
from tfmeta.recipes.registry import RECIPES, describe

__all__ = ["PICTURE", "Measured", "measured_cells", "render_table"]

PICTURE = "pictures/omniglot_table.png"
"""Where the page has its picture, seen from the page."""

_HEAD = f"""## Omniglot

Accuracy in %: ours ± the 95% confidence interval over test tasks of 423 characters, and in brackets the published
number. Ours is bold where it is at or above that; where it is below, the brackets say by how much. Where the published
numbers are from is listed below the tables.

![Ours beside the published numbers, column by column]({PICTURE})
"""

_DIFFERENCES = """### How the protocols differ

- Each paper has random characters of its own. Ours deals 1,100 to training, 100 to validation and 423 to test by a
  seed (`characters`), the same for every row.
- `alphabets` is the standard split. But for four characters, no test alphabet is seen in training. It is clearly
  harder, and no published number stands beside it.
- A model that compares images is trained once and fills all four columns; MAML is trained for each column.
- Test tasks are upright, 5 queries a class, and the same for every row; turned characters are classes in training
  only."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was measured in a cell, and the card of the run that was measured."""

    card: Card
    result: Result


def measured_cells(cards: Iterable[Card]) -> dict[Cell, Measured]:
    """Finds the results that belong into the table.

    Args:
        cards: of models and of runs.

    Returns:
        What there is of each cell: a result of the run that the table plans for it, under the cell's test.
    """
    made = {_key(card.recipe): card for card in cards if card.recipe}
    found = {}
    for cell in cells():
        recipe = RECIPES[cell.row.recipe].configure(**cell.trained)
        card = made.get(_key(describe(recipe)))
        setting = for_test(recipe, **cell.tested).tested_as
        for result in card.results if card else ():
            if result.setting == setting:
                found[cell] = Measured(card, result)
    return found


def _key(described: Mapping[str, Any]) -> str:
    return json.dumps(described, sort_keys=True)


def render_table(found: Mapping[Cell, Measured]) -> str:
    """Renders the table as a section of the page of results.

    Args:
        found: what `measured_cells` returned.

    Returns:
        The section, in Markdown; empty where nothing was measured.
    """
    if not found:
        return ""
    parts = [_HEAD]
    for split in SPLITS:
        parts += [f"### Split `{split}`\n", *_table(split, found), ""]
        if split == "characters":
            parts += [_verdict(found), "", *_losses(found)]
    differs = [f"- {row.title}: {row.differs}." for row in ROWS if row.differs]
    parts += ["### Where the published numbers are from\n", *_sources(), ""]
    parts += ["\n".join([_DIFFERENCES, *differs]), "", "### The runs behind it\n", *_runs(found)]
    return "\n".join(parts) + "\n"


def _table(split: str, found: Mapping[Cell, Measured]) -> list[str]:
    lines = ["| | " + " | ".join(f"{ways}-way {shots}-shot" for ways, shots in COLUMNS) + " |"]
    lines.append("|---" * (1 + len(COLUMNS)) + "|")
    for row in ROWS:
        line = [_entry(cell, found) for cell in cells(split) if cell.row is row]
        if any(entry != "–" for entry in line):
            lines.append(f"| {row.title} | " + " | ".join(line) + " |")
    return lines


def _entry(cell: Cell, found: Mapping[Cell, Measured]) -> str:
    theirs = _theirs(cell, found)
    if cell not in found:
        return "–" if theirs is None else f"– ({_percent(theirs, 1)})"
    result = found[cell].result
    interval = f"± {_percent(result.ci95)}"
    if theirs is None:
        return f"{_percent(result.value)} {interval}"
    if result.value >= theirs:
        return f"**{_percent(result.value)}** {interval} ({_percent(theirs, 1)})"
    return f"{_percent(result.value)} {interval} ({_percent(theirs, 1)}: −{_percent(theirs - result.value)})"


def _theirs(cell: Cell, found: Mapping[Cell, Measured]) -> float | None:
    """The published number for a cell: those that we know are all for random characters."""
    if cell.split != "characters":
        return None
    if cell.row.system:
        number = published(cell.row.system, cell.ways, cell.shots)
        return number.value if number else None
    return found[cell].result.published if cell in found else None


def _verdict(found: Mapping[Cell, Measured]) -> str:
    """How the best of ours compares with the best published number of the table's systems, column by column."""
    told, won = [], 0
    systems = {row.system for row in ROWS if row.system}
    for ways, shots in COLUMNS:
        theirs = max(PUBLISHED[system, ways, shots].value for system in systems)
        ours = [
            (measured.result.value, cell.row)
            for cell, measured in found.items()
            if (cell.ways, cell.shots, cell.split) == (ways, shots, "characters")
        ]
        if ours:
            value, row = max(ours, key=lambda pair: pair[0])
            won += value >= theirs
            told.append(f"{ways}-way {shots}-shot {_percent(value)} ({row.title}; {_percent(theirs, 1)})")
    return (
        f"The best of ours is at or above the best published number of these systems in {won} of {len(COLUMNS)}"
        f" columns: {', '.join(told)}."
    )


def _sources() -> list[str]:
    """The paper of each system, with the numbers that it prints."""
    lines = ["| system | published | source |", "|---|---|---|"]
    titles = {row.system: row.title for row in reversed(ROWS) if row.system}
    for system, title in reversed(titles.items()):
        numbers = [PUBLISHED[system, *column] for column in COLUMNS]
        values = " / ".join(_percent(number.value, 1) for number in numbers)
        lines.append(f"| {title} | {values} | {numbers[0].source} |")
    return [*lines, "", *_NOTES]


_NOTES = [
    "MAML's table has 95.8 in 20-way 1-shot for the convolutional network. Slides that quote the table print 93.1"
    " there, which is in neither row of the paper.",
]


def _losses(found: Mapping[Cell, Measured]) -> list[str]:
    lines = []
    for cell, measured in found.items():
        theirs, result = _theirs(cell, found), measured.result
        if theirs is None or result.value >= theirs:
            continue
        short = theirs - result.value
        inside = "inside" if short <= result.ci95 else "outside"
        why = cell.row.reasons.get(f"{cell.column}-{cell.split}", "")
        lines.append(
            f"- {cell.row.title}, {cell.ways}-way {cell.shots}-shot: {_percent(short)} points below,"
            f" {inside} the interval of ours.{' ' + why if why else ''}"
        )
    return ["Below the published number:", "", *lines, ""] if lines else []


def _runs(found: Mapping[Cell, Measured]) -> list[str]:
    lines = ["| model | fills | command | seed | training |", "|---|---|---|---|---|"]
    filled: dict[str, list[tuple[Cell, Measured]]] = {}
    for cell, measured in found.items():
        filled.setdefault(measured.card.name, []).append((cell, measured))
    for name, parts in filled.items():
        card = parts[0][1].card
        titles = _joined(cell.row for cell, _ in parts)
        columns = ", ".join(dict.fromkeys(cell.column for cell, _ in parts))
        lines.append(
            f"| [`{name}`](#{name}) | {titles}: {columns} | `{card.command}` | {card.seed} | {card.training} |"
        )
    return lines


def _joined(rows: Iterable[Row]) -> str:
    titles: Sequence[str] = list(dict.fromkeys(row.title for row in rows))
    return "; ".join(titles)


def _percent(fraction: float, digits: int = 2) -> str:
    return f"{100 * fraction:.{digits}f}"
