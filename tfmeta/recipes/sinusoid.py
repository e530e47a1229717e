"""Few-shot regression of sine waves: MAML's first experiment."""

import dataclasses

import keras
import tensorflow as tf

from tfmeta.core.evaluate import TaskError
from tfmeta.data.sinusoid import sinusoid
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.maml import MAML
from tfmeta.networks.mlp import mlp
from tfmeta.recipes.few_shot import EpisodeSettings, FewShotRecipe
from tfmeta.recipes.recipe import Part, counted

__all__ = ["MAML_SINUSOID"]


@dataclasses.dataclass(frozen=True)
class SinusoidSettings(EpisodeSettings):
    """Settings of MAML on sine waves.

    Attributes:
        inner_rate: ``α``, or its initial value.
        inner_steps: gradient steps in training. With 0 the network is trained to answer for all tasks at once,
            which is the paper's baseline "pretrained on all tasks".
        learn_rates: learns ``α`` for each weight tensor.
        later_rate: factor on ``α`` for the steps beyond `inner_steps`.
        test_steps: gradient steps at test, and of the exported model.
        test_queries: points that a test task is measured at.
    """

    inner_rate: float = 0.01
    inner_steps: int = 1
    learn_rates: bool = False
    later_rate: float = 0.5
    test_steps: int = 10
    test_queries: int = 100


def _learner(settings: SinusoidSettings) -> FewShotLearner:
    return MAML(
        mlp(1, [40, 40], 1, seed=settings.seed),
        inner_rate=settings.inner_rate,
        inner_steps=settings.inner_steps,
        learn_rates=settings.learn_rates,
        task="regression",
    )


def _for_test(learner: FewShotLearner, settings: SinusoidSettings) -> FewShotLearner:
    learner.test_steps, learner.later_rate = settings.test_steps, settings.later_rate
    return learner


def _episodes(settings: SinusoidSettings, part: Part, start: int) -> tf.data.Dataset:
    if part == "train":
        return sinusoid(settings.shots, settings.queries, settings.batch_size, settings.seed, start)
    return sinusoid(
        settings.shots, settings.test_queries, 50, {"validation": 1_000_001, "test": 1_000_002}[part]
    )


def _protocol(settings: SinusoidSettings) -> str:
    return (
        f"{settings.shots} points of a wave with amplitude in [0.1, 5] and phase in [0, pi], x in [-5, 5];"
        f" {counted(settings.inner_steps, 'gradient step')} in training; tested on fresh waves,"
        f" at {settings.test_queries} points each"
    )


MAML_SINUSOID = FewShotRecipe(
    name="maml-sinusoid",
    summary="Continues a sine wave from ten points of it.",
    method="MAML",
    paper="Finn, Abbeel, Levine, ICML 2017",
    data="sine waves, drawn as they are needed",
    settings=SinusoidSettings(
        ways=1,
        shots=10,
        queries=20,
        batch_size=50,
        steps=40_000,
        epoch_steps=1000,
        steps_per_execution=50,
        learning_rate=3e-3,
    ),
    learner=_learner,
    episodes=_episodes,
    loss=keras.losses.MeanSquaredError,
    metric=TaskError,
    artefact=lambda s: "maml_sinusoid" if s.inner_steps else "pretrained_sinusoid",
    setting=lambda s: f"{s.shots} points, {counted(s.test_steps, 'gradient step')}",
    protocol=_protocol,
    # The paper shows ten points in a figure only.
    published=lambda settings: (None, ""),
    for_test=_for_test,
)  # fmt: skip
