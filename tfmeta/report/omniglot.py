"""The lecture's Omniglot table with our numbers in it, from the cards that the runs left."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from tfmeta.core.cards import Card, Result
from tfmeta.recipes.omniglot.cells import ROWS, SPLITS, Cell, Row, cells
from tfmeta.recipes.omniglot.lecture import LECTURE, SETTINGS
from tfmeta.recipes.registry import RECIPES

__all__ = ["PICTURE", "Measured", "measured_cells", "render_table"]

PICTURE = "pictures/omniglot_table.png"
"""Where the page has its picture, seen from the page."""

_HEAD = f"""## Omniglot: the lecture's table

Accuracy in %: ours ± the 95% confidence interval over test tasks of 423 characters, and in brackets the lecture's
number, or for a baseline that of its paper. Ours is bold where it is at or above that; where it is below, the
brackets say by how much.

![Ours beside the lecture's, column by column]({PICTURE})
"""

_DIFFERENCES = """### How the protocols differ

- The lecture's numbers are those of five papers, each with random characters of its own. Ours deals 1,100 to
  training, 100 to validation and 423 to test by a seed (`characters`), the same for every row.
- `alphabets` is the standard split, in which but for four characters no test alphabet is seen in training: clearly
  harder, and without a number in the lecture.
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
    by_command = {card.command: card for card in cards}
    found = {}
    for cell in cells():
        if cell.row.recipe not in RECIPES:
            continue
        recipe = RECIPES[cell.row.recipe]
        card = by_command.get(recipe.command(recipe.configure(**cell.trained)))
        setting = recipe.setting(recipe.configure(**{**cell.trained, **cell.tested}))
        for result in card.results if card else ():
            if result.setting == setting:
                found[cell] = Measured(card, result)
    return found


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
    parts += ["\n".join([_DIFFERENCES, *differs]), "", "### The runs behind it\n", *_runs(found)]
    return "\n".join(parts) + "\n"


def _table(split: str, found: Mapping[Cell, Measured]) -> list[str]:
    lines = ["| | " + " | ".join(f"{ways}-way {shots}-shot" for ways, shots in SETTINGS) + " |"]
    lines.append("|---" * (1 + len(SETTINGS)) + "|")
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
        return LECTURE[cell.row.system][SETTINGS.index((cell.ways, cell.shots))]
    return found[cell].result.published if cell in found else None


def _verdict(found: Mapping[Cell, Measured]) -> str:
    """How the best of ours stands to the best of the lecture's, column by column."""
    told, won = [], 0
    for column, (ways, shots) in enumerate(SETTINGS):
        theirs = max(row[column] for row in LECTURE.values())
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
        f"The best of ours is at or above the best of the lecture's in {won} of {len(SETTINGS)} columns:"
        f" {', '.join(told)}."
    )


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
