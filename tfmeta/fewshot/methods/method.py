"""What methods of few-shot learning share: they are trained, tested and served on episodes."""

import dataclasses
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import Estimate
from tfmeta.core.evaluate import TaskAccuracy, TaskError, TaskMean, evaluate_tasks
from tfmeta.core.export import Servable
from tfmeta.core.hub import LoadedModel
from tfmeta.core.method import Method, Training
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.data.episode_tasks import EpisodeTasks
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.servable import few_shot_servable

__all__ = ["TEST_SEEDS", "EpisodeTraining", "FewShotMethod"]

TEST_SEEDS = {"validation": 1_000_001, "test": 1_000_002}
"""Name the test tasks, which are the same for every learner and for every seed of training."""

_STEPS_A_CLASS = 200
"""Training steps for each class of the tasks, at most, unless more are asked for."""


@dataclasses.dataclass(frozen=True)
class EpisodeTraining(Training):
    """The settings of a training on episodes, and of its tests."""

    ways: int = setting(5, "classes of a training task", least=1)
    shots: int = setting(1, "support examples of each class in a training task", least=1)
    queries: int = setting(1, "query examples of each class in a training task", least=1)
    augment: bool = setting(True, "changes the training images at random, in the way that their tasks allow")
    test_ways: int = setting(0, "classes of a test task; 0 for as many as in training", least=0)
    test_shots: int = setting(
        0, "support examples of each class in a test task; 0 for as many as in training", least=0
    )
    test_queries: int = setting(5, "query examples of each class in a test task", least=1)

    def changed_for_test(self, **changes: Any) -> dict[str, Any]:
        renamed = {"ways": "test_ways", "shots": "test_shots"}
        return {renamed.get(name, name): value for name, value in changes.items()}

    def tested(self) -> dict[str, Any]:
        return {"test_ways": self.test_ways or self.ways, "test_shots": self.test_shots or self.shots}

    def fitted(self, tasks: EpisodeTasks) -> "EpisodeTraining":
        """Returns a training with no more classes and examples than the tasks have."""
        classes, examples = tasks.sizes("train")
        if not classes:  # any number
            return self
        most, fewest = tasks.sizes("test")
        asked = self.tested()
        changes = {
            "ways": min(self.ways, classes),
            # A few classes are soon known by heart, and what is learned after that helps with no others.
            "steps": min(self.steps, _STEPS_A_CLASS * classes),
            "queries": max(1, min(self.queries, examples - self.shots)),
            "test_queries": max(1, min(self.test_queries, fewest - asked["test_shots"])),
        }
        if asked["test_ways"] > most:
            changes["test_ways"] = most
        return self.replaced(**changes)


S = TypeVar("S", bound=EpisodeTraining)


