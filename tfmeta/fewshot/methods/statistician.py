"""The Neural Statistician as a method."""

import dataclasses

from tfmeta.core.settings import setting
from tfmeta.data.episode_tasks import EpisodeTasks
from tfmeta.fewshot.methods.embedding import EmbeddingMethod
from tfmeta.fewshot.methods.method import EpisodeTraining
from tfmeta.fewshot.statistician import Direction, NeuralStatistician

__all__ = ["Statistician"]


@dataclasses.dataclass(frozen=True)
class Statistician(EmbeddingMethod):
    """The Neural Statistician, which has its own loss; see `tfmeta.fewshot.statistician.NeuralStatistician`."""

    name = "statistician"
    title = "Neural Statistician"
    paper = "Edwards, Storkey, ICLR 2017"
    does = "Tells {items} apart by the context that it infers from a few examples of each."
    own_loss = True

    context_size: int = setting(64, "numbers of the context of a set")
    latent_size: int = setting(16, "numbers of the latent variable of an item, in each layer")
    latent_layers: int = setting(1, "layers of latent variables")
    hidden: int = setting(256, "units of the hidden layers")
    sample_dropout: float = setting(0.5, "share of the items of a set that are left out in training")
    episode_weight: float = setting(0.0, "weight of the queries' cross-entropy beside the lower bound")
    direction: Direction = setting("support_to_query", "which set's context is compared with which")

    def training(self, tasks: EpisodeTasks) -> EpisodeTraining:
        # One support item and four queries of a class are the paper's sets of five.
        training = EpisodeTraining(ways=60, queries=4, steps=5000, learning_rate=2e-3, test_ways=5)
        return training.fitted(tasks)

    def learner(self, tasks: EpisodeTasks, training: EpisodeTraining) -> NeuralStatistician:
        return NeuralStatistician(
            self.embedding(tasks, training),
            context_size=self.context_size,
            latent_size=self.latent_size,
            latent_layers=self.latent_layers,
            hidden=self.hidden,
            sample_dropout=self.sample_dropout,
            episode_weight=self.episode_weight,
            direction=self.direction,
            seed=training.seed,
        )

    def tested_as(self, tasks: EpisodeTasks, training: EpisodeTraining) -> str:
        # What the paper does not do is said in every row.
        supervised = ", trained with the queries' cross-entropy too" if self.episode_weight else ""
        return f"{super().tested_as(tasks, training)}{supervised}"
