"""Prototypical Networks as a method."""

import dataclasses

from tfmeta.data.episode_tasks import EpisodeTasks
from tfmeta.fewshot.methods.embedding import EmbeddingMethod
from tfmeta.fewshot.methods.method import EpisodeTraining
from tfmeta.fewshot.prototypical import PrototypicalNetwork

__all__ = ["Prototypical"]


@dataclasses.dataclass(frozen=True)
class Prototypical(EmbeddingMethod):
    """Prototypical Networks; see `tfmeta.fewshot.prototypical.PrototypicalNetwork`."""

    name = "prototypical"
    title = "Prototypical Network"
    paper = "Snell, Swersky, Zemel, NIPS 2017"
    does = "Tells {items} apart by their distance to the mean of a few examples of each."

    def learner(self, tasks: EpisodeTasks, training: EpisodeTraining) -> PrototypicalNetwork:
        network = self.embedding(tasks, training)
        return PrototypicalNetwork(network, scale=1.0 / network.output_shape[-1])
