"""Questions about a database of places."""

from pathlib import Path

import numpy as np

from tfmeta.asking.answer import Answer, Question, ask, question_signature
from tfmeta.asking.readings import least_probability
from tfmeta.core.checks import TfmetaError
from tfmeta.core.model import Model
from tfmeta.data.geo_world import FEATURES, FeatureNames, GeoWorld, load_geo_world, names_of_features

__all__ = ["ask_about_world", "inputs_of_world", "load_world"]

_KINDS = tuple(kind for kind in FEATURES if kind != "observations")  # those that world.txt holds


def load_world(model: Model, folder: str | Path) -> GeoWorld:
    """Reads a database of places, with the features that a model knows.

    Args:
        model: an exported module network.
        folder: it holds locations.txt and world.txt.

    Raises:
        TfmetaError: for a model that is not asked about places, or files that are not what they should be.
    """
    inputs = question_signature(model, "features", "places").inputs
    sizes = tuple((inputs[name].shape or [0])[-1] if name in inputs else 0 for name in ("features", "pairs"))
    for kind in _KINDS:
        if tuple(map(len, names_of_features(kind))) == sizes:
            return load_geo_world(folder, kind)
    names: list[FeatureNames] = [names_of_features(kind) for kind in _KINDS]
    known = " or ".join(f"{len(entities)} and {len(pairs)}" for entities, pairs in names)
    raise TfmetaError(
        f"{model.name} takes {sizes[0]} features of a place and {sizes[1]} of a pair; expected {known}, which can be"
        " read from world.txt."
    )


def ask_about_world(model: Model, question: Question, world: GeoWorld) -> Answer:
    """Asks about a database of places.

    Args:
        model: an exported module network.
        question: as `tfmeta.asking.read_question` returned it.
        world: what `load_world` returned.

    Raises:
        TfmetaError: for layouts that the model cannot run; from a served model a `ServingError`.
    """
    return ask(model, question, inputs_of_world(world), world.entities, least_probability(model))


def inputs_of_world(world: GeoWorld) -> dict[str, np.ndarray]:
    """Returns what a question about K places is about, by the names of the inputs of ``answer``.

    Returns:
        ``features`` ``[1, K, D]``, ``mask`` ``[1, K]``, ``pairs`` ``[1, K, K, R]`` and ``names`` ``[1, K]``.
    """
    return {
        "features": world.features[None], "mask": np.ones([1, len(world.entities)], np.float32),
        "pairs": world.pairs[None], "names": np.array([world.entities], object),
    }  # fmt: skip
