"""The page of results, from the cards that the runs left."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from docs.render.omniglot import measured_cells, render_table
from tfmeta.core.cards import Card, Result
from tfmeta.core.hub import find_model, list_models

__all__ = ["read_cards", "render_results"]

_HEAD = """# Results

Every number is the mean over test tasks with its 95% confidence interval, measured once, after training and all
choices of settings, on classes (or waves) that neither training nor tuning has seen. This page is generated from
cards: `python -m docs.render results`, or `python -m docs.render omniglot` with the picture of its table.
"""


def read_cards(folder: str | Path) -> list[Card]:
    """Reads the cards of all shipped models, and those in a folder of runs that are not shipped.

    Args:
        folder: holds ``*.json`` cards.

    Returns:
        The cards, ordered by name.
    """
    shipped = [Card.read(find_model(name)) for name in list_models()]
    others = [Card.read(path) for path in sorted(Path(folder).glob("*.json"))]
    return sorted([*shipped, *others], key=lambda card: card.name)


def render_results(cards: Sequence[Card]) -> str:
    """Renders cards as a Markdown page: the Omniglot table, all other results, then how each was made.

    Args:
        cards: what `read_cards` returned.

    Returns:
        The page.

    Example:
        >>> card = Card("Doubles.", name="double", results=(Result("mse", 0.5, 0.1, 100, "ten points"),))
        >>> "| `double` | ten points | mse 0.500 ± 0.100 | – |" in render_results([card])
        True
    """
    found = measured_cells(cards)
    in_table = {(measured.card.name, measured.result.setting) for measured in found.values()}
    rows = [
        f"| `{card.name}` | {row.setting} | {_ours(row)} | {_published(row)} |"
        for card, row in _rows(cards)
        if (card.name, row.setting) not in in_table
    ]
    table = ["| model | test | ours | published |", "|---|---|---|---|", *rows]
    others = ["## All other results", "", *table, ""] if rows else []
    made = [line for card in cards for line in _made(card)]
    page = [_HEAD, *filter(None, [render_table(found)]), *others, "## How each was made", *made]
    return "\n".join(page) + "\n"


def _rows(cards: Iterable[Card]) -> list[tuple[Card, Result]]:
    return [(card, row) for card in cards for row in card.results]


def _number(metric: str, value: float) -> str:
    return f"{100 * value:.2f}" if metric == "accuracy" else f"{value:.3f}"


def _ours(row: Result) -> str:
    value, width = _number(row.metric, row.value), _number(row.metric, row.ci95)
    return f"{value} ± {width} %" if row.metric == "accuracy" else f"{row.metric} {value} ± {width}"


def _published(row: Result) -> str:
    if row.published is None:
        return "–"
    percent = " %" if row.metric == "accuracy" else ""
    return f"{_number(row.metric, row.published)}{percent} ({row.source})"


def _made(card: Card) -> list[str]:
    tasks = sorted({row.tasks for row in card.results})
    return [
        "",
        f"### `{card.name}`",
        "",
        card.summary,
        "",
        f"- Data: {card.data}.",
        *_protocol(card),
        f"- Command: `{card.command}`, seed {card.seed}.",
        *_parents(card),
        f"- Training: {card.training}.",
        f"- Test: {', '.join(f'{count:,}' for count in tasks)} tasks.",
    ]


def _protocol(card: Card) -> list[str]:
    """The protocol, one of its parts an item."""
    parts = card.protocol.split("; ")
    if len(parts) == 1:
        return [f"- Protocol: {card.protocol}."]
    return ["- Protocol:", *(f"  - {part}" for part in parts)]


def _parents(card: Card) -> list[str]:
    """The runs that it started from, to the beginning."""
    lines = []
    for parent in card.parents:
        note = f" {parent.note}" if parent.note else ""
        lines.append(f"- Started from `{parent.run}`: `{parent.command}`, {parent.training}.{note}")
    return lines