@dataclasses.dataclass(frozen=True)
class FewShotMethod(Method[EpisodeTasks, S], Generic[S]):
    """A method of few-shot learning: it learns from episodes, and answers for the queries of a task.

    A method of your own says what its learner is, and what a training takes by default:

    Attributes:
        does: what a trained model does, with ``{items}`` for what its tasks are about.
        own_loss: whether the learner has a loss of its own, such as one over pairs.
        learner_class: the class of what is trained; a `FewShotLearner` unless `for_test` makes one of something else.

    Example:
        >>> from tfmeta.fewshot.methods import Prototypical
        >>> from tfmeta.data.omniglot import OmniglotTasks
        >>> Prototypical().summary(OmniglotTasks())
        'Tells handwritten characters apart by their distance to the mean of a few examples of each.'
    """

    takes = EpisodeTasks
    does: ClassVar[str]
    own_loss: ClassVar[bool] = False
    learner_class: ClassVar[type[keras.Model]] = FewShotLearner

    @abstractmethod
    def learner(self, tasks: EpisodeTasks, training: S) -> FewShotLearner:
        """Builds the learner, with fresh weights that depend on ``training.seed`` alone."""

    def for_test(self, learner: Any, tasks: EpisodeTasks, training: S) -> FewShotLearner:
        """Sets a trained learner up as it is tested and served."""
        return learner

    def summary(self, tasks: EpisodeTasks) -> str:
        return self.does.format(items=tasks.items)

    def tested_as(self, tasks: EpisodeTasks, training: S) -> str:
        tested = training.tested()
        return tasks.tested_on(tested["test_ways"], tested["test_shots"])

    def protocol(self, tasks: EpisodeTasks, training: S) -> str:
        return tasks.drawn(training.ways, training.shots, training.queries, training.test_queries)

    def artefact(self, tasks: EpisodeTasks, training: S) -> str:
        # What a split is called is said where it is not the usual one.
        usual = type(tasks)().variant
        parts = (
            super().artefact(tasks, training),
            self.built_for(training),
            tasks.variant if tasks.variant != usual else "",
        )
        return "_".join(filter(None, parts))

    def built_for(self, training: S) -> str:
        """Says for which tasks a model was built, such as ``"5w1s"``, where it cannot answer others."""
        return ""

    def compile(self, learner: keras.Model, tasks: EpisodeTasks, training: S) -> None:
        if not isinstance(learner, self.learner_class):
            raise TfmetaError(
                f"The learner of {self.name} is a {type(learner).__name__}; expected a {self.learner_class.__name__}."
            )
        schedule = keras.optimizers.schedules.CosineDecay(
            training.learning_rate, max(training.steps, 1), alpha=0.01
        )
        learner.compile(
            optimizer=keras.optimizers.Adam(schedule, clipnorm=10.0),
            loss=None if self.own_loss else _loss(tasks),
            metrics=[_metric(tasks)],
            steps_per_execution=training.steps_per_execution,
        )

    def batches(self, tasks: EpisodeTasks, training: S, part: Part, start: int = 0) -> tf.data.Dataset:
        """Returns episodes of a part, batch `start` first; test tasks are the same for everybody."""
        if part == "train":
            return tasks.episodes(
                part, ways=training.ways, shots=training.shots, queries=training.queries,
                batch_size=training.batch_size, seed=training.seed, start=start, augment=training.augment,
            )  # fmt: skip
        tested = training.tested()
        return tasks.episodes(
            part, ways=tested["test_ways"], shots=tested["test_shots"], queries=training.test_queries,
            batch_size=tasks.test_batch, seed=TEST_SEEDS[part], start=start,
        )  # fmt: skip

    def start_from(self, learner: FewShotLearner, before: FewShotLearner, training: S) -> None:
        """Takes over the layers of the other network that have the same shapes; the others stay fresh."""
        taken = 0
        for layer, known in zip(learner.network.layers, before.network.layers, strict=False):
            if layer.weights and [w.shape for w in layer.weights] == [w.shape for w in known.weights]:
                layer.set_weights(known.get_weights())
                taken += 1
        if not taken:
            raise TfmetaError(
                f"No layer of the run {training.start_from} has the shapes of this network; start from a run on items"
                " of the same shape."
            )

    def weights_of(self, learner: FewShotLearner) -> Sequence[keras.Variable]:
        return learner.network.weights

    def measure(
        self, learner: FewShotLearner, tasks: EpisodeTasks, training: S, part: Part, *, count: int, folder: Path,
        verbose: int | str,
    ) -> list[Result]:  # fmt: skip
        learner = self.for_test(learner, tasks, training)
        _check_ways(learner.ways, training)
        batches = self._tests(tasks, training, part)
        found = evaluate_tasks(
            learner, batches, _metric(tasks), batches=-(-count // tasks.test_batch), verbose=verbose
        )
        return [self._result(found, tasks, training)]

    def measure_model(
        self, model: LoadedModel, tasks: EpisodeTasks, training: S, *, count: int, verbose: int | str
    ) -> list[Result]:
        _check_ways(int(model.describe(rows=[0])["ways"][0]), training)
        batches, metric = -(-count // tasks.test_batch), _metric(tasks)
        bar = keras.utils.Progbar(batches, verbose=1 if verbose == "auto" else int(verbose))
        for inputs, query_y in self._tests(tasks, training, "test").take(batches):
            answers = model(**{name: value.numpy() for name, value in inputs.items()})
            metric.update_state(query_y, answers.get("probabilities", answers.get("predictions")))
            bar.add(1, [(metric.name, float(np.asarray(metric.result())))])
        return [self._result(metric.estimate(), tasks, training)]

    def servable(self, learner: Any, tasks: EpisodeTasks, training: S, card: Card) -> Servable:
        return few_shot_servable(
            self.for_test(learner, tasks, training),
            self.artefact(tasks, training),
            example_episode=self._example(tasks, training),
            card=card,
        )

    def _tests(self, tasks: EpisodeTasks, training: S, part: Part) -> tf.data.Dataset:
        return FewShotMethod.batches(self, tasks, training, part)

    def _example(self, tasks: EpisodeTasks, training: S) -> dict[str, np.ndarray]:
        """Returns a task that is none of the tests, as a request to the exported model would hold it."""
        classes, _ = tasks.sizes("validation")
        part: Part = "validation" if not classes or classes >= training.tested()["test_ways"] else "train"
        tested = training.tested()
        episodes = tasks.episodes(
            part, ways=tested["test_ways"], shots=tested["test_shots"], queries=training.test_queries,
            batch_size=tasks.test_batch, seed=TEST_SEEDS["validation"],
        )  # fmt: skip
        inputs, _ = next(iter(episodes))
        return {name: value[:1].numpy() for name, value in inputs.items()}

    def _result(self, found: Estimate, tasks: EpisodeTasks, training: S) -> Result:
        setting = self.tested_as(tasks, training)
        return Result(_metric(tasks).name, found.mean, found.ci95, found.tasks, setting)


def _loss(tasks: EpisodeTasks) -> keras.losses.Loss:
    if tasks.task == "regression":
        return keras.losses.MeanSquaredError()
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _metric(tasks: EpisodeTasks) -> TaskMean:
    return TaskError() if tasks.task == "regression" else TaskAccuracy()


def _check_ways(ways: int | None, training: EpisodeTraining) -> None:
    asked = training.tested()["test_ways"]
    if ways and asked != ways:
        raise TfmetaError(
            f"This learner tells {ways} classes apart, but test tasks of {asked} were asked for;"
            f" train one with --ways {asked}."
        )
