"""Scenes of coloured shapes: what stands where, drawn at random."""

from collections.abc import Collection, Sequence

import numpy as np

from tfmeta.data.shape_grid import COLOURS, SHAPES, SIZES, Grids

__all__ = ["draw_scenes", "shown"]

_LEANING = 0.6  # at most, how often a cell takes a colour or a shape that is wanted


def draw_scenes(
    random: np.random.Generator,
    count: int,
    *,
    cells: int,
    colours: Sequence[str],
    shapes: Sequence[str],
    occupied: float,
    wanted: Collection[str] = (),
    avoid: Collection[tuple[str, str]] = (),
) -> Grids:
    """Draws scenes: each cell is empty or holds a shape, and cells do not depend on each other.

    Args:
        random: where the draws come from.
        count: of scenes.
        cells: along a side, n.
        colours: names to draw from.
        shapes: names to draw from.
        occupied: how likely a cell holds a shape.
        wanted: colours and shapes that some of the scenes show more of: of each on its own, so that a scene with
            many red shapes and many circles may well have no red circle.
        avoid: colours with shapes that no cell holds together.

    Returns:
        What stands in the cells of the scenes.
    """
    size = [count, cells, cells]
    leaning = _LEANING * random.random([count, 1, 1])

    def drawn(names: Sequence[str], order: Sequence[str]) -> np.ndarray:
        places = np.array([order.index(name) for name in names])
        chosen = places[random.integers(len(places), size=size)]
        likely = np.array([order.index(name) for name in names if name in wanted])
        if not len(likely):
            return chosen
        instead = random.random(size) < leaning
        return np.where(instead, likely[random.integers(len(likely), size=size)], chosen)

    grids = Grids(drawn(colours, COLOURS), drawn(shapes, SHAPES), random.integers(len(SIZES), size=size))
    if avoid:
        allowed = [(colour, shape) for colour in colours for shape in shapes if (colour, shape) not in avoid]
        pairs = np.array([(COLOURS.index(colour), SHAPES.index(shape)) for colour, shape in allowed])
        other = pairs[random.integers(len(pairs), size=size)]  # [M, n, n, 2]
        wrong = shown(grids, avoid)
        grids = Grids(
            np.where(wrong, other[..., 0], grids.colours),
            np.where(wrong, other[..., 1], grids.shapes),
            grids.sizes,
        )
    there = random.random(size) < occupied
    return Grids(
        *(np.where(there, part, -1).astype(np.int8) for part in (grids.colours, grids.shapes, grids.sizes))
    )


def shown(grids: Grids, pairs: Collection[tuple[str, str]]) -> np.ndarray:
    """Returns the cells that hold one of some colours with its shape: bool ``[M, n, n]``."""
    cells = np.zeros(grids.colours.shape, bool)
    for colour, shape in pairs:
        cells |= (grids.colours == COLOURS.index(colour)) & (grids.shapes == SHAPES.index(shape))
    return cells
