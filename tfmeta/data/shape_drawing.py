"""Images of coloured shapes on a grid, drawn as those of SHAPES are, or less tidily."""

from typing import NamedTuple

import numpy as np

from tfmeta.core.checks import check
from tfmeta.data.shape_grid import SHAPES, Grids

__all__ = ["DRAWS", "STYLES", "Style", "draw_grids"]

DRAWS = 9
"""How many random numbers a cell is drawn with."""


class Style(NamedTuple):
    """How shapes are drawn; lengths are in sides of a cell, and half of what a shape is wide.

    Attributes:
        small: least and greatest radius of a small shape.
        big: least and greatest radius of a big shape.
        colour: how far each channel strays from the pure colour.
        aside: how far a shape lies from the middle of its cell, as a part of the room that it has.
        background: the brightest background; 0 is black.
        grain: standard deviation of what each pixel strays.
    """

    small: tuple[float, float]
    big: tuple[float, float]
    colour: float
    aside: float
    background: float
    grain: float


STYLES = {
    "shapes": Style((0.225, 0.275), (0.3375, 0.4125), colour=0.2, aside=0.0, background=0.0, grain=0.0),
    "varied": Style((0.2, 0.29), (0.33, 0.45), colour=0.3, aside=0.8, background=0.2, grain=0.02),
}
"""Styles by their names: ``"shapes"`` is that of the data set SHAPES, as its authors tell and its pixels show."""

_RGB = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.float32)  # of COLOURS
_LINES = 5  # through a pixel
_LEAST_PIXELS = 8  # of a cell: in fewer, a circle is a square


def draw_grids(grids: Grids, side: int, style: str, draws: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """Draws what stands in the cells, with anti-aliasing: a pixel has as much of a colour as is covered by it.

    Args:
        grids: what stands in the cells of M images.
        side: of the images, in pixels; a multiple of the number of cells.
        style: a name of `STYLES`.
        draws: uniform in 0..1, ``[M, n, n, 9]``: the size, the shade and the place of each shape.
        grain: standard normal, ``[M, side, side]``; only styles with grain look at it.

    Returns:
        float32 ``[M, side, side, 3]``: red, green and blue in steps of 1 / 255.

    Raises:
        ValueError: for an unknown style, or where a cell has no room.
    """
    count, cells = grids.shapes.shape[:2]
    check(style in STYLES, f"style={style!r}; expected one of {', '.join(STYLES)}.")
    check(
        side % cells == 0 and side >= _LEAST_PIXELS * cells,
        f"side={side} with {cells} cells; expected a multiple of {cells}, {_LEAST_PIXELS * cells} at least.",
    )
    look, pixels = STYLES[style], side // cells
    draws = draws.astype(np.float32)
    span = np.array([look.small, look.big], np.float32)[np.maximum(grids.sizes, 0)]  # [M, n, n, 2]
    radius = pixels * (span[..., 0] + draws[..., 0] * (span[..., 1] - span[..., 0]))
    room = look.aside * (pixels / 2 - radius)[..., None]
    centre = pixels / 2 + room * (2 * draws[..., 1:3] - 1)  # [M, n, n, 2]: row, column
    colour = np.clip(_RGB[np.maximum(grids.colours, 0)] + look.colour * (2 * draws[..., 3:6] - 1), 0, 1)
    background = look.background * draws[:, 0, 0, 6:9]

    covered = _covered(grids.shapes, radius, centre, pixels)[..., None]  # [M, n, n, pixels, pixels, 1]
    below = background[:, None, None, None, None]
    drawn = below + covered * (colour[..., None, None, :] - below)
    images = drawn.swapaxes(2, 3).reshape(count, side, side, 3)
    if look.grain:
        images = np.clip(images + look.grain * grain[..., None].astype(np.float32), 0, 1)
    return np.rint(images * 255) / np.float32(255)


def _covered(shapes: np.ndarray, radius: np.ndarray, centre: np.ndarray, pixels: int) -> np.ndarray:
    """How much of each pixel of a cell its shape covers: ``[M, n, n, pixels, pixels]``.

    A level line meets each of the shapes in one stretch around its middle, and how much of a pixel lies within a
    stretch is exact. A pixel's part is the mean over the lines through it, of which those at the top and the foot of
    a shape count in part.
    """
    lines = (np.arange(pixels * _LINES, dtype=np.float32) + 0.5) / _LINES
    height = (lines - centre[..., :1]) / radius[
        ..., None
    ]  # [M, n, n, lines], -1 at the top of a shape, 1 at its foot
    half = radius[..., None] * _half_width(shapes[..., None], height)
    middle, edges = centre[..., 1, None, None], np.arange(pixels, dtype=np.float32)
    left, right = middle - half[..., None] - edges, middle + half[..., None] - edges
    counts = np.clip((1 - np.abs(height)) * radius[..., None] * _LINES + 0.5, 0, 1)[..., None]
    within = counts * (np.clip(right, 0, 1) - np.clip(left, 0, 1))  # [M, n, n, lines, pixels]
    return within.reshape(*shapes.shape, pixels, _LINES, pixels).mean(4)


def _half_width(shapes: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Half of what a shape of radius 1 is wide at a height, -1 to 1; 0 in an empty cell."""
    height = np.clip(height, -1, 1)
    distance = np.abs(height)
    widths = {
        "circle": np.sqrt(1 - distance**2),
        "square": np.float32(1),
        "triangle": (1 + height) / 2,
        "diamond": 1 - distance,
        "cross": np.where(distance < 0.35, np.float32(1), np.float32(0.35)),
    }
    return np.select([shapes == SHAPES.index(name) for name in widths], list(widths.values()))
