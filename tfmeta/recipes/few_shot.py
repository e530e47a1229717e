"""Recipes of few-shot learners, which are trained and tested on episodes."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import Estimate
from tfmeta.core.evaluate import TaskMean, evaluate_tasks
from tfmeta.core.export import Servable
from tfmeta.core.hub import LoadedModel
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.servable import few_shot_servable
from tfmeta.recipes.recipe import Part, Recipe, Settings

__all__ = ["EpisodeSettings", "FewShotRecipe"]


@dataclasses.dataclass(frozen=True)
class EpisodeSettings(Settings):
    """The settings that every episodic recipe has.

    Attributes:
        ways: classes of a training task.
        shots: support examples of each class.
        queries: query examples of each class.
    """

    ways: int = 5
    shots: int = 1
    queries: int = 1


E = TypeVar("E", bound=EpisodeSettings)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FewShotRecipe(Recipe[E], Generic[E]):
    """One published result of few-shot learning.

    Attributes:
        episodes: ``(settings, part, start)`` gives the batches of a part from number `start` on.
        loss: makes the loss of the queries.
        metric: makes the metric that results are reported in.
        published: the published number for a test, if there is one, and its source.
        for_test: sets a trained learner up as it is tested and served.
        prepare: changes a fresh learner before its first step, knowing the folder that holds all runs.
    """

    episodes: Callable[[E, Part, int], tf.data.Dataset]
    loss: Callable[[], keras.losses.Loss]
    metric: Callable[[], TaskMean]
    published: Callable[[E], tuple[float | None, str]]
    for_test: Callable[[FewShotLearner, E], FewShotLearner] = lambda learner, settings: learner
    prepare: Callable[[FewShotLearner, E, Path], None] = lambda learner, settings, runs: None

    def compile(self, learner: keras.Model, settings: E) -> None:
        schedule = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, max(settings.steps, 1), alpha=0.01
        )
        learner.compile(
            optimizer=keras.optimizers.Adam(schedule, clipnorm=10.0),
            loss=self.loss(),
            metrics=[self.metric()],
            steps_per_execution=settings.steps_per_execution,
        )

    def batches(self, settings: E, part: Part, start: int = 0) -> tf.data.Dataset:
        return self.episodes(settings, part, start)

    def begin(self, learner: keras.Model, settings: E, runs: Path) -> None:
        self.prepare(learner, settings, runs)

    def weights_of(self, learner: FewShotLearner) -> Sequence[keras.Variable]:
        return learner.network.weights

    def measure(
        self,
        learner: FewShotLearner,
        settings: E,
        part: Part,
        *,
        tasks: int,
        folder: Path,
        verbose: int | str,
    ) -> list[Result]:
        learner = self.for_test(learner, settings)
        _check_ways(learner.ways, settings)
        batches = self.episodes(settings, part, 0)
        found = evaluate_tasks(
            learner, batches, self.metric(), batches=_batches(batches, tasks), verbose=verbose
        )
        return [self._result(found, settings)]

    def measure_model(
        self, model: LoadedModel, settings: E, *, tasks: int, verbose: int | str
    ) -> list[Result]:
        _check_ways(int(model.describe(rows=[0])["ways"][0]), settings)
        batches = self.episodes(settings, "test", 0)
        count, metric = _batches(batches, tasks), self.metric()
        bar = keras.utils.Progbar(count, verbose=1 if verbose == "auto" else int(verbose))
        for inputs, query_y in batches.take(count):
            answers = model(**{name: value.numpy() for name, value in inputs.items()})
            metric.update_state(query_y, answers.get("probabilities", answers.get("predictions")))
            bar.add(1, [(metric.name, float(np.asarray(metric.result())))])
        return [self._result(metric.estimate(), settings)]

    def servable(self, learner: FewShotLearner, settings: E, card: Card) -> Servable:
        return few_shot_servable(
            self.for_test(learner, settings),
            self.artefact(settings),
            example_episode=self.example(settings),
            card=card,
        )

    def example(self, settings: E) -> dict[str, np.ndarray]:
        """Returns one validation task, as a request to the exported model would hold it."""
        inputs, _ = next(iter(self.episodes(settings, "validation", 0)))
        return {name: value[:1].numpy() for name, value in inputs.items()}

    def _result(self, found: Estimate, settings: E) -> Result:
        published, source = self.published(settings)
        name, setting = self.metric().name, self.setting(settings)
        return Result(name, found.mean, found.ci95, found.tasks, setting, published, source)


def _check_ways(ways: int | None, settings: Any) -> None:
    asked = getattr(settings, "test_ways", 0) or settings.ways
    if ways and asked != ways:
        raise TfmetaError(
            f"This learner tells {ways} classes apart, but test tasks of {asked} were asked for;"
            f" train one with --ways {asked}."
        )


def _batches(batches: tf.data.Dataset, tasks: int) -> int:
    size = next(iter(batches.element_spec[0].values())).shape[0]
    return -(-tasks // size)
