"""The layouts that the authors of module networks recorded for GeoQA's questions, in our notation."""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from tfmeta.core.checks import TfmetaError
from tfmeta.data.geo_world import read_lines
from tfmeta.data.geoqa import GeoQA

__all__ = ["load_recorded_layouts"]

_HOW = (
    "They are part of github.com/jacobandreas/nmn2, in extra/geo: set TFMETA_GEOQA_LAYOUTS to the folder that holds"
    " fl.sps, ga.sps and so on."
)
_MARK = re.compile(r"[()]|[^\s()]+")


def load_recorded_layouts(data: GeoQA, path: str | Path | None = None) -> list[tuple[str, ...]]:
    """Loads the candidates of each question, as the authors' own parser and hands made them.

    A word is `lookup` where the world has an entity of that name, else `find`; what stands above a word is `relate`;
    ``in__inv`` of theirs is ``in-inverse``.

    Args:
        data: the questions.
        path: the folder of the files ``<environment>.sps``; without it, what the environment variable
            TFMETA_GEOQA_LAYOUTS names.

    Returns:
        For each of the questions, in their order, layouts as text: the first fragment, the first two, and so on,
        each bare and with `exists`.

    Raises:
        TfmetaError: where the files are absent, or are not those of these questions.

    Example:
        >>> load_recorded_layouts(load_geoqa())[0][2]  # doctest: +SKIP
        '(and lookup[tallahassee] find[city])'
    """
    named = path or os.environ.get("TFMETA_GEOQA_LAYOUTS")
    folder = Path(named).expanduser() if named else None
    if not folder or not folder.is_dir():
        tried = f"tried {folder}" if folder else "no path was given, and TFMETA_GEOQA_LAYOUTS is not set"
        raise TfmetaError(f"The recorded layouts of GeoQA were not found: {tried}. {_HOW}")
    layouts = []
    for name, world in data.worlds.items():
        asked = sum(question.world == name for question in data.questions)
        names = {_word(entity) for entity in world.entities}
        lines = [line for _, line in read_lines(folder / f"{name}.sps")]
        if len(lines) != asked:
            raise TfmetaError(
                f"{folder / name}.sps has {len(lines)} lines, but the environment {asked} questions. {_HOW}"
            )
        layouts += [
            tuple(_read(iter(_MARK.findall(text)), names) for text in line.split(";")) for line in lines
        ]
    return layouts


def _read(marks: Iterator[str], names: Collection[str]) -> str:
    """Reads one layout and moves on behind it."""
    mark = next(marks)
    if mark == ")":
        return ""
    if mark != "(":
        return f"{'lookup' if _word(mark) in names else 'find'}[{_word(mark)}]"
    head = next(marks)
    module = head if head in ("and", "exists") else f"relate[{_word(head.replace('__inv', '_inverse'))}]"
    parts = [module]
    while part := _read(marks, names):
        parts.append(part)
    return f"({' '.join(parts)})"


def _word(name: str) -> str:
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")
