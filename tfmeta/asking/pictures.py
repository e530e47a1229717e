"""Questions about a picture."""

from pathlib import Path

import numpy as np

from tfmeta.asking.answer import Answer, Question, ask, question_signature
from tfmeta.asking.readings import least_probability
from tfmeta.core.checks import TfmetaError
from tfmeta.core.model import Model
from tfmeta.data.image_files import open_image

__all__ = ["ask_about_picture", "load_picture"]


def load_picture(model: Model, file: str | Path) -> np.ndarray:
    """Reads a picture of the size that a model looks at.

    Args:
        model: an exported module network.
        file: the picture, in any format that Pillow reads; it is turned upright, and is white where it is transparent.

    Returns:
        float32 ``[H, W, 3]``, 0 to 1.

    Raises:
        TfmetaError: for a model that is not asked about pictures, a file that is missing, broken or no picture, or a
            picture of another size.
    """
    _, height, width, _ = question_signature(model, "image", "pictures").inputs["image"].shape or [None] * 4
    image = np.asarray(open_image(file).convert("RGB"), np.float32) / 255
    if image.shape[:2] != (height, width):
        raise TfmetaError(
            f"{file} is {image.shape[1]}x{image.shape[0]} pixels, but the model looks at {width}x{height};"
            " resize the picture."
        )
    return image


def ask_about_picture(model: Model, question: Question, image: np.ndarray) -> Answer:
    """Asks about a picture.

    Args:
        model: an exported module network.
        question: as `tfmeta.asking.read_question` returned it.
        image: what `load_picture` returned.

    Raises:
        TfmetaError: for layouts that the model cannot run; from a served model a `ServingError`.
    """
    return ask(model, question, {"image": image[None]}, least=least_probability(model))
