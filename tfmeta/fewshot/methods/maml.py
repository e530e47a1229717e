"""MAML as a method, for classification and regression."""

import dataclasses

import keras
import numpy as np

from tfmeta.core.checks import TfmetaError
from tfmeta.core.settings import setting
from tfmeta.core.words import counted
from tfmeta.data.episode_tasks import EpisodeTasks
from tfmeta.fewshot.gradient import AdaptOnly, BatchStatistics
from tfmeta.fewshot.maml import MAML
from tfmeta.fewshot.methods.method import EpisodeTraining, FewShotMethod
from tfmeta.networks.conv4 import conv4
from tfmeta.networks.mlp import mlp

__all__ = ["MAMLMethod"]


@dataclasses.dataclass(frozen=True)
class MAMLMethod(FewShotMethod[EpisodeTraining]):
    """MAML; see `tfmeta.fewshot.maml.MAML` for what most settings mean.

    Images are learned by the four-block convolution network with an output for each class, and numbers by a network
    of two hidden layers of 40 units. With no inner step the network is trained to answer for all tasks at once, which
    is the paper's baseline "pretrained on all tasks".
    """

    name = "maml"
    title = "MAML"
    paper = "Finn, Abbeel, Levine, ICML 2017"
    does = "Tells {items} apart after one gradient step on a few examples of each."

    inner_rate: float = setting(0.4, "learning rate of the inner steps, or its initial value")
    inner_steps: int = setting(1, "gradient steps in training")
    learn_rates: bool = setting(True, "learns the rate of each step and weight tensor")
    later_rate: float = setting(1.0, "factor on the rates of steps beyond those of training")
    test_steps: int = setting(
        -1, "gradient steps in tests and of the exported model; -1 for as many as in training"
    )
    batch_statistics: BatchStatistics = setting("support", "what normalises the queries")
    first_order: bool = setting(False, "leaves the second derivatives out")
    first_order_until: int = setting(0, "training steps at the start that leave the second derivatives out")
    multi_step_until: int = setting(0, "training steps at the start with a loss after every inner step")
    adapt_only: AdaptOnly = setting("all", "what the inner steps change")

    def training(self, tasks: EpisodeTasks) -> EpisodeTraining:
        if tasks.task == "regression":
            return EpisodeTraining(
                ways=1, shots=10, queries=20, batch_size=50, steps=40_000, epoch_steps=1000,
                steps_per_execution=50, learning_rate=3e-3, test_queries=100,
            )  # fmt: skip
        training = EpisodeTraining(queries=3, batch_size=16, steps=12_000, learning_rate=2e-3).fitted(tasks)
        # The last layer has an output for each class, so tests have as many.
        ways = min(training.ways, training.test_ways) if training.test_ways else training.ways
        return training.replaced(ways=ways, test_ways=0)

    def summary(self, tasks: EpisodeTasks) -> str:
        if tasks.task == "regression":
            return f"Continues {tasks.items} after a few gradient steps on a few points of each."
        return super().summary(tasks)

    def built_for(self, training: EpisodeTraining) -> str:
        return f"{training.ways}w{training.shots}s"

    def artefact(self, tasks: EpisodeTasks, training: EpisodeTraining) -> str:
        if tasks.task == "regression":
            return f"{'maml' if self.inner_steps else 'pretrained'}_{tasks.name}"
        return super().artefact(tasks, training)

    def tested_as(self, tasks: EpisodeTasks, training: EpisodeTraining) -> str:
        tested = super().tested_as(tasks, training)
        if tasks.task == "regression":
            steps = self.inner_steps if self.test_steps < 0 else self.test_steps
            return f"{tested}, {counted(steps, 'gradient step')}"
        return f"{tested}, {self.batch_statistics} statistics"

    def protocol(self, tasks: EpisodeTasks, training: EpisodeTraining) -> str:
        return (
            f"{super().protocol(tasks, training)}; {counted(self.inner_steps, 'gradient step')} in training"
        )

    def learner(self, tasks: EpisodeTasks, training: EpisodeTraining) -> MAML:
        return MAML(
            self._network(tasks, training),
            inner_rate=self.inner_rate,
            inner_steps=self.inner_steps,
            learn_rates=self.learn_rates,
            first_order=self.first_order,
            first_order_until=self.first_order_until,
            multi_step_until=self.multi_step_until,
            batch_statistics=self.batch_statistics,
            adapt_only=self.adapt_only,
            task=tasks.task,
        )

    def _network(self, tasks: EpisodeTasks, training: EpisodeTraining) -> keras.Model:
        if tasks.task == "regression":
            return mlp(tasks.item_shape[-1], [40, 40], 1, seed=training.seed)
        if len(tasks.item_shape) != 3:
            raise TfmetaError(
                f"MAML classifies images [H, W, C], but an item of {tasks.name} has the shape {tasks.item_shape}."
            )
        return conv4(
            tasks.item_shape,
            downsampling="stride",
            outputs=training.ways,
            linear_features=True,
            seed=training.seed,
        )

    def start_from(self, learner: MAML, before: MAML, training: EpisodeTraining) -> None:
        """Takes over layers and rates; the last layer stays fresh where it has another number of classes."""
        super().start_from(learner, before, training)
        if isinstance(before, MAML):
            # Later steps, which a shorter run did not know, begin with the rates of its last.
            steps = np.minimum(np.arange(learner.inner_rates.shape[0]), before.inner_rates.shape[0] - 1)
            learner.inner_rates.assign(before.inner_rates.numpy()[steps])

    def for_test(self, learner: MAML, tasks: EpisodeTasks, training: EpisodeTraining) -> MAML:
        """Weights may be tested with other statistics than they were trained with, but for those kept in training."""
        if self.batch_statistics == "per_step" and learner.step_moments is None:
            raise TfmetaError(
                "batch_statistics=per_step are kept while training, and this run was trained with"
                f" {learner.batch_statistics!r}; train one with --batch-statistics per_step."
            )
        learner.batch_statistics = self.batch_statistics
        learner.later_rate = self.later_rate
        if self.test_steps >= 0:
            learner.test_steps = self.test_steps
        return learner
