"""MAML for reinforcement learning as a method: how it is trained, measured and served."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.batch_seeds import batch_seeds
from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.estimate import estimate
from tfmeta.core.export import Servable
from tfmeta.core.hub import LoadedModel
from tfmeta.core.method import Method, Training
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.core.words import counted
from tfmeta.rl.adaptation import adapt_and_play, adapt_and_play_model
from tfmeta.rl.adaptive_servable import adaptive_policy_servable
from tfmeta.rl.control_tasks import ControlTasks
from tfmeta.rl.gaussian_policy import GaussianPolicy
from tfmeta.rl.policy_learner import MAMLPolicyLearner

__all__ = ["MAMLPolicy", "OraclePolicy", "PolicyTraining", "PretrainedPolicy"]

TEST_SEED, VALIDATION_SEED = 4_000_002, 4_000_001
"""Name the tasks that results are measured on, and those that choices are made on."""


@dataclasses.dataclass(frozen=True)
class PolicyTraining(Training):
    """Settings of the training of a policy that adapts, and of its test."""

    batch_size: int = setting(20, "tasks of a training step", least=2)
    epoch_steps: int = setting(10, "training steps between two backups", least=1)
    learning_rate: float = setting(3e-4, "learning rate of PPO's optimizer; TRPO has none")
    episodes: int = setting(20, "episodes of a task before each gradient step, and after the last", least=1)
    outer: str = setting("trpo", "what moves the initial weights", choices=("trpo", "ppo"))
    discount: float = setting(0.99, "discount of rewards, γ", least=0)
    gae_lambda: float = setting(0.9, "λ of the generalised advantages", least=0)
    max_kl: float = setting(0.01, "how far a step of TRPO moves the adapted policies, at most, in nats")
    damping: float = setting(1e-5, "what TRPO adds to the diagonal of its Fisher matrix", least=0)
    fisher_tasks: int = setting(4, "tasks that TRPO's Fisher matrix is estimated on", least=1)
    clip: float = setting(0.2, "where PPO clips its ratio")
    passes: int = setting(5, "steps of PPO's optimizer in a training step", least=1)
    test_updates: int = setting(3, "gradient steps in a test", least=1)
    test_rate: float = setting(0.0, "rate of the first of them; that of the training where 0", least=0)
    later_rate: float = setting(0.3, "what the rate of the others is multiplied by", least=0)

    def rates(self, inner_rate: float) -> list[float]:
        """Returns the rate of each gradient step in a test."""
        first = self.test_rate or inner_rate
        return [first] + [self.later_rate * first] * (self.test_updates - 1)


@dataclasses.dataclass(frozen=True)
class MAMLPolicy(Method[ControlTasks, PolicyTraining]):
    """Initial weights of a policy that is good after one policy-gradient step in a new task.

    Example:
        >>> from tfmeta.rl.navigation_tasks import NavigationTasks
        >>> method, tasks = MAMLPolicy(), NavigationTasks()
        >>> method.artefact(tasks, method.training(tasks))
        'maml_navigation'

    Reference:
        Finn, Abbeel, Levine. "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks." ICML 2017.
    """

    name = "maml-policy"
    title = "MAML"
    paper = "Finn et al., ICML 2017"
    takes = ControlTasks
    learner_file = "learner.weights.h5"
    test_tasks = 40
    of_a_step = "task"
    stem = "maml"
    sees_task = False

    units: int = setting(100, "units of each of the policy's two hidden layers", least=1)
    initial_std: float = setting(0.5, "standard deviation of actions before the training")
    inner_rate: float = setting(0.1, "rate of the policy-gradient step in a task, α")
    inner_steps: int = setting(1, "policy-gradient steps in a task of the training", least=0)
    first_order: bool = setting(False, "whether the derivative of the inner gradients is left out")

    def training(self, tasks: ControlTasks) -> PolicyTraining:
        return PolicyTraining(steps=200)

    def summary(self, tasks: ControlTasks) -> str:
        return f"Acts for {tasks.items}, and adapts by policy-gradient steps on a few episodes."

    def tested_as(self, tasks: ControlTasks, training: PolicyTraining) -> str:
        return f"{tasks.words}, after 1 update"

    def protocol(self, tasks: ControlTasks, training: PolicyTraining) -> str:
        rates = ", ".join(f"{rate:g}" for rate in training.rates(self.inner_rate))
        steps = counted(self.inner_steps, "gradient step") if self.inner_steps else "no gradient step"
        return (
            f"trained by {training.outer.upper()} on fresh tasks only, {counted(training.batch_size, 'task')} a step,"
            f" with {steps} in each on {counted(training.episodes, 'episode')}; tested on further tasks with rates"
            f" {rates}, each on {counted(training.episodes, 'fresh episode')}; the return of a task is the mean over"
            f" as many episodes, without discount"
        )

    def artefact(self, tasks: ControlTasks, training: PolicyTraining) -> str:
        return f"{self.stem}_{tasks.model_name}".replace("-", "_")

    def check(self, tasks: ControlTasks, training: PolicyTraining) -> None:
        if training.fisher_tasks > training.batch_size:
            raise TfmetaError(
                f"fisher_tasks={training.fisher_tasks}, but batch_size={training.batch_size} tasks; lower the one, or"
                " raise the other."
            )

    def learner(self, tasks: ControlTasks, training: PolicyTraining) -> MAMLPolicyLearner:
        environment = tasks.environment("train")
        seen = environment.observation_size + (environment.task_size if self.sees_task else 0)
        policy = GaussianPolicy(
            seen, environment.action_size, [self.units] * 2, initial_std=self.initial_std, seed=training.seed
        )
        return MAMLPolicyLearner(
            environment,
            policy,
            tasks=training.batch_size,
            episodes=training.episodes,
            inner_rate=self.inner_rate,
            inner_steps=self.inner_steps,
            first_order=self.first_order,
            discount=training.discount,
            gae_lambda=training.gae_lambda,
            outer=training.outer,  # type: ignore[arg-type]
            max_kl=training.max_kl,
            damping=training.damping,
            fisher_tasks=training.fisher_tasks,
            clip=training.clip,
            passes=training.passes,
            sees_task=self.sees_task,
        )

    def compile(self, learner: MAMLPolicyLearner, tasks: ControlTasks, training: PolicyTraining) -> None:
        steps = training.steps * training.passes
        schedule = keras.optimizers.schedules.CosineDecay(training.learning_rate, steps, alpha=0.01)
        learner.compile(
            keras.optimizers.Adam(schedule, clipnorm=1.0), steps_per_execution=training.steps_per_execution
        )

    def batches(
        self, tasks: ControlTasks, training: PolicyTraining, part: Part, start: int = 0
    ) -> tf.data.Dataset:
        return batch_seeds(training.seed, start)

    def done(self, learner: MAMLPolicyLearner) -> int:
        return int(learner.rounds.numpy())

    # How it is measured and served

    def measure(
        self,
        learner: MAMLPolicyLearner,
        tasks: ControlTasks,
        training: PolicyTraining,
        part: Part,
        *,
        count: int,
        folder: Path,
        verbose: int | str,
    ) -> list[Result]:
        seed = (TEST_SEED if part == "test" else VALIDATION_SEED, 0)
        rates = training.rates(self.inner_rate)
        returns = adapt_and_play(
            learner, tasks.environment(part), tasks=count, episodes=training.episodes, rates=rates, seed=seed
        )
        return self._results(returns, tasks, training)

    def measure_model(
        self,
        model: LoadedModel,
        tasks: ControlTasks,
        training: PolicyTraining,
        *,
        count: int,
        verbose: int | str,
    ) -> list[Result]:
        for name in ("test_rate", "later_rate"):
            asked, kept = training.values()[name], model.card.recipe.get(name)
            if kept not in (None, asked):
                raise TfmetaError(
                    f"{name}={asked:g}: the model was exported with {name}={kept:g}; test its run with other rates."
                )
        episodes, updates, seed = training.episodes, training.test_updates, (TEST_SEED, 0)
        returns = adapt_and_play_model(
            model.ask, tasks.environment("test"), tasks=count, episodes=episodes, updates=updates, seed=seed,
            sees_task=self.sees_task,
        )  # fmt: skip
        return self._results(returns, tasks, training)

    def _results(self, returns: np.ndarray, tasks: ControlTasks, training: PolicyTraining) -> list[Result]:
        rows = []
        for updates in (1, 0, *range(2, len(returns))):  # the one that identifies the result comes first
            found = estimate(returns[updates])
            tested = f"{tasks.words}, after {counted(updates, 'update')}"
            rows.append(Result("return", found.mean, found.ci95, found.tasks, tested))
        return rows

    def servable(
        self, learner: MAMLPolicyLearner, tasks: ControlTasks, training: PolicyTraining, card: Card
    ) -> Servable:
        return adaptive_policy_servable(
            learner.policy,
            self.artefact(tasks, training),
            rates=training.rates(self.inner_rate),
            horizon=tasks.environment("test").trial_length,
            discount=training.discount,
            gae_lambda=training.gae_lambda,
            card=card,
        )


@dataclasses.dataclass(frozen=True)
class PretrainedPolicy(MAMLPolicy):
    """A policy that is trained for its return in all tasks, and adapts in a test only: a baseline of MAML."""

    name = "pretrained-policy"
    title = "pretraining"
    paper = "a baseline of Finn et al., ICML 2017"
    stem = "pretrained"

    inner_steps: int = setting(0, "policy-gradient steps in a task of the training", least=0)

    def summary(self, tasks: ControlTasks) -> str:
        return f"Acts for {tasks.items}: a policy for all tasks, which was not trained to adapt."


@dataclasses.dataclass(frozen=True)
class OraclePolicy(PretrainedPolicy):
    """A policy that observes what the task is: the bound of what can be reached."""

    name = "oracle-policy"
    title = "an oracle"
    stem = "oracle"
    sees_task = True

    def summary(self, tasks: ControlTasks) -> str:
        return f"Acts for {tasks.items}, and observes which task it is."
