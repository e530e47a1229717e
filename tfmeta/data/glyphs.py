"""Characters of alphabets that do not exist: strokes drawn by a program, for a first run with no download."""

from collections.abc import Iterable

import numpy as np

from tfmeta.core.checks import check

__all__ = ["glyphs"]

_SIDE = 28
_INK_PIXELS = 4  # a pixel is averaged from 4 x 4, nearly Omniglot's 105 / 28
_CANVAS = _SIDE * _INK_PIXELS
_STROKES = 4  # at most
_KNOTS = 5  # of a stroke
_POINTS = 160  # along a stroke: closer together than the pen is wide
_CLASSES_AT_ONCE = 50


def glyphs(classes: int | Iterable[int], drawings: int = 20, seed: int = 0) -> np.ndarray:
    """Draws characters, each many times, as different hands would.

    A character is one to four strokes (lines, arcs, corners, waves, loops) that mostly start where an earlier
    one passes. Each drawing of it bends the strokes a little, and slants, turns, scales and shifts the whole.
    Character ``c`` of seed ``s`` and its drawings are a pure function of ``(s, c)``: ask for more characters or
    drawings, and the first ones stay the same.

    Args:
        classes: how many characters (then the first ones), or the numbers of those wanted.
        drawings: of each character.
        seed: names the sequence of characters.

    Returns:
        uint8 ``[classes, drawings, 28, 28, 1]``: ink 255, paper 0, as `load_omniglot` returns them.

    Raises:
        ValueError: for a negative number, or no drawings.

    Example:
        >>> glyphs(3, drawings=2).shape
        (3, 2, 28, 28, 1)
        >>> bool((glyphs([2], drawings=2) == glyphs(3, drawings=2)[2:]).all())
        True
    """
    if isinstance(classes, int | np.integer):
        check(classes >= 0, f"classes={classes}; expected 0 or more.")
        classes = range(classes)
    numbers = [int(number) for number in classes]
    least = min(numbers, default=0)
    check(least >= 0, f"classes holds {least}; characters are numbered from 0.")
    check(drawings >= 1, f"drawings={drawings}; expected at least 1.")
    check(seed >= 0, f"seed={seed}; expected 0 or more.")

    images = np.zeros([len(numbers), drawings, _SIDE, _SIDE, 1], np.uint8)
    for first in range(0, len(numbers), _CLASSES_AT_ONCE):
        part = slice(first, first + _CLASSES_AT_ONCE)
        hands = [_drawn(np.random.default_rng([seed, number]), drawings) for number in numbers[part]]
        paths = np.concatenate([path for path, _ in hands])  # [M, strokes, points, 2]
        there = np.concatenate([np.tile(inked, (drawings, 1)) for _, inked in hands])  # [M, strokes]
        images[part] = _rendered(paths, there).reshape(-1, drawings, _SIDE, _SIDE, 1)
    return images


