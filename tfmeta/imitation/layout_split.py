"""All layouts of cubes, and their division into those to train on and those to test with."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfmeta.core.checks import check
from tfmeta.core.words import counted
from tfmeta.imitation.layouts import LETTERS, Layout

__all__ = ["LayoutSplit", "count_layouts", "list_layouts", "list_shapes", "split_layouts"]


class LayoutSplit(NamedTuple):
    """Layouts to train on, and layouts to test with."""

    training: tuple[Layout, ...]
    test: tuple[Layout, ...]


def list_shapes(cubes: int, stages: int) -> list[tuple[int, ...]]:
    """Lists the shapes of layouts: the heights of the towers, the tallest first.

    Args:
        cubes: how many cubes there are.
        stages: how many of them are on another one.

    Returns:
        The ways to write `cubes` as a sum of ``cubes - stages`` heights.

    Example:
        >>> list_shapes(cubes=5, stages=2)
        [(3, 1, 1), (2, 2, 1)]
    """

    def heights(left: int, towers: int, most: int) -> Iterator[tuple[int, ...]]:
        if towers == 0:
            if left == 0:
                yield ()
            return
        for height in range(min(most, left - towers + 1), 0, -1):
            yield from ((height, *rest) for rest in heights(left - height, towers - 1, height))

    return list(heights(cubes, cubes - stages, cubes)) if 0 <= stages < cubes else []


def list_layouts(cubes: int, stages: int) -> Iterator[Layout]:
    """Yields each layout of so many cubes and stages once.

    There are many: 8 cubes with 4 stages have 58,800 layouts. `count_layouts` says how many before they are listed.

    Args:
        cubes: how many cubes there are.
        stages: how many of them are on another one.

    Yields:
        The layouts.

    Raises:
        ValueError: for more cubes than have names.

    Example:
        >>> [str(layout) for layout in list_layouts(cubes=3, stages=1)]
        ['ca b', 'ac b', 'cb a', 'bc a', 'ba c', 'ab c']
    """
    _check_cubes(cubes)

    def sets_of_towers(letters: str, towers: int) -> Iterator[tuple[str, ...]]:
        # The last cube is either alone, or somewhere in a tower of the others. So each set comes once.
        if not 0 < towers <= len(letters):
            if not letters and towers == 0:
                yield ()
            return
        others, last = letters[:-1], letters[-1]
        for rest in sets_of_towers(others, towers):
            for number, tower in enumerate(rest):
                for at in range(len(tower) + 1):
                    yield (*rest[:number], tower[:at] + last + tower[at:], *rest[number + 1 :])
        yield from ((*rest, last) for rest in sets_of_towers(others, towers - 1))

    return (Layout(" ".join(towers)) for towers in sets_of_towers(LETTERS[:cubes], cubes - stages))


def count_layouts(cubes: int, stages: int) -> int:
    """Returns how many layouts `list_layouts` yields: the Lah number of `cubes` and ``cubes - stages``.

    Example:
        >>> count_layouts(cubes=3, stages=1), count_layouts(cubes=8, stages=4)
        (6, 58800)
    """
    return sum(_count_names(shape) for shape in list_shapes(cubes, stages))


def split_layouts(
    most_cubes: int, stages: Sequence[int], *, names: int = 20, test_part: float = 0.25, seed: int = 0
) -> LayoutSplit:
    """Divides the shapes of layouts into those to train on and those to test with, and draws layouts of each.

    No test layout is a training layout with other names for the cubes. A network that does not depend on the order of
    the cubes sees no difference between two such layouts, so only another shape is new to it. Shapes that differ in
    the number of cubes on the table are different shapes. The names of the cubes are drawn at random, so that which
    cube goes where follows from the demonstration alone.

    Args:
        most_cubes: cubes of a layout at most; there are layouts of all smaller numbers too.
        stages: the numbers of stages. Each is divided for itself.
        names: layouts of a shape at most; there are fewer where the shape has fewer.
        test_part: which part of the shapes is for the test; at least one shape of each number of stages.
        seed: names the division and the draws.

    Returns:
        The layouts, ordered by stages.

    Raises:
        ValueError: for numbers that make no sense, or where a number of stages has a single shape only.

    Example:
        >>> split = split_layouts(4, stages=[1, 2], names=2)
        >>> [str(layout) for layout in split.test]
        ['ab c', 'ac b', 'ad cb', 'ad bc']
        >>> {layout.shape for layout in split.training} & {layout.shape for layout in split.test}
        set()
    """
    _check_cubes(most_cubes)
    check(names >= 1, f"names={names}; expected at least 1 layout of each shape.")
    check(0 < test_part < 1, f"test_part={test_part}; expected a number between 0 and 1.")
    check(len(stages) > 0, "stages is empty; expected numbers of stages, such as [1, 2, 3].")
    training: list[Layout] = []
    test: list[Layout] = []
    for number in stages:
        check(number >= 1, f"stages={list(stages)}; expected each to be at least 1.")
        shapes = [shape for cubes in range(2, most_cubes + 1) for shape in list_shapes(cubes, number)]
        check(
            len(shapes) >= 2,
            f"At most {most_cubes} cubes have {counted(len(shapes), 'shape')} with {counted(number, 'stage')}; expected"
            f" at least 2, one to train on and one to test with. Allow {number + 2} cubes, or leave these stages out.",
        )
        random = np.random.default_rng([seed, number])
        held_out = min(max(1, round(test_part * len(shapes))), len(shapes) - 1)
        chosen = set(random.choice(len(shapes), held_out, replace=False).tolist())
        for at, shape in enumerate(shapes):
            (test if at in chosen else training).extend(_draw_names(shape, names, random))
    return LayoutSplit(tuple(training), tuple(test))


def _draw_names(shape: tuple[int, ...], names: int, random: np.random.Generator) -> list[Layout]:
    drawn: dict[Layout, None] = {}  # keeps the order
    wanted = min(names, _count_names(shape))
    while len(drawn) < wanted:
        letters = iter(random.permutation(list(LETTERS[: sum(shape)])).tolist())
        drawn[Layout(" ".join("".join(next(letters) for _ in range(height)) for height in shape))] = None
    return list(drawn)


def _count_names(shape: tuple[int, ...]) -> int:
    """Towers of the same height may trade places without another layout."""
    same = math.prod(math.factorial(count) for count in Counter(shape).values())
    return math.factorial(sum(shape)) // same


def _check_cubes(cubes: int) -> None:
    check(1 <= cubes <= len(LETTERS), f"{counted(cubes, 'cube')} came; expected from 1 to {len(LETTERS)}.")
