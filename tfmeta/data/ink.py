"""The ink of a drawing, whatever it was drawn with and on: levels, polarity, place and strokes.

`tfmeta.data.ink_graph` computes the same in the graph. Both take pages: square images of one grey, 0 black to 1 white.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["border_of", "ink_of", "ink_of_page", "levelled", "page_of", "page_side"]

LUMA = (0.299, 0.587, 0.114)
"""Of red, green and blue: ITU-R 601, which Pillow takes too."""

DEEP = (255, 1023, 4095, 16383, 65535)
"""The largest values of samples in files of 16 bits: of 8, 10, 12, 14 and 16 bits."""

SEEN = 0.25
"""What is transparent is white, unless the image has less contrast on white than this, and more on black."""

COARSE = 28
"""Side of the coarse page on which the paper is judged."""

WINDOW, NEAR, FAR = 7, 2.5, 6.0
"""The paper is the lightest in this window first, then a mean over near or far paper; in pixels of the coarse page."""

ROUNDS, SETTLED = 4, 1e-3
"""The paper is refined as many times at most, and until it changes by less."""

INKED, ERODED = 0.12, 3
"""Where a page is darker than its paper by this share, or is beside such a place, it is no paper."""

DARKEST, STRONGEST = 0.15, 0.001
"""Ink is measured by this paper at least, and by this share of a page, the strongest."""

LEAST = 1e-3
"""The least that is divided by."""

FAINTEST, SHADED = 0.1, 0.4
"""A page has no drawing where its strongest ink is a smaller share of its paper than this, and this share of how much
the paper varies: near the edge of a shadow, the paper is known less well."""

SOFTEST, WIDE = 0.35, 0.4
"""Nor has it one where ink rises by less over two pixels of the coarse page, or covers more of the page and its border:
what is so soft or so wide is a shadow."""

NO_INK, FULL_INK = 0.1, 0.9
"""Shares of the strongest ink that become 0 and 1; what is between is the edge of a stroke."""

SHORTEST, LONGEST = 16.0, 21.0
"""Longer sides of the boxes of most training drawings, in 28ths."""

PALEST = 0.75
"""The least level of strokes; paler ones, which are thinner than a pixel, are made as strong."""

THINNEST, USUAL, THICKEST = 1.1, 1.8, 2.6
"""Widths of strokes, in 28ths of a side: thinner ones grow until they are as usual, and thicker ones shrink."""

EDGES = 4 / np.pi
"""The width of strokes in 28ths is this many times their area by the differences along their edges, in 56ths."""

STEPS = 4
"""At most as often, by one 56th on both sides."""


def ink_of(image: Image.Image, side: int) -> np.ndarray | None:
    """Returns the ink of a drawing as the models of drawings know it: ink 1, paper 0.

    * The paper is what is light around the ink, in each place of the page: shadows and stains are paper. Light ink on
      dark paper is inverted first.
    * The strongest ink becomes 1, whether it is of a pen or of a pencil.
    * The drawing is scaled to the size that most training drawings have, and moved to the middle.
    * Strokes that are thinner or thicker than theirs grow or shrink.

    An image of exactly `side` pixels is a drawing of the models' own form, such as a picture made of an array. Only its
    levels and its polarity are set, by its border and its strongest ink.

    Args:
        image: of any colours and size, upright.
        side: of the result, in pixels.

    Returns:
        float32 ``[side, side]``; None where the page has no drawing.

    Example:
        >>> from PIL import Image, ImageDraw
        >>> page = Image.new("L", (300, 200), 240)
        >>> ImageDraw.Draw(page).line([(200, 60), (240, 150)], fill=90, width=4)
        >>> ink = ink_of(page, 28)
        >>> ink.shape, bool(ink.max() > 0.5), float(ink.min())
        ((28, 28), True, 0.0)
    """
    pixels = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    if pixels.shape[:2] == (side, side):
        return levelled(page_of(pixels, side))
    return ink_of_page(page_of(pixels, page_side(side)), side)


def border_of(page: np.ndarray) -> np.ndarray:
    """Returns the outermost pixels of an image ``[H, W]``: ``[2 W + 2 H]``, with the corners twice."""
    return np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])


def page_side(side: int) -> int:
    """Returns the side of the page on which an image is judged that is larger than the model's drawings."""
    return max(112, 2 * side)


