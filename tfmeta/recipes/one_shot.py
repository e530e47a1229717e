"""Measures an exported model on one-shot runs: 20 ways within one alphabet, as people were tested."""

from collections.abc import Sequence

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import Estimate, estimate
from tfmeta.core.hub import LoadedModel
from tfmeta.data.one_shot_runs import OneShotRun

__all__ = ["drawing_side", "evaluate_one_shot"]


def drawing_side(model: LoadedModel) -> int:
    """Returns the side of the drawings that a model takes, in pixels.

    Raises:
        TfmetaError: if it is no few-shot classifier of drawings.
    """
    if not {"classify", "describe"} <= set(model.signatures):
        raise TfmetaError(
            f"{model.path} is no few-shot classifier: it has {', '.join(model.signatures)};"
            " `tfmeta list` shows which models are here."
        )
    shape = _facts(model)["input_shape"].tolist()
    if len(shape) != 3 or shape[0] != shape[1] or shape[2] != 1:
        raise TfmetaError(f"{model.path} takes inputs of the shape {shape}; expected drawings, [28, 28, 1].")
    return shape[0]


def evaluate_one_shot(model: LoadedModel, runs: Sequence[OneShotRun]) -> Estimate:
    """Asks a model which class each test image of each run is.

    Args:
        model: a few-shot classifier, as it is served.
        runs: what `load_one_shot_runs` returned.

    Returns:
        The mean accuracy over the runs, with its 95% confidence interval.

    Raises:
        TfmetaError: if the model is for another number of classes.
    """
    ways = int(_facts(model)["ways"])
    for run in runs:
        if ways not in (0, len(run.support_x)):
            raise TfmetaError(
                f"{model.path} tells {ways} classes apart, but {run.name} holds {len(run.support_x)};"
                " ask a model for as many, or for any number of classes, such as prototypical_omniglot."
            )
    return estimate([_accuracy(model, run) for run in runs])


def _accuracy(model: LoadedModel, run: OneShotRun) -> float:
    labels = np.arange(len(run.support_x))
    found = model.classify(support_x=run.support_x[None], support_y=labels[None], query_x=run.query_x[None])
    return float((found["probabilities"][0].argmax(axis=-1) == run.query_y).mean())


def _facts(model: LoadedModel) -> dict[str, np.ndarray]:
    return {key: value[0] for key, value in model.describe(rows=[0]).items()}
