"""Anti-aliased drawing on a grey image: polygons, lines and smooth curves, by NumPy alone."""

import numpy as np

__all__ = ["blurred", "circle", "fill", "line", "smooth"]

_LINES = 4  # through a pixel

Window = tuple[slice, slice]
Colour = np.ndarray | float


def fill(
    image: np.ndarray,
    polygon: np.ndarray,
    colour: Colour,
    strength: float = 1.0,
    within: np.ndarray | None = None,
) -> None:
    """Fills a polygon. A pixel gets as much of the colour as is covered of it.

    Args:
        image: float ``[H, W]``, changed in place.
        polygon: its corners, x and y in pixels, ``[P, 2]``.
        colour: a grey, or one for each pixel ``[H, W]``.
        strength: 1 hides what is below.
        within: another polygon, outside of which nothing is drawn.

    Example:
        >>> image = np.zeros([3, 4])
        >>> fill(image, np.array([[0.5, 0.5], [3, 0.5], [3, 1.5], [0.5, 1.5]]), colour=1.0)
        >>> image[1].tolist()
        [0.0, 1.0, 1.0, 0.5]
    """
    window = _window(image, polygon, 1)
    covered = _covered(polygon, window)
    if within is not None:
        covered = covered * _covered(within, window)
    _paint(image, window, strength * covered, colour)


def line(image: np.ndarray, points: np.ndarray, colour: Colour, width: float, strength: float = 1.0) -> None:
    """Draws a line through points.

    Args:
        image: float ``[H, W]``, changed in place.
        points: x and y in pixels, ``[P, 2]``.
        colour: a grey, or one for each pixel ``[H, W]``.
        width: in pixels; a line below 1 is as wide as a pixel, and fainter.
        strength: 1 hides what is below.
    """
    window = _window(image, points, width)
    covered = np.clip(0.5 + max(width, 1.0) / 2 - _distance(points, window), 0, 1)
    _paint(image, window, strength * covered * min(width, 1.0), colour)


def smooth(points: np.ndarray, closed: bool = True) -> np.ndarray:
    """Returns a smooth line through points ``[P, 2]``, with two more between any two (Catmull and Rom's spline)."""
    if closed:
        before, first, after, second = (np.roll(points, by, axis=0) for by in (1, 0, -1, -2))
    else:
        more = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
        before, first, after, second = more[:-3], more[1:-2], more[2:-1], more[3:]
    between = [
        first
        + 0.5 * t * (after - before)
        + t**2 * (before - 2.5 * first + 2 * after - 0.5 * second)
        + t**3 * (1.5 * (first - after) + 0.5 * (second - before))
        for t in (0, 1 / 3, 2 / 3)
    ]
    curve = np.stack(between, 1).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def circle(points: int) -> np.ndarray:
    """Returns points of the circle of radius 1, ``[points, 2]``."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def blurred(image: np.ndarray, deviation: float) -> np.ndarray:
    """Returns an image blurred by a Gaussian, of about a pixel at most."""
    places = np.arange(-3, 4)
    kernel = np.exp(-0.5 * (places / deviation) ** 2)
    kernel /= kernel.sum()
    for _ in range(2):  # along the rows, and along the columns
        width = image.shape[1]
        padded = np.pad(image, [(0, 0), (3, 3)], mode="edge")
        image = np.sum([weight * padded[:, i : i + width] for i, weight in enumerate(kernel)], axis=0).T
    return image


def _paint(image: np.ndarray, window: Window, covered: np.ndarray, colour: Colour) -> None:
    below = image[window]
    image[window] = below + covered * (np.broadcast_to(colour, image.shape)[window] - below)


def _window(image: np.ndarray, points: np.ndarray, beyond: float) -> Window:
    """The part of the image that is around points."""
    size = image.shape[::-1]
    left, top = np.clip(np.floor(points.min(0) - beyond), 0, size).astype(int)
    right, bottom = np.clip(np.ceil(points.max(0) + beyond) + 1, 0, size).astype(int)
    return slice(top, bottom), slice(left, right)


def _covered(polygon: np.ndarray, window: Window) -> np.ndarray:
    """How much of each pixel a polygon covers: along four lines through it, between where they cross the edge."""
    rows, columns = window
    lines = (np.arange(_LINES * rows.start, _LINES * rows.stop) + 0.5) / _LINES - 0.5
    (ax, ay), (bx, by) = polygon.T, np.roll(polygon, -1, axis=0).T
    down = by > lines[:, None]
    crossed, edge = np.nonzero((ay > lines[:, None]) != down)
    x = ax[edge] + (lines[crossed] - ay[edge]) * (bx - ax)[edge] / (by - ay)[edge]
    right_of = np.clip(np.arange(columns.start, columns.stop) + 0.5 - x[:, None], 0, 1)
    winding = np.zeros([len(lines), columns.stop - columns.start])
    np.add.at(winding, crossed, np.where(down[crossed, edge], 1, -1)[:, None] * right_of)
    covered = np.minimum(np.abs(winding), 1)
    return covered.reshape(rows.stop - rows.start, _LINES, columns.stop - columns.start).mean(1)


def _distance(points: np.ndarray, window: Window) -> np.ndarray:
    """The distance of pixels from a line through points."""
    rows, columns = window
    x, y = np.arange(columns.start, columns.stop)[None, :], np.arange(rows.start, rows.stop)[:, None]
    (ax, ay), (dx, dy) = points[:-1].T[..., None, None], np.diff(points, axis=0).T[..., None, None]
    along = np.clip(((x - ax) * dx + (y - ay) * dy) / np.maximum(dx**2 + dy**2, 1e-9), 0, 1)
    return np.sqrt(np.min((x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2, axis=0))
