"""What recipes of policies that learn within a trial share."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfmeta.core.batch_seeds import batch_seeds
from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError, check, nearest
from tfmeta.core.estimate import estimate
from tfmeta.core.export import Servable
from tfmeta.core.hub import LoadedModel
from tfmeta.recipes.recipe import Part, Recipe, Settings, counted
from tfmeta.recipes.train import Run
from tfmeta.rl import (
    AGENTS,
    TrialNetwork,
    Trials,
    TrialTrainer,
    TrialValue,
    play,
    play_model,
    policy_servable,
)
from tfmeta.rl.environments import TrialEnvironment

__all__ = ["SOURCE", "TEST_SEED", "RL2Recipe", "RL2Settings", "protocol", "rl2_recipe"]

TEST_SEED, VALIDATION_SEED = 2_000_002, 2_000_001
"""Name the tasks that results are measured on, and those that choices are made on."""

SOURCE = "Duan et al. 2016, table {table}; 1,000 trials"
"""Where published numbers stand."""


@dataclasses.dataclass(frozen=True)
class RL2Settings(Settings):
    """Settings of a policy that learns within a trial.

    A training step plays ``batch_size`` trials. ``learning_rate`` is that of the value function, and with PPO of the
    policy too.

    Attributes:
        agent: ``"trpo"`` or ``"ppo"``.
        units: of the policy's GRU, and of the value function's.
        crossed: tells both networks which action was taken on what was seen; see `tfmeta.rl.TrialNetwork`.
        discount: of rewards, γ.
        gae_lambda: of the advantages, λ.
        clock: tells the value function how many steps are left.
        max_kl: of a step of TRPO, in nats.
        damping: what TRPO adds to the diagonal of its Fisher matrix.
        fisher_fraction: part of the trials that TRPO's Fisher matrix is estimated on.
        clip: of PPO's ratio.
        entropy: PPO's factor on the entropy.
        passes: over the trials of a step: PPO's, or those of TRPO's value function.
        minibatches: steps of the optimizer in each pass.
        start_from: the name of a finished run in the same folder, whose policy and value function this one starts from:
            that of easier tasks, or one that is to learn on.
    """

    batch_size: int = 1000
    epoch_steps: int = 10
    agent: str = "trpo"
    units: int = 64
    crossed: bool = False
    discount: float = 0.99
    gae_lambda: float = 0.3
    clock: bool = True
    max_kl: float = 0.01
    damping: float = 3e-4
    fisher_fraction: float = 0.2
    clip: float = 0.2
    entropy: float = 0.0
    passes: int = 4
    minibatches: int = 4
    start_from: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RL2Recipe(Recipe[RL2Settings]):
    """One distribution of tasks.

    Attributes:
        environment: builds it.
        published: the mean reward of a trial in the paper, where it has one, and where it says so.
        besides: ``(settings, trials, setting)`` says what else is measured than rewards.
    """

    environment: Callable[[Any], TrialEnvironment]
    published: Callable[[Any], tuple[float | None, str]]
    besides: Callable[[Any, Trials, str], list[Result]] = lambda settings, trials, setting: []

    learner_file: ClassVar[str] = "learner.weights.h5"
    of_a_step: ClassVar[str] = "trial"

    def configure(self, **changes: Any) -> RL2Settings:
        settings = super().configure(**changes)
        if settings.agent not in AGENTS:
            raise TfmetaError(f"There is no agent {settings.agent!r}. {nearest(settings.agent, AGENTS)}")
        return settings

    def compile(self, learner: keras.Model, settings: RL2Settings) -> None:
        each = settings.passes * settings.minibatches
        schedule = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, settings.steps * each, alpha=0.01
        )
        learner.compile(
            keras.optimizers.Adam(schedule, clipnorm=1.0), steps_per_execution=settings.steps_per_execution
        )

    def begin(self, learner: TrialTrainer, settings: RL2Settings, runs: Path) -> None:
        if not settings.start_from:
            return
        before = Run(runs / settings.start_from).learner(self)
        for mine, taught in ((learner.policy, before.policy), (learner.value.network, before.value.network)):
            sizes = [[weight.shape for weight in network.weights] for network in (mine, taught)]
            if sizes[0] != sizes[1]:
                raise TfmetaError(
                    f"{settings.start_from} is a run of other sizes; start from one with as many units, actions and"
                    " numbers to observe."
                )
            mine.set_weights(taught.get_weights())

    def batches(self, settings: RL2Settings, part: Part, start: int = 0) -> tf.data.Dataset:
        self.environment(settings)  # refuses what is no task
        check(settings.batch_size >= 1, f"batch_size={settings.batch_size} trials; expected at least 1.")
        check(
            settings.minibatches <= settings.batch_size,
            f"minibatches={settings.minibatches}, but batch_size={settings.batch_size} trials; lower the one, or raise"
            " the other.",
        )
        return batch_seeds(settings.seed, start)

    def done(self, learner: TrialTrainer) -> int:
        return int(learner.rounds.numpy())

    def measure(
        self,
        learner: TrialTrainer,
        settings: RL2Settings,
        part: Part,
        *,
        tasks: int,
        folder: Path,
        verbose: int | str,
    ) -> list[Result]:
        trained, test = learner.environment, self.environment(settings)
        if (trained.actions, trained.trial_length) != (test.actions, test.trial_length):
            raise TfmetaError(
                f"The policy was trained for trials of {trained.trial_length} steps with {trained.actions} actions, and"
                f" this test has {test.trial_length} with {test.actions}; train another with these settings."
            )

        def played(greedy: bool) -> Trials:
            return play(learner.policy, test, trials=tasks, seed=_seed(part), greedy=greedy)

        return self._results(settings, played)

    def measure_model(
        self, model: LoadedModel, settings: RL2Settings, *, tasks: int, verbose: int | str
    ) -> list[Result]:
        test = self.environment(settings)

        def played(greedy: bool) -> Trials:
            return play_model(model.ask, test, trials=tasks, seed=_seed("test"), greedy=greedy)

        return self._results(settings, played)

    def servable(self, learner: TrialTrainer, settings: RL2Settings, card: Card) -> Servable:
        return policy_servable(learner.policy, self.artefact(settings), card=card)

    def _results(self, settings: RL2Settings, played: Callable[[bool], Trials]) -> list[Result]:
        published, source = self.published(settings)
        results = []
        for greedy in (False, True):
            trials = played(greedy)
            found = estimate(trials.rewards.sum(axis=1))
            setting = self.setting(settings) + (", greedy" if greedy else "")
            results.append(Result("reward", found.mean, found.ci95, found.tasks, setting, published, source))
            results += self.besides(settings, trials, setting)
        return results


def _seed(part: Part) -> tuple[int, int]:
    return (TEST_SEED if part == "test" else VALIDATION_SEED, 0)


def _learner(
    environment: Callable[[Any], TrialEnvironment], eyes: Callable[[Any, int], keras.Model | None]
) -> Callable[[Any], TrialTrainer]:
    def build(settings: RL2Settings) -> TrialTrainer:
        tasks = environment(settings)
        sizes = {
            "actions": tasks.actions,
            "observation_size": tasks.observation_size,
            "units": settings.units,
            "crossed": settings.crossed,
        }
        seeds = settings.seed, settings.seed + 1
        sees, foresees = (eyes(settings, seed) for seed in seeds)
        policy = TrialNetwork(**sizes, outputs=tasks.actions, head_scale=0.1, encoder=sees, seed=seeds[0])
        foresight = TrialNetwork(**sizes, outputs=1, encoder=foresees, seed=seeds[1])
        value = TrialValue(foresight, tasks.trial_length, discount=settings.discount, clock=settings.clock)
        return TrialTrainer(
            tasks, policy, value, trials=settings.batch_size, agent=settings.agent, options=_options(settings)
        )

    return build


def _options(settings: RL2Settings) -> dict[str, Any]:
    """Returns the arguments of the agent."""
    shared = {"discount": settings.discount, "gae_lambda": settings.gae_lambda}
    if settings.agent == "ppo":
        own = ("clip", "entropy", "minibatches")
        return {**shared, "epochs": settings.passes, **{name: getattr(settings, name) for name in own}}
    own = ("max_kl", "damping", "fisher_fraction")
    value = {"value_epochs": settings.passes, "value_minibatches": settings.minibatches}
    return {**shared, **value, **{name: getattr(settings, name) for name in own}}


def protocol(settings: RL2Settings) -> str:
    """Says how a policy was trained and tested."""
    start = f"started from the run {settings.start_from}; " if settings.start_from else ""
    crossed = " networks are told which action was taken in which state;" if settings.crossed else ""
    return (
        f"{start}trained by {settings.agent.upper()} on fresh tasks only,"
        f" {counted(settings.batch_size, 'trial')} a step;{crossed} tested on further tasks, actions drawn from"
        " the policy, and greedy beside it"
    )


def rl2_recipe(
    environment: Callable[[Any], TrialEnvironment],
    *,
    practice: Callable[[Any], TrialEnvironment] | None = None,
    eyes: Callable[[Any, int], keras.Model | None] = lambda settings, seed: None,
    **fields: Any,
) -> RL2Recipe:
    """Makes a recipe of a distribution of tasks.

    Args:
        environment: builds it, of the settings.
        practice: builds what is trained on, where that is not what is tested; with trials as long.
        eyes: builds the encoder of what is observed, of the settings and a seed; see `tfmeta.rl.TrialNetwork`.
        **fields: what else an `RL2Recipe` says of itself; its `protocol` is the function of that name unless given.
    """
    return RL2Recipe(
        method="RL²",
        paper="Duan et al., arXiv 2016",
        learner=_learner(practice or environment, eyes),
        environment=environment,
        **{"protocol": protocol, **fields},
    )
