"""Matching Networks as methods, without and with full-context embeddings."""

import dataclasses

from tfmeta.core.settings import setting
from tfmeta.data.episode_tasks import EpisodeTasks
from tfmeta.fewshot.matching import MatchingNetwork
from tfmeta.fewshot.methods.embedding import EmbeddingMethod
from tfmeta.fewshot.methods.method import EpisodeTraining

__all__ = ["Matching", "MatchingFCE"]


@dataclasses.dataclass(frozen=True)
class Matching(EmbeddingMethod):
    """Matching Networks; see `tfmeta.fewshot.matching.MatchingNetwork`."""

    name = "matching"
    title = "Matching Network"
    paper = "Vinyals et al., NIPS 2016"
    does = "Tells {items} apart by attending to a few examples of each."

    def learner(self, tasks: EpisodeTasks, training: EpisodeTraining) -> MatchingNetwork:
        return MatchingNetwork(self.embedding(tasks, training))


@dataclasses.dataclass(frozen=True)
class MatchingFCE(EmbeddingMethod):
    """Matching Networks whose embeddings depend on the whole support set."""

    name = "matching-fce"
    title = "Matching Network, full-context embeddings"
    paper = "Vinyals et al., NIPS 2016"
    does = "Tells {items} apart by attending to a few examples of each, seen beside each other."

    processing_steps: int = setting(5, "times that a query is processed in the light of the support set")

    def training(self, tasks: EpisodeTasks) -> EpisodeTraining:
        # The tasks are those of the plain network, so that what differs is the context; LSTMs need smaller steps.
        return super().training(tasks).replaced(learning_rate=3e-3)

    def learner(self, tasks: EpisodeTasks, training: EpisodeTraining) -> MatchingNetwork:
        return MatchingNetwork(
            self.embedding(tasks, training),
            full_context=True,
            processing_steps=self.processing_steps,
            seed=training.seed,
        )
