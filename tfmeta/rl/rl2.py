"""RL²: a policy that learns within a trial, trained on fresh tasks of one distribution."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
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
from tfmeta.rl.environment_tasks import EnvironmentTasks
from tfmeta.rl.playing import Trials, play, play_model
from tfmeta.rl.servable import policy_servable
from tfmeta.rl.trial_network import TrialNetwork
from tfmeta.rl.trial_trainer import AGENTS, TrialTrainer
from tfmeta.rl.trial_value import TrialValue

__all__ = ["RL2", "TEST_SEED", "RL2Training"]

TEST_SEED, VALIDATION_SEED = 2_000_002, 2_000_001
"""Name the tasks that results are measured on, and those that choices are made on."""

_MOST_NUMBERS = 50_000_000
"""Of the observations of a training step, unless more trials are asked for: 200 MB."""


@dataclasses.dataclass(frozen=True)
class RL2Training(Training):
    """Settings of the training of a policy. A training step plays ``batch_size`` trials."""

    batch_size: int = setting(1000, "trials of a training step", least=1)
    epoch_steps: int = setting(10, "training steps between two backups", least=1)
    learning_rate: float = setting(
        1e-3,
        "learning rate of the value function at the start, and with PPO of the policy too; it falls to a hundredth"
        " along a half cosine",
    )
    agent: str = setting("trpo", "what trains the policy", choices=AGENTS)
    discount: float = setting(0.99, "discount of rewards, γ")
    gae_lambda: float = setting(0.3, "λ of the generalised advantages")
    clock: bool = setting(True, "whether the value function is given the number of steps that are left")
    max_kl: float = setting(0.01, "how far a step of TRPO moves the policy, at most, in nats")
    damping: float = setting(3e-4, "what TRPO adds to the diagonal of its Fisher matrix")
    fisher_fraction: float = setting(0.2, "part of the trials that TRPO's Fisher matrix is estimated on")
    clip: float = setting(0.2, "where PPO clips its ratio")
    entropy: float = setting(0.0, "PPO's factor on the entropy")
    passes: int = setting(
        4, "passes over the trials of a step: PPO's, or those of TRPO's value function", least=1
    )
    minibatches: int = setting(4, "steps of the optimizer in each pass", least=1)

    def agent_options(self) -> dict[str, Any]:
        """Returns the arguments of the agent; see `tfmeta.rl.agents`."""
        shared = {"discount": self.discount, "gae_lambda": self.gae_lambda}
        if self.agent == "ppo":
            return {
                **shared,
                "epochs": self.passes,
                "minibatches": self.minibatches,
                "clip": self.clip,
                "entropy": self.entropy,
            }
        return {
            **shared,
            "value_epochs": self.passes,
            "value_minibatches": self.minibatches,
            "max_kl": self.max_kl,
            "damping": self.damping,
            "fisher_fraction": self.fisher_fraction,
        }


@dataclasses.dataclass(frozen=True)
class RL2(Method[EnvironmentTasks, RL2Training]):
    """A recurrent policy that keeps its memory across the episodes of a trial, and so learns within it.

    Example:
        >>> from tfmeta.rl.bandit_tasks import BanditTasks
        >>> method, tasks = RL2(), BanditTasks()
        >>> method.tested_as(tasks, method.training(tasks))
        'RL² by TRPO, 10 pulls of 5 arms'

    Reference:
        Duan et al. 2016, RL²: Fast Reinforcement Learning via Slow Reinforcement Learning.
    """

    name = "rl2"
    title = "RL²"
    paper = "Duan et al., arXiv 2016"
    takes = EnvironmentTasks
    learner_file = "learner.weights.h5"
    of_a_step = "trial"

    units: int = setting(64, "units of the policy's GRU, and of the value function's", least=1)
    crossed: bool = setting(
        False, "whether both networks are given the last action crossed with the state before it"
    )

    def training(self, tasks: EnvironmentTasks) -> RL2Training:
        environment = tasks.environment("train")
        numbers = environment.trial_length * max(environment.observation_size, 1)
        fit = max(RL2Training.minibatches, _MOST_NUMBERS // numbers)
        return RL2Training(steps=150, batch_size=min(RL2Training.batch_size, fit))

    def summary(self, tasks: EnvironmentTasks) -> str:
        return f"Plays {tasks.items} that it has never seen, and learns within the trial."

    def tested_as(self, tasks: EnvironmentTasks, training: RL2Training) -> str:
        return f"RL² by {training.agent.upper()}, {tasks.words}"

    def protocol(self, tasks: EnvironmentTasks, training: RL2Training) -> str:
        crossed = (
            " networks are given the last action crossed with the state before it;" if self.crossed else ""
        )
        told = f"; {tasks.in_training}" if tasks.in_training else ""
        return (
            f"trained by {training.agent.upper()} on fresh tasks only, {counted(training.batch_size, 'trial')} a"
            f" step;{crossed} tested on further tasks, actions drawn from the policy, and greedy beside it{told}"
        )

    def artefact(self, tasks: EnvironmentTasks, training: RL2Training) -> str:
        return f"{self.name}_{tasks.model_name}".replace("-", "_")

    def check(self, tasks: EnvironmentTasks, training: RL2Training) -> None:
        trials, parts = training.batch_size, training.minibatches
        if parts > trials:
            raise TfmetaError(
                f"minibatches={parts}, but batch_size={trials} trials; lower the one, or raise the other."
            )

    def learner(self, tasks: EnvironmentTasks, training: RL2Training) -> TrialTrainer:
        environment, seed = tasks.environment("train"), training.seed
        sizes: dict[str, Any] = {
            "actions": environment.actions,
            "observation_size": environment.observation_size,
            "units": self.units,
            "crossed": self.crossed,
        }
        policy = TrialNetwork(
            **sizes, outputs=environment.actions, head_scale=0.1, encoder=tasks.eyes(seed), seed=seed
        )
        foresight = TrialNetwork(**sizes, outputs=1, encoder=tasks.eyes(seed + 1), seed=seed + 1)
        value = TrialValue(
            foresight, environment.trial_length, discount=training.discount, clock=training.clock
        )
        return TrialTrainer(
            environment,
            policy,
            value,
            trials=training.batch_size,
            agent=training.agent,
            options=training.agent_options(),
        )

    def compile(self, learner: TrialTrainer, tasks: EnvironmentTasks, training: RL2Training) -> None:
        each = training.passes * training.minibatches
        schedule = keras.optimizers.schedules.CosineDecay(
            training.learning_rate, training.steps * each, alpha=0.01
        )
        learner.compile(
            keras.optimizers.Adam(schedule, clipnorm=1.0), steps_per_execution=training.steps_per_execution
        )

    def batches(
        self, tasks: EnvironmentTasks, training: RL2Training, part: Part, start: int = 0
    ) -> tf.data.Dataset:
        return batch_seeds(training.seed, start)

    def start_from(self, learner: TrialTrainer, before: Any, training: RL2Training) -> None:
        """Starts from the policy and the value function of another run: of easier tasks, or one that is to learn on."""
        if not isinstance(before, TrialTrainer):
            raise TfmetaError(f"{training.start_from} is no run of RL²; start from one that is.")
        for mine, taught in ((learner.policy, before.policy), (learner.value.network, before.value.network)):
            sizes = [[weight.shape for weight in network.weights] for network in (mine, taught)]
            if sizes[0] != sizes[1]:
                raise TfmetaError(
                    f"{training.start_from} is a run of other sizes; start from one with as many units, actions and"
                    " numbers to observe."
                )
            mine.set_weights(taught.get_weights())

    def done(self, learner: TrialTrainer) -> int:
        return int(learner.rounds.numpy())

    def measure(
        self,
        learner: TrialTrainer,
        tasks: EnvironmentTasks,
        training: RL2Training,
        part: Part,
        *,
        count: int,
        folder: Path,
        verbose: int | str,
    ) -> list[Result]:
        trained, test = learner.environment, tasks.environment(part)
        if (trained.actions, trained.trial_length) != (test.actions, test.trial_length):
            raise TfmetaError(
                f"The policy was trained for trials of {trained.trial_length} steps with {trained.actions} actions, and"
                f" this test has {test.trial_length} with {test.actions}; train another with these settings."
            )
        seed = (TEST_SEED if part == "test" else VALIDATION_SEED, 0)

        def played(greedy: bool) -> Trials:
            return play(learner.policy, test, trials=count, seed=seed, greedy=greedy)

        return self._results(tasks, training, played)

    def measure_model(
        self,
        model: LoadedModel,
        tasks: EnvironmentTasks,
        training: RL2Training,
        *,
        count: int,
        verbose: int | str,
    ) -> list[Result]:
        test = tasks.environment("test")

        def played(greedy: bool) -> Trials:
            return play_model(model.ask, test, trials=count, seed=(TEST_SEED, 0), greedy=greedy)

        return self._results(tasks, training, played)

    def _results(
        self, tasks: EnvironmentTasks, training: RL2Training, played: Callable[[bool], Trials]
    ) -> list[Result]:
        results = []
        for greedy in (False, True):
            trials = played(greedy)
            found = estimate(trials.rewards.sum(axis=1))
            tested_as = self.tested_as(tasks, training) + (", greedy" if greedy else "")
            results.append(Result("reward", found.mean, found.ci95, found.tasks, tested_as))
            results += tasks.results(trials, tested_as)
        return results

    def servable(
        self, learner: TrialTrainer, tasks: EnvironmentTasks, training: RL2Training, card: Card
    ) -> Servable:
        return policy_servable(learner.policy, self.artefact(tasks, training), card=card)
