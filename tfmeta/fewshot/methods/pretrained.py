"""An ordinary classifier of all training classes as a method, whose features are then compared or fine-tuned."""

import dataclasses
from typing import Literal

import tensorflow as tf

from tfmeta.core.examples import labelled_examples
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.data.episode_tasks import ClassTasks, EpisodeTasks
from tfmeta.fewshot.baselines import Metric, NearestCentroid
from tfmeta.fewshot.finetuning import FineTuning, Tuned
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.methods.embedding import EmbeddingMethod
from tfmeta.fewshot.methods.method import EpisodeTraining
from tfmeta.fewshot.pretraining import Classifier

__all__ = ["Pretrained"]


@dataclasses.dataclass(frozen=True)
class Pretrained(EmbeddingMethod):
    """A classifier of all training classes; ``ways`` and ``shots`` are those of tests alone."""

    name = "pretrained"
    title = "Pretrained classifier"
    paper = "baselines of Vinyals et al., NIPS 2016"
    does = "Tells {items} apart by features that were trained to classify others."

    learner_class = Classifier

    images: int = setting(256, "images of a training step")
    head: Literal["centroid", "tuning"] = setting("centroid", "how a test task is learned from the features")
    metric: Metric = setting("cosine", "what is near, with centroids")
    tuned: Tuned = setting("head", "what tuning changes")
    inner_steps: int = setting(50, "gradient steps of tuning on the support set of a test task")
    inner_rate: float = setting(0.05, "learning rate of tuning")

    def training(self, tasks: EpisodeTasks) -> EpisodeTraining:
        return EpisodeTraining(steps=3000, learning_rate=3e-3).fitted(tasks)

    def learner(self, tasks: EpisodeTasks, training: EpisodeTraining) -> Classifier:
        return Classifier(
            self.embedding(tasks, training), classes=tasks.sizes("train")[0], seed=training.seed
        )

    def batches(
        self, tasks: EpisodeTasks, training: EpisodeTraining, part: Part, start: int = 0
    ) -> tf.data.Dataset:
        if part != "train":
            return super().batches(tasks, training, part, start)
        assert isinstance(tasks, ClassTasks)  # as `takes` says
        return labelled_examples(
            tasks.classes("train").items,
            items=self.images,
            seed=training.seed,
            start=start,
            augment=tasks.augmentation() if training.augment else None,
        )

    def for_test(self, learner: Classifier, tasks: EpisodeTasks, training: EpisodeTraining) -> FewShotLearner:
        if self.head == "centroid":
            return NearestCentroid(learner.network, metric=self.metric)
        return FineTuning(learner.network, tuned=self.tuned, steps=self.inner_steps, rate=self.inner_rate)

    def tested_as(self, tasks: EpisodeTasks, training: EpisodeTraining) -> str:
        return f"{super().tested_as(tasks, training)}, {self.head}"

    def protocol(self, tasks: EpisodeTasks, training: EpisodeTraining) -> str:
        tested = super().protocol(tasks, training).partition("; ")[2]
        classes = tasks.sizes("train")[0]
        return (
            f"trained to tell all {classes:,} training classes apart, {self.images} images a step; {tested}"
        )
