"""Nearest neighbours on pixels as a method: what there is without any learning."""

import dataclasses

from tfmeta.core.settings import setting
from tfmeta.data.episode_tasks import ClassTasks, EpisodeTasks
from tfmeta.fewshot.baselines import Metric, NearestNeighbour, pixels
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.methods.method import EpisodeTraining, FewShotMethod

__all__ = ["Pixels"]


@dataclasses.dataclass(frozen=True)
class Pixels(FewShotMethod[EpisodeTraining]):
    """The nearest support item, pixel by pixel; it takes no step of training."""

    takes = ClassTasks
    name = "pixels"
    title = "Nearest neighbour on pixels"
    paper = "a baseline of Vinyals et al., NIPS 2016"
    does = "Tells {items} apart by the nearest of a few examples of each, pixel by pixel."

    metric: Metric = setting("cosine", "what is near")

    def training(self, tasks: EpisodeTasks) -> EpisodeTraining:
        return EpisodeTraining(steps=0).fitted(tasks)

    def learner(self, tasks: EpisodeTasks, training: EpisodeTraining) -> FewShotLearner:
        return NearestNeighbour(pixels(tasks.item_shape), metric=self.metric)

    def protocol(self, tasks: EpisodeTasks, training: EpisodeTraining) -> str:
        return f"not trained; {super().protocol(tasks, training).partition('; ')[2]}"
