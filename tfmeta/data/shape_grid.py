"""Coloured shapes in the cells of a grid, and what a layout says of them: the judge of the image worlds."""

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.data.layouts import Layout, parse_layout

__all__ = ["COLOURS", "SHAPES", "SIZES", "Grids", "attend", "judge"]

COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan")
"""Names of colours; the first three are those of SHAPES."""
SHAPES = ("circle", "square", "triangle", "diamond", "cross")
"""Names of shapes; the first three are those of SHAPES."""
SIZES = ("small", "big")
"""Names of sizes."""

# Where the cells that `relate` gives lie, seen from those that it takes: rows down, columns to the right.
_STEPS = {"above": (-1, 0), "below": (1, 0), "left-of": (0, -1), "right-of": (0, 1)}


@dataclass(frozen=True)
class Grids:
    """What stands in the cells of M images of n x n cells.

    Args:
        colours: int8 ``[M, n, n]``, places in `COLOURS`; -1 in an empty cell.
        shapes: int8 ``[M, n, n]``, places in `SHAPES`; -1 in an empty cell.
        sizes: int8 ``[M, n, n]``, places in `SIZES`; -1 in an empty cell.

    Example:
        >>> lone = np.full([1, 3, 3], -1, np.int8)
        >>> lone[0, 1, 1] = 0
        >>> judge("(exists (and find[red] find[circle]))", Grids(lone, lone, lone))
        array(['yes'], dtype='<U8')
    """

    colours: np.ndarray
    shapes: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.colours)

    def __getitem__(self, images: Any) -> "Grids":
        """Picks images by a slice, their numbers or a mask."""
        return Grids(*(getattr(self, field.name)[images] for field in fields(self)))


def judge(layout: str, grids: Grids) -> np.ndarray:
    """Answers a question about each image by carrying its layout out on what really is there.

    ``exists`` answers ``yes`` or ``no``; ``measure[count]`` the number of cells; ``describe[color]`` (also
    ``colour``), ``describe[shape]`` and ``describe[size]`` the word on which all attended cells agree. There is no
    answer, an empty text, where they disagree or are none.

    Args:
        layout: text whose topmost module gives labels, such as ``(exists find[red])``.
        grids: what stands in the cells of M images.

    Returns:
        Texts ``[M]``.

    Raises:
        TfmetaError: where the text is no layout, or cannot be carried out on a grid of shapes.

    Example:
        >>> one = np.array([[[0, -1], [2, -1]]], np.int8)  # a red shape above a blue one
        >>> judge("(describe[color] (relate[above] find[blue]))", Grids(one, one, one))
        array(['red'], dtype='<U8')
        >>> judge("(measure[count] find[shape])", Grids(one, one, one))
        array(['2'], dtype='<U8')
    """
    asked = _parsed(layout)
    if asked.output != "labels":
        raise TfmetaError(f"{asked} gives no answer; expected exists, measure or describe of one attention.")
    attention = _carry_out(asked.children[0], grids)
    if asked.module == "exists":
        return np.where(attention.any((1, 2)), "yes", "no").astype("<U8")
    if asked.module == "measure":
        _expect(asked, ("count",))
        return attention.sum((1, 2)).astype("<U8")
    names, contents = _expect(asked, _properties(grids))
    highest = np.where(attention, contents, -1).max((1, 2))
    lowest = np.where(attention, contents, len(names)).min((1, 2))
    return np.where(highest == lowest, np.array([*names, ""])[highest], "").astype("<U8")


def attend(layout: str, grids: Grids) -> np.ndarray:
    """Returns the set of cells that a layout means, in each image.

    ``find[word]`` means the cells that hold a colour, a shape, a size, or any ``shape`` at all;
    ``relate[above](h)`` the cells *directly* above one of h (so do ``below``, ``left-of``, ``right-of``);
    ``and`` the cells that all of its inputs mean.

    Args:
        layout: text whose topmost module gives an attention, such as ``(relate[above] find[circle])``.
        grids: what stands in the cells of M images.

    Returns:
        bool ``[M, n, n]``.

    Raises:
        TfmetaError: where the text is no layout, or cannot be carried out on a grid of shapes.

    Example:
        >>> one = np.array([[[0, -1], [-1, -1]]], np.int8)
        >>> attend("(relate[right-of] find[red])", Grids(one, one, one)).astype(int)
        array([[[0, 1],
                [0, 0]]])
    """
    return _carry_out(_parsed(layout), grids)


def _carry_out(layout: Layout, grids: Grids) -> np.ndarray:
    inputs = [_carry_out(child, grids) for child in layout.children]
    if layout.module == "find":
        return _found(layout, grids)
    if layout.module == "relate":
        down, right = _expect(layout, _STEPS, layout.argument.replace("_", "-"))
        return _moved(inputs[0], down, right)
    if layout.module == "and":
        return np.logical_and.reduce(inputs)
    raise TfmetaError(f"{layout} means no cells of a grid of shapes; expected find, relate or and.")


def _found(layout: Layout, grids: Grids) -> np.ndarray:
    word = layout.argument
    if word == "shape":
        return grids.shapes >= 0
    for names, contents in ((COLOURS, grids.colours), (SHAPES, grids.shapes), (SIZES, grids.sizes)):
        if word in names:
            return contents == names.index(word)
    return _expect(layout, ("shape", *COLOURS, *SHAPES, *SIZES))


def _properties(grids: Grids) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    colours = COLOURS, grids.colours
    return {
        "color": colours, "colour": colours, "shape": (SHAPES, grids.shapes), "size": (SIZES, grids.sizes),
    }  # fmt: skip


def _expect(layout: Layout, known: Collection[str], word: str = "") -> Any:
    """Returns what `known` holds for the word of a module (the word itself, if that is a plain sequence)."""
    word = word or layout.argument
    if word not in known:
        raise TfmetaError(f"{layout} names {word} where it must not. {nearest(word, known)}")
    return known[word] if isinstance(known, Mapping) else word


def _moved(cells: np.ndarray, down: int, right: int) -> np.ndarray:
    """Moves a set of cells by one; what leaves the grid is lost."""
    moved = np.zeros_like(cells)
    size = cells.shape[1]
    rows, columns = slice(max(down, 0), size + min(down, 0)), slice(max(right, 0), size + min(right, 0))
    before = slice(max(-down, 0), size + min(-down, 0)), slice(max(-right, 0), size + min(-right, 0))
    moved[:, rows, columns] = cells[:, *before]
    return moved


@functools.lru_cache(maxsize=4096)
def _parsed(layout: str) -> Layout:
    return parse_layout(layout)
