"""Target layouts of cubes as text, such as ``abc de``."""

import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.words import counted, printable

__all__ = ["LETTERS", "Layout", "LayoutError", "LayoutTable", "layout_table"]

LETTERS = string.ascii_lowercase[:10]
"""The names of cubes, so there are at most 10 in a layout."""


class LayoutError(TfmetaError, ValueError):
    """A layout that cannot be built; its text says why."""


@dataclass(frozen=True)
class Layout:
    """Towers of cubes. Each word of the text is a tower, each letter a cube, and the first letter is at the bottom.

    The cubes of a layout are ``a``, ``b`` and so on without a gap. A word of one letter is a cube that stays on the
    table. The order of the towers has no meaning, so ``ab cd`` and ``cd ab`` are the same layout. Its text has the
    tallest towers first, and towers of the same height in the order of the alphabet.

    Args:
        text: the towers, with spaces between them.

    Raises:
        LayoutError: for a text that names no cubes, names one twice, skips one, or has other characters.

    Example:
        >>> layout = Layout("c ed ab")
        >>> str(layout), layout.cubes, layout.stages, layout.shape, layout.supports
        ('ab ed c', 5, 2, (2, 2, 1), (-1, 0, -1, 4, -1))
        >>> layout == Layout("ab c ed")
        True

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning: block stacking.
    """

    text: str

    def __post_init__(self) -> None:
        _check_text(self.text)
        towers = sorted(self.text.split(), key=lambda tower: (-len(tower), tower))
        object.__setattr__(self, "text", " ".join(towers))

    def __str__(self) -> str:
        return self.text

    @cached_property
    def towers(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the cubes of each tower, from the bottom."""
        return tuple(tuple(map(LETTERS.index, tower)) for tower in self.text.split())

    @property
    def cubes(self) -> int:
        """How many cubes there are."""
        return sum(map(len, self.towers))

    @property
    def stages(self) -> int:
        """How many cubes must be placed on another one."""
        return self.cubes - len(self.towers)

    @property
    def shape(self) -> tuple[int, ...]:
        """The heights of the towers, the tallest first; the layouts of a shape differ in the names of the cubes."""
        return tuple(map(len, self.towers))

    @property
    def order(self) -> tuple[int, ...]:
        """The cubes in the order in which they are placed: tower by tower, each from the bottom."""
        return tuple(cube for tower in self.towers for cube in tower)

    @property
    def supports(self) -> tuple[int, ...]:
        """For each cube the one that it is on, or -1 for the table."""
        below = {
            cube: under for tower in self.towers for under, cube in zip((-1, *tower), tower, strict=False)
        }
        return tuple(below[cube] for cube in range(self.cubes))


class LayoutTable(NamedTuple):
    """L layouts of at most N cubes as arrays of int32.

    Attributes:
        cubes: how many cubes each layout has, ``[L]``.
        supports: for each cube the one that it is on, -1 for the table or where there is no cube, ``[L, N]``.
        rank: when each cube is placed, counted from 0; N where there is no cube, ``[L, N]``.
    """

    cubes: np.ndarray
    supports: np.ndarray
    rank: np.ndarray


def layout_table(layouts: Sequence[Layout | str], most_cubes: int) -> LayoutTable:
    """Turns layouts into arrays.

    Args:
        layouts: L of them, as layouts or texts.
        most_cubes: N.

    Returns:
        The arrays.

    Raises:
        LayoutError: for a text that is no layout, or a layout of more than N cubes.

    Example:
        >>> table = layout_table(["ab", "cab"], most_cubes=3)
        >>> table.cubes.tolist(), table.supports.tolist(), table.rank.tolist()
        ([2, 3], [[-1, 0, -1], [2, 0, -1]], [[0, 1, 3], [1, 2, 0]])
    """
    read = [layout if isinstance(layout, Layout) else Layout(layout) for layout in layouts]
    supports = np.full([len(read), most_cubes], -1, np.int32)
    rank = np.full([len(read), most_cubes], most_cubes, np.int32)
    for row, layout in enumerate(read):
        if layout.cubes > most_cubes:
            raise LayoutError(
                f"The layout {layout.text!r} has {counted(layout.cubes, 'cube')}; expected at most {most_cubes}."
                " Name fewer cubes, or allow more."
            )
        supports[row, : layout.cubes] = layout.supports
        rank[row, list(layout.order)] = np.arange(layout.cubes)
    return LayoutTable(np.array([layout.cubes for layout in read], np.int32), supports, rank)


def _check_text(text: str) -> None:
    if not isinstance(text, str):
        raise LayoutError(f"A layout came as {type(text).__name__}; expected a text such as 'ab c'.")
    shown = repr(printable(text[:40]))
    letters = "".join(text.split())
    if not letters:
        raise LayoutError(f"The layout {shown} names no cube; expected towers such as 'ab c'.")
    if unknown := sorted(set(letters) - set(LETTERS)):
        raise LayoutError(
            f"The layout {shown} names {printable(unknown[0])!r}, which is no cube; expected letters from"
            f" {LETTERS[0]!r} to {LETTERS[-1]!r}, and spaces between towers."
        )
    if twice := [letter for letter, count in Counter(letters).items() if count > 1]:
        raise LayoutError(
            f"The layout {shown} names cube {twice[0]!r} {letters.count(twice[0])} times; expected each cube once."
            " Name another cube there."
        )
    if missing := sorted(set(LETTERS[: LETTERS.index(max(letters)) + 1]) - set(letters)):
        raise LayoutError(
            f"The layout {shown} names cube {max(letters)!r} but not {missing[0]!r}; expected the first letters of the"
            f" alphabet without a gap. Add {missing[0]!r} as a tower of its own if it is to stay on the table."
        )
