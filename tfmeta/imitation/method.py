"""One-shot imitation as a method: how it is trained, measured and served."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.batch_seeds import batch_seeds, derived_seeds
from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import estimate
from tfmeta.core.export import Servable
from tfmeta.core.hub import LoadedModel
from tfmeta.core.method import Method, Training
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.core.words import counted
from tfmeta.imitation.dagger import WriteShards, write_shards
from tfmeta.imitation.demonstration import demonstrate, play, play_model, play_tasks
from tfmeta.imitation.imitation_tasks import ImitationTasks
from tfmeta.imitation.learner import ImitationLearner
from tfmeta.imitation.one_shot_policy import CONDITIONS, OneShotPolicy
from tfmeta.imitation.policy import ImitationPolicy
from tfmeta.imitation.reaching_policies import FinalState, LSTMWithAttention, PlainLSTM
from tfmeta.imitation.servable import imitation_servable
from tfmeta.imitation.shards import read_shards
from tfmeta.imitation.world import World

__all__ = ["POLICIES", "Imitation", "ImitationTraining"]

_OF_ONE_SHOT = {"condition": "demonstration", "shown_steps": 20, "ensemble": 1, "shard_tasks": 0}
"""Settings that only the policy one-shot has, and what they are for the others."""

TEST_SEED, VALIDATION_SEED = 5_000_002, 5_000_001
"""Name the tasks that results are measured on, and those that choices are made on."""

POLICIES: dict[str, type[ImitationPolicy]] = {
    "lstm-attention": LSTMWithAttention,
    "plain-lstm": PlainLSTM,
    "final-state": FinalState,
    "one-shot": OneShotPolicy,
}
"""The policies by their names on the command line."""


@dataclasses.dataclass(frozen=True)
class ImitationTraining(Training):
    """Settings of the training of a policy that imitates.

    With shards, a run that was interrupted goes on with the shards that it has, but reads them in another order than an
    unbroken run.
    """

    batch_size: int = setting(64, "tasks of a training step", least=1)
    epoch_steps: int = setting(100, "training steps between two backups", least=1)
    learning_rate: float = setting(
        2e-3, "learning rate at the start; it falls to a hundredth along a half cosine"
    )
    dagger: float = setting(
        0.5, "part of the tasks in which the learner plays and the expert corrects it (DAgger)"
    )
    shard_tasks: int = setting(
        0, "tasks of a shard of demonstrations, which is written before each epoch; 0 for fresh tasks in each step",
        least=0,
    )  # fmt: skip
    expert_epochs: int = setting(5, "epochs on shards of the expert alone", least=1)
    first_shards: int = setting(8, "shards that the expert has written before the first epoch", least=1)
    scenes: int = setting(
        16, "steps of each task's episode that a training step learns from, out of shards", least=1
    )


@dataclasses.dataclass(frozen=True)
class Imitation(Method[ImitationTasks, ImitationTraining]):
    """A policy that sees one demonstration of a task, and does the task in another scene.

    Example:
        >>> from tfmeta.imitation.reaching_tasks import ReachingTasks
        >>> method, tasks = Imitation(), ReachingTasks()
        >>> method.artefact(tasks, method.training(tasks)), method.tested_as(tasks, method.training(tasks))
        ('imitation_reaching', 'reaching, 5 landmarks')

    Reference:
        Duan et al. 2017, One-Shot Imitation Learning.
    """

    name = "imitation"
    title = "One-shot imitation learning"
    paper = "Duan et al., NIPS 2017"
    takes = ImitationTasks
    learner_file = "learner.weights.h5"
    test_tasks = 200

    policy: str = setting("lstm-attention", "what reads the demonstration", choices=tuple(POLICIES))
    units: int = setting(64, "units of each layer", least=1)
    condition: str = setting(
        "demonstration", "what the policy one-shot reads of a demonstration", choices=CONDITIONS
    )
    shown_steps: int = setting(20, "steps of a demonstration that the policy one-shot reads", least=1)
    ensemble: int = setting(
        1, "choices of such steps over which the policy one-shot averages its actions after training", least=1
    )

    def training(self, tasks: ImitationTasks) -> ImitationTraining:
        return ImitationTraining(steps=1500)

    def summary(self, tasks: ImitationTasks) -> str:
        return f"Sees one demonstration, and then does the same task in another scene: {tasks.items}."

    def tested_as(self, tasks: ImitationTasks, training: ImitationTraining) -> str:
        return f"{tasks.words}, {next(iter(tasks.tests('test')))}"

    def protocol(self, tasks: ImitationTasks, training: ImitationTraining) -> str:
        step, part = counted(training.batch_size, "task"), f"{training.dagger:.0%}"
        if training.shard_tasks:
            trained = (
                f"trained on shards of {counted(training.shard_tasks, 'task')}, {step} a step; the expert plays in the"
                f" first {counted(training.first_shards, 'shard')}; after"
                f" {counted(training.expert_epochs, 'epoch')} there is a further shard for each epoch, and the learner"
                f" plays in {part} of its tasks, where the expert takes some of the steps"
            )
        else:
            trained = (
                f"trained on fresh tasks only, {step} a step; the learner plays in {part} of them and the expert in"
                " the others"
            )
        return f"{trained}; tested on further tasks, one demonstration and one episode of each, in different scenes"

    def check(self, tasks: ImitationTasks, training: ImitationTraining) -> None:
        if not 0 <= training.dagger <= 1:
            raise TfmetaError(f"dagger={training.dagger}; expected a part from 0 to 1.")
        if self.policy != "one-shot":
            values = {**self.values(), **training.values()}
            for name, default in _OF_ONE_SHOT.items():
                if values[name] != default:
                    raise TfmetaError(
                        f"{name}={values[name]} is for the policy one-shot, but policy={self.policy}. Choose"
                        f" policy=one-shot, or {name}={default}."
                    )
        tasks.world("train")

    def learner(self, tasks: ImitationTasks, training: ImitationTraining) -> ImitationLearner:
        world = tasks.world("train")
        options: dict[str, Any] = {"units": self.units, "seed": training.seed}
        if self.policy == "one-shot":
            options |= {"steps": self.shown_steps, "condition": self.condition, "ensemble": self.ensemble}
        policy = POLICIES[self.policy].of_world(world, **options)
        return ImitationLearner(world, policy, tasks=training.batch_size, dagger=training.dagger)

    def compile(self, learner: ImitationLearner, tasks: ImitationTasks, training: ImitationTraining) -> None:
        schedule = keras.optimizers.schedules.CosineDecay(training.learning_rate, training.steps, alpha=0.01)
        learner.compile(
            keras.optimizers.Adam(schedule, clipnorm=1.0), steps_per_execution=training.steps_per_execution
        )

    def batches(
        self, tasks: ImitationTasks, training: ImitationTraining, part: Part, start: int = 0
    ) -> tf.data.Dataset:
        return batch_seeds(training.seed, start)

    def fit_options(self, tasks: ImitationTasks, training: ImitationTraining, folder: Path) -> dict[str, Any]:
        if not training.shard_tasks:
            return {}
        world, shards = tasks.world("train"), folder / "shards"
        written = {"tasks": training.shard_tasks, "seed": training.seed}
        play = tf.function(partial(play_tasks, world), autograph=False)
        write_shards(play, shards, range(training.first_shards), **written)
        lessons = read_shards(
            shards,
            batch=training.batch_size,
            scenes=training.scenes,
            seed=training.seed,
            choose=self.learner(tasks, training).policy.chosen,
        )
        callback = WriteShards(shards, first=training.first_shards, after=training.expert_epochs, **written)
        return {"x": lessons, "callbacks": [callback]}

    # How it is measured and served

    def measure(
        self,
        learner: ImitationLearner,
        tasks: ImitationTasks,
        training: ImitationTraining,
        part: Part,
        *,
        count: int,
        folder: Path,
        verbose: int | str,
    ) -> list[Result]:
        seed = TEST_SEED if part == "test" else VALIDATION_SEED

        def succeeded(world: World) -> np.ndarray:
            def imitate() -> tf.Tensor:
                of_tasks, of_demonstration, of_scene = derived_seeds([seed, 0], 0, 1, 2)
                drawn = world.draw(of_tasks, count)
                shown = demonstrate(world, drawn, of_demonstration).demonstration()
                demo_state = learner.policy.embed(shown)
                return play(
                    world,
                    drawn,
                    of_scene,
                    lambda state, _: learner.policy.act(demo_state, world.observe(state)),
                ).succeeded

            return tf.function(imitate, autograph=False).get_concrete_function()().numpy()

        return list(self._results(tasks, part, succeeded))

    def measure_model(
        self,
        model: LoadedModel,
        tasks: ImitationTasks,
        training: ImitationTraining,
        *,
        count: int,
        verbose: int | str,
    ) -> list[Result]:
        def succeeded(world: World) -> np.ndarray:
            of_tasks, of_demonstration, of_scene = derived_seeds([TEST_SEED, 0], 0, 1, 2)
            drawn = world.draw(of_tasks, count)
            shown = demonstrate(world, drawn, of_demonstration).demonstration()
            return play_model(model.ask, world, shown, drawn, of_scene)

        return list(self._results(tasks, "test", succeeded))

    def _results(
        self, tasks: ImitationTasks, part: Part, succeeded: Callable[[World], np.ndarray]
    ) -> Iterator[Result]:
        for name, world in tasks.tests(part).items():
            found = estimate(succeeded(world).astype(np.float64))
            yield Result("success", found.mean, found.ci95, found.tasks, f"{tasks.words}, {name}")

    def servable(
        self, learner: ImitationLearner, tasks: ImitationTasks, training: ImitationTraining, card: Card
    ) -> Servable:
        return imitation_servable(
            learner.policy, self.artefact(tasks, training), world=tasks.world("test"), card=card
        )
