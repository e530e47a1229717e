"""Coloured shapes in the cells of a grid, and what a layout says of them: the judge of the image worlds."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tfmeta.core.checks import TfmetaError, nearest

__all__ = ["COLOURS", "SHAPES", "SIZES", "Grids", "attend", "judge"]

COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan")
"""Names of colours; the first three are those of SHAPES."""
SHAPES = ("circle", "square", "triangle", "diamond", "cross")
"""Names of shapes; the first three are those of SHAPES."""
SIZES = ("small", "big")
"""Names of sizes."""

# Where the cells that `relate` gives lie, seen from those that it takes: rows down, columns to the right.
_STEPS = {"above": (-1, 0), "below": (1, 0), "left-of": (0, -1), "right-of": (0, 1)}
_TOKEN = re.compile(r"[()]|[^\s()]+")
_HEAD = re.compile(r"(\w+)(?:\[([^\[\]]+)\])?")


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
        TfmetaError: where the layout cannot be carried out on a grid of shapes.

    Example:
        >>> one = np.array([[[0, -1], [2, -1]]], np.int8)  # a red shape above a blue one
        >>> judge("(describe[color] (relate[above] find[blue]))", Grids(one, one, one))
        array(['red'], dtype='<U8')
        >>> judge("(measure[count] find[shape])", Grids(one, one, one))
        array(['2'], dtype='<U8')
    """
    module, word, children = _read(layout)
    if module not in ("exists", "measure", "describe") or len(children) != 1:
        raise TfmetaError(f"{layout} gives no answer; expected exists, measure or describe of one attention.")
    attention = _carry_out(children[0], layout, grids)
    if module == "exists":
        return np.where(attention.any((1, 2)), "yes", "no").astype("<U8")
    if module == "measure":
        _expect(word, ("count",), layout)
        return attention.sum((1, 2)).astype("<U8")
    names, contents = _expect(word, _properties(grids), layout)
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
        TfmetaError: where the layout cannot be carried out on a grid of shapes.

    Example:
        >>> one = np.array([[[0, -1], [-1, -1]]], np.int8)
        >>> attend("(relate[right-of] find[red])", Grids(one, one, one)).astype(int)
        array([[[0, 1],
                [0, 0]]])
    """
    return _carry_out(_read(layout), layout, grids)


_Tree = tuple[str, str, tuple["_Tree", ...]]  # a module, its word, and what goes into it


def _carry_out(tree: _Tree, layout: str, grids: Grids) -> np.ndarray:
    module, word, children = tree
    inputs = [_carry_out(child, layout, grids) for child in children]
    if module == "find" and not inputs:
        return _found(word, layout, grids)
    if module == "relate" and len(inputs) == 1:
        down, right = _expect(word.replace("_", "-"), _STEPS, layout)
        return _moved(inputs[0], down, right)
    if module == "and" and len(inputs) >= 2:
        return np.logical_and.reduce(inputs)
    raise TfmetaError(
        f"{layout} cannot be carried out on a grid of shapes: {module} of {len(inputs)} attentions;"
        " expected find of none, relate of one, and of two or more."
    )


def _found(word: str, layout: str, grids: Grids) -> np.ndarray:
    if word == "shape":
        return grids.shapes >= 0
    for names, contents in ((COLOURS, grids.colours), (SHAPES, grids.shapes), (SIZES, grids.sizes)):
        if word in names:
            return contents == names.index(word)
    return _expect(word, ("shape", *COLOURS, *SHAPES, *SIZES), layout)


def _properties(grids: Grids) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    colours = COLOURS, grids.colours
    return {
        "color": colours, "colour": colours, "shape": (SHAPES, grids.shapes), "size": (SIZES, grids.sizes),
    }  # fmt: skip


def _expect(word: str, known: Any, layout: str) -> Any:
    """Returns what `known` holds for a word (the word itself, if that is a plain sequence)."""
    if word not in known:
        raise TfmetaError(f"{layout} names {word or 'nothing'} where it must not. {nearest(word, known)}")
    return known[word] if isinstance(known, dict) else word


def _moved(cells: np.ndarray, down: int, right: int) -> np.ndarray:
    """Moves a set of cells by one; what leaves the grid is lost."""
    moved = np.zeros_like(cells)
    size = cells.shape[1]
    rows, columns = slice(max(down, 0), size + min(down, 0)), slice(max(right, 0), size + min(right, 0))
    before = slice(max(-down, 0), size + min(-down, 0)), slice(max(-right, 0), size + min(-right, 0))
    moved[:, rows, columns] = cells[:, *before]
    return moved


@functools.lru_cache(maxsize=4096)
def _read(layout: str) -> _Tree:
    """Reads the text of a layout. Its types are the affair of whoever composes networks from it."""
    tokens = iter(_TOKEN.findall(layout))
    try:
        tree = _read_from(tokens, next(tokens))
    except StopIteration:
        raise TfmetaError(f"{layout!r} is no layout: it ends too early.") from None
    if next(tokens, None) is not None:
        raise TfmetaError(f"{layout!r} is no layout: it goes on after its end.")
    return tree


def _read_from(tokens: Iterator[str], token: str) -> _Tree:
    opened = token == "("
    head = _HEAD.fullmatch(next(tokens) if opened else token)
    if not head:
        raise TfmetaError(f"A module was expected where {token!r} came, such as find[red].")
    children = []
    while opened and (token := next(tokens)) != ")":
        children.append(_read_from(tokens, token))
    return head[1], head[2] or "", tuple(children)
