"""The ink of a drawing, from an image of any colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ink_of"]


def ink_of(image: Image.Image, side: int) -> np.ndarray:
    """Returns the ink of a drawing: ink 1, paper 0.

    The paper is what the border of the image shows most; if that is the lighter part, the image is inverted. An image
    that is not square gets more paper. It is then scaled by averaging over areas, as Omniglot is.

    Args:
        image: of any colours.
        side: of the result, in pixels.

    Returns:
        float32 ``[side, side]``.
    """
    from PIL import Image

    grey = np.asarray(image.convert("L"), np.float32) / 255.0
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = 1.0 - grey if np.median(border) > 0.5 else grey
    short = max(ink.shape) - np.array(ink.shape)
    square = np.pad(ink, [(gap // 2, gap - gap // 2) for gap in short])
    scaled = Image.fromarray(square).resize((side, side), Image.Resampling.BOX)
    return np.asarray(scaled, np.float32)
