"""MAML on Omniglot's characters."""

import dataclasses
from pathlib import Path

import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.fewshot.maml import MAML
from tfmeta.networks.conv4 import conv4
from tfmeta.recipes.omniglot.common import (
    OmniglotSettings,
    omniglot_protocol,
    omniglot_recipe,
    omniglot_setting,
)
from tfmeta.recipes.train import Run

__all__ = ["MAML_OMNIGLOT"]


@dataclasses.dataclass(frozen=True)
class MAMLSettings(OmniglotSettings):
    """Settings of MAML; see `tfmeta.fewshot.maml.MAML` for what most of them mean.

    Attributes:
        start_from: the name of a finished run in the same folder, whose weights and rates this one starts from.
            The last layer starts anew where it has another number of classes.
    """

    inner_rate: float = 0.4
    inner_steps: int = 1
    learn_rates: bool = True
    batch_statistics: str = "support"
    first_order: bool = False
    first_order_until: int = 0
    multi_step_until: int = 0
    adapt_only: str = "all"
    start_from: str = ""


def _learner(settings: MAMLSettings) -> MAML:
    return MAML(
        conv4(downsampling="stride", outputs=settings.ways, linear_features=True, seed=settings.seed),
        inner_rate=settings.inner_rate,
        inner_steps=settings.inner_steps,
        learn_rates=settings.learn_rates,
        first_order=settings.first_order,
        first_order_until=settings.first_order_until,
        multi_step_until=settings.multi_step_until,
        batch_statistics=settings.batch_statistics,
        adapt_only=settings.adapt_only,
    )


def _start_from(learner: MAML, settings: MAMLSettings, runs: Path) -> None:
    """Takes over what fits of another run's learner."""
    if not settings.start_from:
        return
    before = Run(runs / settings.start_from).learner(MAML_OMNIGLOT)
    for layer, known in zip(learner.network.layers, before.network.layers, strict=True):
        if [weight.shape for weight in layer.weights] == [weight.shape for weight in known.weights]:
            layer.set_weights(known.get_weights())
    # Later steps, which a shorter run did not know, begin with the rates of its last.
    steps = np.minimum(np.arange(learner.inner_rates.shape[0]), before.inner_rates.shape[0] - 1)
    learner.inner_rates.assign(before.inner_rates.numpy()[steps])


def _protocol(settings: MAMLSettings) -> str:
    start = f"; started from the weights of the run {settings.start_from}" if settings.start_from else ""
    return omniglot_protocol(settings) + start


def _with_statistics(learner: MAML, settings: MAMLSettings) -> MAML:
    """Weights may be tested with other statistics than they were trained with, but for those kept while training."""
    if settings.batch_statistics == "per_step" and learner.step_moments is None:
        raise TfmetaError(
            "batch_statistics=per_step are kept while training, and this run was trained with"
            f" {learner.batch_statistics!r}; train one with --set batch_statistics=per_step."
        )
    learner.batch_statistics = settings.batch_statistics
    return learner


MAML_OMNIGLOT = omniglot_recipe(
    "maml",
    method="MAML",
    summary="Tells handwritten characters apart after one gradient step on a few examples of each.",
    paper="Finn, Abbeel, Levine, ICML 2017",
    settings=MAMLSettings(queries=3, batch_size=16, steps=12000, learning_rate=2e-3),
    learner=_learner,
    artefact=lambda s: f"maml_omniglot_{s.ways}w{s.shots}s",
    setting=lambda s: f"{omniglot_setting(s)}, {s.batch_statistics} statistics",
    protocol=_protocol,
    for_test=_with_statistics,
    prepare=_start_from,
)
