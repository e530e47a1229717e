"""The plain baseline as a method: one network for all questions."""

import dataclasses

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import Servable
from tfmeta.core.settings import setting
from tfmeta.modules.methods.method import QuestionMethod, QuestionTraining
from tfmeta.modules.monolithic import MonolithicNetwork
from tfmeta.modules.picture_tasks import PictureTasks

__all__ = ["Monolithic"]


@dataclasses.dataclass(frozen=True)
class Monolithic(QuestionMethod[PictureTasks]):
    """A convolution network with the eyes of a module network, an LSTM over the words, and a hidden layer over both."""

    name = "monolithic"
    title = "CNN and LSTM"
    paper = "the baseline of Andreas et al., CVPR 2016"
    takes = PictureTasks
    does = "by one network for all questions"
    composed = False

    hidden: int = setting(64, "half the units of the hidden layer", least=1)
    units: int = setting(64, "units of the LSTM that reads the question", least=1)

    def training(self, tasks: PictureTasks) -> QuestionTraining:
        return QuestionTraining(learning_rate=1e-3)

    def learner(self, tasks: PictureTasks, training: QuestionTraining) -> MonolithicNetwork:
        seed = training.seed
        return MonolithicNetwork(
            tasks.question_words().of_questions, tasks.answers, front=tasks.eyes(pairs=False, seed=seed),
            units=self.units, hidden=2 * self.hidden, seed=seed,
        )  # fmt: skip

    def servable(
        self, learner: MonolithicNetwork, tasks: PictureTasks, training: QuestionTraining, card: Card
    ) -> Servable:
        raise TfmetaError(
            f"{self.name} is a baseline, which is measured and not served: tfmeta evaluate {self.name}-{tasks.name}."
        )
