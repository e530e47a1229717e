"""Life-long memory as a method."""

import dataclasses

from tfmeta.core.settings import setting
from tfmeta.data.episode_tasks import EpisodeTasks
from tfmeta.fewshot.lifelong import LifelongMemory
from tfmeta.fewshot.methods.embedding import EmbeddingMethod
from tfmeta.fewshot.methods.method import EpisodeTraining

__all__ = ["Memory"]


@dataclasses.dataclass(frozen=True)
class Memory(EmbeddingMethod):
    """The memory module; see `tfmeta.fewshot.lifelong.LifelongMemory`.

    A training task is a stream in which each of its classes recurs ``shots`` times; queries are for the metrics. The
    learner adds the memory loss of every presentation itself.
    """

    name = "memory"
    title = "Memory module"
    paper = "Kaiser, Nachum, Roy, Bengio, ICLR 2017"
    does = "Tells {items} apart by remembering a few examples of each, for life."
    own_loss = True

    size: int = setting(128, "entries of the memory")
    neighbours: int = setting(128, "entries that a query is compared with")
    margin: float = setting(0.2, "margin of the memory loss, in cosine similarity")

    def training(self, tasks: EpisodeTasks) -> EpisodeTraining:
        training = EpisodeTraining(
            ways=60, shots=5, steps=3000, learning_rate=5e-3, test_ways=5, test_shots=1
        )
        return training.fitted(tasks)

    def learner(self, tasks: EpisodeTasks, training: EpisodeTraining) -> LifelongMemory:
        return LifelongMemory(
            self.embedding(tasks, training),
            size=self.size,
            neighbours=self.neighbours,
            margin=self.margin,
        )
