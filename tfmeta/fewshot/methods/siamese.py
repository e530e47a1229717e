"""Siamese networks as a method."""

import dataclasses
from pathlib import Path

import tensorflow as tf

from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.pairs import pairs
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.data.episode_tasks import ClassTasks, EpisodeTasks
from tfmeta.fewshot.methods.embedding import EmbeddingMethod
from tfmeta.fewshot.methods.method import TEST_SEEDS, EpisodeTraining
from tfmeta.fewshot.siamese import ClassScore, PairLoss, SiameseNetwork
from tfmeta.fewshot.verification import measure_verification

__all__ = ["Siamese"]

_PAIRS, _BATCHES = 200, 50  # of a batch, and in all for a measurement


@dataclasses.dataclass(frozen=True)
class Siamese(EmbeddingMethod):
    """Siamese networks, which have their own loss over all pairs; see `tfmeta.fewshot.siamese.SiameseNetwork`.

    How well pairs are told apart is measured, too.
    """

    name = "siamese"
    title = "Siamese Network"
    paper = "Koch, Zemel, Salakhutdinov, ICML workshop 2015"
    does = "Tells whether two {items} are the same, and so which of a few one is."
    own_loss = True

    loss: PairLoss = setting("contrastive", "loss of a pair")
    margin: float = setting(10.0, "distance from which on different pairs cost nothing")
    hard_pairs: bool = setting(
        True, "learns from as many different pairs as there are same ones, the closest"
    )
    class_score: ClassScore = setting("mean", "score of a class from those of its examples")

    def learner(self, tasks: EpisodeTasks, training: EpisodeTraining) -> SiameseNetwork:
        return SiameseNetwork(
            self.embedding(tasks, training),
            loss=self.loss,
            margin=self.margin,
            hard_pairs=self.hard_pairs,
            class_score=self.class_score,
        )

    def for_test(
        self, learner: SiameseNetwork, tasks: EpisodeTasks, training: EpisodeTraining
    ) -> SiameseNetwork:
        """Weights may be tested with another score of a class; probabilities are fitted to validation classes."""
        learner.class_score = self.class_score
        try:
            learner.calibrate(_pairs(tasks, "validation"), batches=_BATCHES)
        except ValueError as error:  # too little training for any
            raise TfmetaError(f"{error}") from error
        return learner

    def measure(
        self, learner: SiameseNetwork, tasks: EpisodeTasks, training: EpisodeTraining, part: Part, *, count: int,
        folder: Path, verbose: int | str,
    ) -> list[Result]:  # fmt: skip
        results = super().measure(learner, tasks, training, part, count=count, folder=folder, verbose=verbose)
        found = measure_verification(learner, _pairs(tasks, part), batches=_BATCHES)
        number = _PAIRS * _BATCHES
        split = f", split {tasks.variant}" if tasks.variant else ""
        # The half-width of a share of that many independent pairs.
        width = 1.96 * (found.equal_error * (1.0 - found.equal_error) / number) ** 0.5
        return [
            *results,
            Result(
                "equal error rate", found.equal_error, width, number, f"pairs of {part} characters{split}"
            ),
        ]


def _pairs(tasks: EpisodeTasks, part: Part) -> tf.data.Dataset:
    """Pairs of a part, the same for everybody; those of validation are what probabilities are fitted to."""
    assert isinstance(tasks, ClassTasks)  # as `takes` says
    return pairs(tasks.classes(part).items, batch_size=_PAIRS, seed=TEST_SEEDS[part])
