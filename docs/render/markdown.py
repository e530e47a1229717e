"""Markdown that pages are made of, and the folder of their pictures."""

import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["pictures_beside", "section_of", "table"]


def table(lines: Sequence[Sequence[str]]) -> str:
    """Renders cells as a table.

    Args:
        lines: the cells of each row; the first row is the heading.

    Returns:
        The table, without a line's end behind it.

    Example:
        >>> print(table([["rule", "loss"], ["Adam", "0.3"]]))
        | rule | loss |
        |---|---|
        | Adam | 0.3 |
    """
    rows = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([rows[0], "|---" * len(lines[0]) + "|", *rows[1:]])


def pictures_beside(page: Path) -> Path:
    """Returns the folder of a page's pictures, ``pictures/`` beside it, and makes it where it is missing."""
    folder = page.parent / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def section_of(page: Path, title: str) -> list[str]:
    """Returns a section as a page holds it, so that it stays where the runs that it was made of are gone.

    Args:
        page: a page; it need not be there.
        title: of the section, a heading of second rank.

    Returns:
        Its lines, the heading first and an empty one last; none where the page has no such section.
    """
    text = page.read_text() if page.exists() else ""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    found = next((section for section in sections if section.startswith(f"## {title}\n")), "")
    return [*found.rstrip().splitlines(), ""] if found else []
