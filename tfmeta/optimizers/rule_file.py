"""A learnt rule as text: what it is built of, and its weights."""

import base64
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import find_model
from tfmeta.optimizers.learned_rule import LearnedRule

__all__ = ["RULE_FILE", "describe_rule", "read_rule", "restore_rule"]

RULE_FILE = "rule.json"
"""What an artefact keeps its rule in, in ``assets.extra/``, for `tfmeta.optimizers.LearnedOptimizer`."""


def describe_rule(rule: LearnedRule) -> dict[str, Any]:
    """Returns all of a rule as plain data, 28 kB of JSON for two layers of 20.

    Example:
        >>> from tfmeta.optimizers import CoordinatewiseLSTM
        >>> rule = LearnedRule(CoordinatewiseLSTM())
        >>> copy = restore_rule(describe_rule(rule))
        >>> all(np.array_equal(one, other) for one, other in zip(rule.get_weights(), copy.get_weights()))
        True
    """
    weights = np.concatenate([weight.ravel() for weight in rule.get_weights()]).astype("<f4")
    return {
        "rule": keras.saving.serialize_keras_object(rule),
        "weights": base64.b64encode(weights.tobytes()).decode("ascii"),
    }


def restore_rule(description: dict[str, Any]) -> LearnedRule:
    """Builds the rule that `describe_rule` described.

    Raises:
        ValueError: where the weights are not those of the rule.
    """
    rule = keras.saving.deserialize_keras_object(description["rule"])
    weights = np.frombuffer(base64.b64decode(description["weights"]), "<f4")
    shapes = [weight.shape for weight in rule.get_weights()]
    sizes = [int(np.prod(shape)) for shape in shapes]
    if len(weights) != sum(sizes):
        raise ValueError(f"the rule has {sum(sizes)} weights, but {len(weights)} are given; export it again.")
    parts = np.split(weights, np.cumsum(sizes)[:-1])
    rule.set_weights([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)])
    return rule


def read_rule(name: str | Path, version: int | None = None) -> LearnedRule:
    """Reads the rule of an artefact.

    Args:
        name: name of a model in the search path, or a folder; see `tfmeta.load`.
        version: its version; the highest unless given.

    Raises:
        TfmetaError: if there is no such artefact, or it holds no update rule.
    """
    folder = find_model(name, version)
    file = folder / "assets.extra" / RULE_FILE
    if not file.is_file():
        raise TfmetaError(f"{folder} holds no update rule: {RULE_FILE} is missing; name the artefact of one.")
    try:
        return restore_rule(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise TfmetaError(f"{file} is damaged: {error} Export the rule again.") from error
