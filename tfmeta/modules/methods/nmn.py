"""Module networks as a method: a network is composed for each question."""

import dataclasses
from typing import Any

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import Servable
from tfmeta.core.settings import setting
from tfmeta.modules.layer import Attention, Form
from tfmeta.modules.methods.method import QuestionMethod, QuestionTraining
from tfmeta.modules.module_network import Choice, ModuleNetwork
from tfmeta.modules.question_tasks import QuestionTasks
from tfmeta.modules.servable import module_servable

__all__ = ["NMN"]


@dataclasses.dataclass(frozen=True)
class NMN(QuestionMethod[QuestionTasks]):
    """A network composed for each question, of modules that are learned with the choice among its candidates.

    Example:
        >>> from tfmeta.modules.shapes_tasks import ShapesTasks
        >>> method, tasks = NMN(choice="first"), ShapesTasks()
        >>> method.tested_as(tasks, method.training(tasks))
        'SHAPES test, data generated, fixed layouts'

    Reference:
        Andreas, Rohrbach, Darrell, Klein. "Neural Module Networks." CVPR, 2016; "Learning to Compose Neural Networks
        for Question Answering." NAACL, 2016.
    """

    name = "nmn"
    title = "Neural Module Network"
    paper = "Andreas et al., CVPR and NAACL 2016"
    does = "by a network composed for each question"
    composed = True

    choice: Choice = setting("expected", "how a layout is chosen among the candidates")
    exploration: float = setting(0.1, "weight of keeping the choice open in training", least=0)
    completeness: float = setting(
        0.0, "by how many nats a candidate is likelier beforehand for each argument that it names"
    )
    hidden: int = setting(64, "units of the modules' hidden layers", least=1)
    units: int = setting(64, "units of the LSTM that reads the question", least=1)
    attention: Attention = setting(
        "sigmoid",
        "what an attention is: a probability for each position (sigmoid), or a distribution (softmax)",
    )
    form: Form = setting(
        "product", "form of find and relate; the perceptron is that of the papers' equations"
    )

    @property
    def fixed(self) -> bool:
        return self.choice == "first"

    @property
    def chosen(self) -> str:
        return "the first of the" if self.fixed else "chosen among"

    def training(self, tasks: QuestionTasks) -> QuestionTraining:
        return QuestionTraining(learning_rate=1e-2)

    def learner(self, tasks: QuestionTasks, training: QuestionTraining) -> ModuleNetwork:
        if self.form == "product" and not tasks.world.pairs:
            raise TfmetaError(
                f"form=product relates by pairs of positions, which {tasks.name} do not have; say --form perceptron."
            )
        words, of_questions = tasks.question_words()
        return ModuleNetwork(
            words, of_questions, tasks.answers, **tasks.world._asdict(), sets=tasks.sets, hidden=self.hidden,
            units=self.units, attention=self.attention, form=self.form, choice=self.choice,
            exploration=self.exploration, completeness=self.completeness,
            front=tasks.eyes(pairs=True, seed=training.seed), seed=training.seed,
        )  # fmt: skip

    def start_from(self, learner: ModuleNetwork, before: Any, training: QuestionTraining) -> None:
        """Starts from the modules and eyes of another run.

        A layout is chosen by how well the modules answer with it, so modules that can answer are a better start.
        """
        if not isinstance(before, ModuleNetwork):
            raise TfmetaError(
                f"{training.start_from} is a run without modules; start from one of module networks."
            )
        parts = [(learner.inventory, before.inventory)]
        if learner.front is not None and before.front is not None:
            parts.append((learner.front, before.front))
        same_words = learner.inventory.vocabulary.words == before.inventory.vocabulary.words
        same_eyes = (learner.front is None) == (before.front is None)
        sizes = [[[weight.shape for weight in part.weights] for part in pair] for pair in parts]
        if not (same_words and same_eyes and all(mine == theirs for mine, theirs in sizes)):
            raise TfmetaError(
                f"{training.start_from} is a run of other sizes or words; start from one with the same tasks, hidden,"
                " form and attention."
            )
        for mine, theirs in parts:
            mine.set_weights(theirs.get_weights())

    def servable(
        self, learner: ModuleNetwork, tasks: QuestionTasks, training: QuestionTraining, card: Card
    ) -> Servable:
        return module_servable(
            learner, self.artefact(tasks, training), example=tasks.example(), card=card, reading=tasks.reading()
        )  # fmt: skip