def page_of(pixels: np.ndarray, side: int) -> np.ndarray:
    """Shrinks an image by averaging over areas, and adds paper, as light as the edge beside it, until it is square.

    Args:
        pixels: uint8 ``[H, W]`` or ``[H, W, 3]``.
        side: of the result. A smaller image is enlarged by bilinear interpolation.

    Returns:
        float32 ``[side, side]``, 0 black, 1 white.
    """
    (height, width), longest = pixels.shape[:2], max(pixels.shape[:2])
    high, wide = (max(1, (2 * size * side + longest) // (2 * longest)) for size in (height, width))
    down, across = resampling(height, high), resampling(width, wide)
    page = np.zeros([high, wide], np.float32)
    for top in range(0, height, 512):  # in bands, since floats take more memory than the image
        band = pixels[top : top + 512].astype(np.float32) / 255.0
        grey = band if band.ndim == 2 else band @ np.array(LUMA, np.float32)
        page += down[:, top : top + 512] @ grey @ across.T
    above, left = ((side - size) // 2 for size in (high, wide))
    square = np.empty([side, side], np.float32)
    square[:above], square[above + high :] = page[0].mean(), page[-1].mean()
    if high == side:
        square[:, :left], square[:, left + wide :] = page[:, 0].mean(), page[:, -1].mean()
    square[above : above + high, left : left + wide] = page
    return square


def ink_of_page(page: np.ndarray, side: int) -> np.ndarray | None:
    """Returns the ink ``[side, side]`` of a page ``[P, P]``, 0 black to 1 white; see `ink_of`."""
    size = len(page)
    coarse_of = resampling(size, COARSE)
    coarse = coarse_of @ page @ coarse_of.T
    border = border_of(coarse).mean()
    if border - coarse.min() < coarse.max() - border:
        page, coarse = 1 - page, 1 - coarse
    back, coarse_paper = resampling(COARSE, size), _paper(coarse)
    paper = back @ coarse_paper @ back.T
    ink = np.clip((paper - page) / np.maximum(paper, DARKEST), 0, 1)
    count = strongest_of(size)
    strength = np.sort(ink, axis=None)[-count:].mean()
    if _is_blank(coarse, coarse_paper, strength):
        return None
    ink = np.clip((ink / strength - NO_INK) / (FULL_INK - NO_INK), 0, 1)
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    length = max(bottom - top, right - left)
    step = length / np.clip(length * 28 / size, SHORTEST, LONGEST) * 28 / side  # pixels of the page a pixel
    down, across = (
        box_means(size, step / 2, (low + high) / 2 - side / 2 * step, 2 * side)
        for low, high in ((top, bottom), (left, right))
    )
    ink = down @ ink.astype(np.float32) @ across.T
    ink = np.minimum(1, ink * PALEST / min(_level(ink), PALEST))
    thin, thick = _width(ink) < THINNEST, _width(ink) > THICKEST
    for turn in range(STEPS):
        if thick and _width(ink) > THICKEST:
            ink = -_grown(-ink, turn)
        elif thin and _width(ink) < USUAL:
            ink = _grown(ink, turn)
    return np.clip(ink, 0, 1).reshape(side, 2, side, 2).mean(axis=(1, 3)).astype(np.float32)


def _is_blank(coarse: np.ndarray, paper: np.ndarray, strength: float) -> bool:
    """Says whether a coarse page has nothing that is darker than its paper but noise and shadows."""
    if strength < FAINTEST + SHADED * (1 - paper.min() / paper.max()):
        return True
    ink = np.maximum((paper - coarse) / np.maximum(paper, DARKEST), 0)
    ink /= max(ink.max(), LEAST)
    edge = max(np.abs(ink[2:] - ink[:-2]).max(), np.abs(ink[:, 2:] - ink[:, :-2]).max())
    return bool(edge < SOFTEST or min(border_of(ink).mean(), ink.mean()) > WIDE)


def levelled(page: np.ndarray) -> np.ndarray | None:
    """Returns the ink of a page, where it is as large as the paper and the strongest ink say; see `ink_of`."""
    border = np.sort(border_of(page))
    paper = border[len(border) // 2]
    if paper - page.min() < page.max() - paper:
        page, paper = 1 - page, 1 - paper
    ink = np.clip((paper - page) / max(paper, DARKEST), 0, 1)
    strength = np.sort(ink, axis=None)[-strongest_of(len(page)) :].mean()
    return None if strength < FAINTEST else np.minimum(1, ink / strength).astype(np.float32)


def strongest_of(size: int) -> int:
    """Returns how many pixels of a page say how strong its ink is."""
    return max(4, int(STRONGEST * size * size))


def box_means(size: int, step: np.ndarray | float, start: np.ndarray | float, count: int) -> np.ndarray:
    """Returns the weights of means over intervals of pixels, whose middles are `step` apart.

    An interval is as long as a step, or longer where pixels are enlarged, so that these are interpolated.

    Args:
        size: of the page, in pixels.
        step: in pixels, ``[...]``.
        start: where the first interval begins, in pixels, ``[...]``.
        count: of intervals.

    Returns:
        float32 ``[..., count, size]``.
    """
    step, start = (np.asarray(value, np.float32)[..., None] for value in (step, start))
    length = np.maximum(step, np.minimum(1.0, 2.0 - 4.0 * step))
    centre = start + (np.arange(count, dtype=np.float32) + 0.5) * step
    pixel = np.arange(size, dtype=np.float32)
    low, high = centre - length / 2, centre + length / 2
    overlap = np.minimum(pixel + 1, high[..., None]) - np.maximum(pixel, low[..., None])
    return (np.clip(overlap, 0, 1) / length[..., None]).astype(np.float32)


def blur(deviation: float) -> np.ndarray:
    """Returns the weights ``[COARSE, COARSE]`` of a Gaussian mean over the coarse page."""
    place = np.arange(COARSE)
    weights = np.exp(-((place[:, None] - place) ** 2) / (2 * deviation**2))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _paper(coarse: np.ndarray) -> np.ndarray:
    """Returns how light the paper is, in each place of a coarse page."""
    near, far = blur(NEAR), blur(FAR)
    paper = np.maximum(far @ _largest(coarse, WINDOW, WINDOW) @ far.T, LEAST)
    for _ in range(ROUNDS):
        seen = -_largest(-(coarse > (1 - INKED) * paper).astype(np.float32), ERODED, ERODED) + 1e-4
        share = near @ seen @ near.T
        trust = np.clip(share / 0.05, 0, 1)
        by_near = near @ (coarse * seen) @ near.T / share
        by_far = (far @ (coarse * seen) @ far.T) / (far @ seen @ far.T)
        last, paper = paper, np.maximum(trust * by_near + (1 - trust) * by_far, LEAST)
        if np.abs(paper - last).max() < SETTLED:
            break
    return paper


def _width(ink: np.ndarray) -> float:
    """Returns how wide strokes are, in 28ths of a side: their area by half the length of their edges."""
    edges = np.abs(np.diff(ink, axis=0)).sum() + np.abs(np.diff(ink, axis=1)).sum()
    return float(EDGES * ink.sum() / max(edges, LEAST) * _level(ink) * (56 / len(ink)))


def _level(ink: np.ndarray) -> float:
    """Returns how strong the ink of strokes is, mostly; faint edges count little."""
    square = np.square(ink)
    return float(max((square * ink).sum() / max(square.sum(), LEAST), LEAST))


def _grown(ink: np.ndarray, turn: int) -> np.ndarray:
    """Grows strokes by a pixel: by a plus and by a square in turn, which together make an octagon."""
    return _largest(ink, 3, 3) if turn % 2 else np.maximum(_largest(ink, 3, 1), _largest(ink, 1, 3))


def _largest(values: np.ndarray, high: int, wide: int) -> np.ndarray:
    """Returns the largest value in a window around each place."""
    padded = np.pad(values, [(high // 2, high // 2), (wide // 2, wide // 2)], mode="edge")
    return sliding_window_view(sliding_window_view(padded, high, axis=0).max(-1), wide, axis=1).max(-1)


def resampling(size: int, count: int) -> np.ndarray:
    """Returns the weights ``[count, size]`` of area means, or of bilinear interpolation where an image is enlarged."""
    if size >= count:
        return box_means(size, np.array(size / count), np.array(0.0), count)
    pixel = np.arange(size)
    centre = np.clip((np.arange(count) + 0.5) * size / count, 0.5, size - 0.5)[:, None]
    overlap = np.minimum(pixel + 1, centre + 0.5) - np.maximum(pixel, centre - 0.5)
    return np.clip(overlap, 0, 1).astype(np.float32)