def _drawn(random: np.random.Generator, drawings: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns paths ``[drawings, strokes, points, 2]`` on the unit square, and which of the strokes there are."""
    knots, smooth, count = _character(random)
    # One draw for all, so that the first drawings do not depend on how many follow.
    noise = random.standard_normal([drawings, _STROKES * 3 * 2 + 6]).astype(np.float32)
    whole, parts = noise[:, :6], noise[:, 6:].reshape(drawings, _STROKES, 3, 2)
    hands = knots + 0.022 * (_SWAY @ parts)  # [drawings, strokes, knots, 2]

    angle, slant = 0.07 * whole[:, 0], 0.09 * whole[:, 1]
    wider, taller = np.exp(0.08 * whole[:, 2]), np.exp(0.08 * whole[:, 3])
    cos, sin = np.cos(angle), np.sin(angle)
    affine = np.stack([wider * cos, slant - sin, sin, taller * cos], -1).reshape(drawings, 2, 2)
    hands = np.einsum("dij,dskj->dski", affine, hands) + 0.5 + 0.035 * whole[:, None, None, 4:]

    paths = np.where(smooth[:, None, None], _CURVE @ hands, _CORNERS @ hands)
    return paths, np.arange(_STROKES) < count


def _character(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Invents a character: knots ``[strokes, knots, 2]`` around 0, which strokes are smooth, their number."""
    count = int(random.choice(_STROKES, p=[0.2, 0.37, 0.28, 0.15])) + 1
    knots = np.zeros([_STROKES, _KNOTS, 2], np.float32)
    smooth = np.zeros(_STROKES, bool)
    for stroke in range(count):
        walk, smooth[stroke] = _stroke(random, alone=count == 1)
        if stroke:
            joins = knots[random.integers(stroke), random.choice([0, 0, 2, 4, 4])]
            own = walk[random.choice([0, 0, 0, 2])]  # by an end, or crossing in the middle
            walk += joins - own if random.random() < 0.75 else random.uniform(-0.5, 0.5, 2) - walk.mean(0)
        knots[stroke] = walk
    low, high = knots[:count].min((0, 1)), knots[:count].max((0, 1))
    size = random.uniform(0.52, 0.74) / max(0.3, float((high - low).max()))
    return (knots - (low + high) / 2) * size, smooth, count


def _stroke(random: np.random.Generator, alone: bool) -> tuple[np.ndarray, bool]:
    """Returns the knots of one stroke ``[knots, 2]``, begun at 0, and whether it is smooth."""
    kind = random.choice(5, p=[0.05, 0.3, 0.2, 0.25, 0.2] if alone else [0.4, 0.27, 0.16, 0.05, 0.12])
    sign, sweep = random.choice([-1.0, 1.0]), random.uniform(0.0, 1.0)
    length = random.uniform(0.5, 1.0) * [1.0, 1.2, 1.3, 1.8, 1.8][kind]
    right = np.pi / 2
    turns = [
        np.zeros(3),  # a line
        np.full(3, sign * (0.35 + 0.75 * sweep)),  # an arc
        np.roll([sign * right * (0.9 + 0.5 * sweep), 0.0, 0.0], random.integers(3)),  # a corner
        sign * np.array([1.0, -1.0, 1.0]) * right * (0.6 + 0.8 * sweep),  # a wave or a zigzag
        np.full(3, sign * right * (0.95 + 0.3 * sweep)),  # a loop
    ][kind]
    # Hands favour the upright, the level and the two diagonals.
    heading = random.integers(8) * np.pi / 4 + random.normal(0.0, 0.12)
    headings = heading + np.concatenate([[0.0], np.cumsum(turns)])
    uneven = 0.08 if kind == 4 else 0.3  # a loop of unequal steps would not close
    steps = random.uniform(1.0 - uneven, 1.0 + uneven, _KNOTS - 1) * length / (_KNOTS - 1)
    walk = np.cumsum(steps[:, None] * np.stack([np.sin(headings), np.cos(headings)], -1), axis=0)
    corners = kind == 2 or (kind == 3 and random.random() < 0.4)
    return np.concatenate([np.zeros([1, 2]), walk]).astype(np.float32), not corners


def _rendered(paths: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Draws paths ``[M, strokes, points, 2]`` with a round pen and averages them to uint8 ``[M, 28, 28]``."""
    count = len(paths)
    canvas = np.zeros([count, _CANVAS, _CANVAS], bool)
    row, column = np.moveaxis(np.clip(np.rint(paths * _CANVAS), 3, _CANVAS - 4).astype(np.int32), -1, 0)
    which = np.broadcast_to(np.arange(count)[:, None, None], row.shape)
    canvas[which[there], row[there], column[there]] = True
    # A round pen five pixels wide: Omniglot's strokes look so after scaling.
    square = _spread(_spread(canvas, 1), 2)
    ink = _spread(square, 1) | _spread(square, 2)
    blocks = ink.view(np.uint8).reshape(count, _SIDE, _INK_PIXELS, _SIDE, _INK_PIXELS)
    covered = blocks.sum(4, dtype=np.uint8).sum(2, dtype=np.uint16)
    return (covered * 255 // _INK_PIXELS**2).astype(np.uint8)


def _spread(canvas: np.ndarray, axis: int) -> np.ndarray:
    """Inks the neighbours of every inked pixel along an axis."""
    inked = canvas.copy()
    before, after = np.moveaxis(canvas, axis, 1), np.moveaxis(inked, axis, 1)
    after[:, 1:] |= before[:, :-1]
    after[:, :-1] |= before[:, 1:]
    return inked


def _corner_basis() -> np.ndarray:
    """The matrix ``[points, knots]`` of a path that runs straight from knot to knot."""
    position = np.linspace(0.0, _KNOTS - 1.0, _POINTS)
    return np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(_KNOTS))).astype(np.float32)


def _curve_basis() -> np.ndarray:
    """The matrix ``[points, knots]`` of a Catmull-Rom spline, which passes through its knots."""
    position = np.linspace(0.0, _KNOTS - 1.0, _POINTS)
    start = np.minimum(position.astype(int), _KNOTS - 2)
    t = position - start
    weights = 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2], axis=-1
    )
    basis = np.zeros([_POINTS, _KNOTS + 2])
    for offset in range(4):
        basis[np.arange(_POINTS), start + offset] = weights[:, offset]
    # Knots before the first and after the last continue the ends straight: 2 * k[0] - k[1].
    basis[:, 1] += 2 * basis[:, 0]
    basis[:, 2] -= basis[:, 0]
    basis[:, -2] += 2 * basis[:, -1]
    basis[:, -3] -= basis[:, -1]
    return basis[:, 1:-1].astype(np.float32)


_CORNERS, _CURVE = _corner_basis(), _curve_basis()
# A hand errs slowly along a stroke: at its ends and its middle, and in between by their parabola.
_SWAY = np.array([[8, 0, 0], [3, 6, -1], [0, 8, 0], [-1, 6, 3], [0, 0, 8]], np.float32) / 8
