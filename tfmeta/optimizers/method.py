"""Learning an update rule from a family of problems, and racing it against the rules that people designed."""

import dataclasses
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmeta.core.batch_seeds import batch_seeds
from tfmeta.core.best import KeepBest
from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.estimate import estimate
from tfmeta.core.export import Servable
from tfmeta.core.hub import LoadedModel
from tfmeta.core.method import Method
from tfmeta.core.settings import setting
from tfmeta.core.tasks import Part
from tfmeta.core.words import counted
from tfmeta.optimizers.comparison import compare
from tfmeta.optimizers.coordinatewise_lstm import CoordinatewiseLSTM
from tfmeta.optimizers.learned_rule import LearnedRule
from tfmeta.optimizers.meta_trainer import MetaTrainer
from tfmeta.optimizers.problem_tasks import ProblemTasks
from tfmeta.optimizers.race import VALIDATION_SEED, descend
from tfmeta.optimizers.random_scaling import RandomlyScaled
from tfmeta.optimizers.rule_file import read_rule
from tfmeta.optimizers.rule_training import RuleTraining
from tfmeta.optimizers.servable import rule_servable
from tfmeta.optimizers.tuning import RATES
from tfmeta.optimizers.warm_start import WarmStarted

__all__ = ["LEARNED", "LSTMOptimizer", "MemoryOptimizer", "comparison_file"]

LEARNED = "LSTM"
"""What races call the rule that was learned."""


@dataclasses.dataclass(frozen=True)
class LSTMOptimizer(Method[ProblemTasks, RuleTraining]):
    """An update rule that is an LSTM on each coordinate of the gradient.

    Example:
        >>> from tfmeta.optimizers.quadratic_tasks import QuadraticTasks
        >>> method, tasks = LSTMOptimizer(), QuadraticTasks()
        >>> method.tested_as(tasks, method.training(tasks))
        'LSTM, quadratics, 100 updates'

    Reference:
        Andrychowicz et al. "Learning to learn by gradient descent by gradient descent." NeurIPS 2016.
    """

    name = "lstm-optimizer"
    title = "Coordinatewise LSTM"
    paper = "Andrychowicz et al., NIPS 2016"
    takes = ProblemTasks
    learner_file = "learner.weights.h5"
    test_tasks = 100
    of_a_step = "problem"
    finite_losses = False  # the trainer passes over descents that have run away

    output_scale: float = setting(0.1, "factor on the updates")
    groups: bool = setting(False, "whether convolution kernels have a network of their own")
    slots: int = setting(0, "slots of a memory that all coordinates of a problem share; 0 for none", least=0)

    def training(self, tasks: ProblemTasks) -> RuleTraining:
        if tasks.networks:
            return RuleTraining(batch_size=1, steps=1600, learning_rate=3e-3, at_once=5, tuning_problems=16)
        return RuleTraining(batch_size=64, steps=3000, learning_rate=5e-3)

    def summary(self, tasks: ProblemTasks) -> str:
        shared = " whose coordinates share a memory" if self.slots else ""
        return f"Minimises {tasks.items} by a learned update rule{shared}."

    def tested_as(self, tasks: ProblemTasks, training: RuleTraining) -> str:
        return f"{LEARNED}, {tasks.variants[training.problem]}, {counted(training.tuned_for, 'update')}"

    def protocol(self, tasks: ProblemTasks, training: RuleTraining) -> str:
        warm = (
            f", half of them after up to {counted(training.warm, 'update')} of Nesterov's momentum"
            if training.warm
            else ""
        )
        groups = "; convolution kernels have a network of their own" if self.groups else ""
        shared = f"; coordinates share a memory of {counted(self.slots, 'slot')}" if self.slots else ""
        twice = ", with second derivatives" if training.second_derivatives else ""
        tuned_on = counted(training.tuning_problems, "problem")
        return (
            f"trained on descents of {counted(training.descent, 'update')} from fresh problems{warm},"
            f" {training.unrolled} unrolled at a time{twice}{groups}{shared}; chosen by validation problems; raced on"
            f" further problems, against rules whose learning rate (of {len(RATES)}, on {tuned_on} of their own) is"
            f" the best after {counted(training.tuned_for, 'update')}"
        )

    def check(self, tasks: ProblemTasks, training: RuleTraining) -> None:
        if training.problem in tasks.variants:
            return
        known = [variant for variant in tasks.variants if variant]
        if not known:
            raise TfmetaError(f"problem={training.problem}: {tasks.name} has one problem only; leave it out.")
        raise TfmetaError(
            f"problem={training.problem}: {tasks.name} has no such problem. {nearest(training.problem, known)}"
        )

    def learner(self, tasks: ProblemTasks, training: RuleTraining) -> MetaTrainer:
        networks = [
            CoordinatewiseLSTM(seed=seed, output_scale=self.output_scale, advised=self.slots > 0)
            for seed in (training.seed, training.seed + 1)
        ]
        plain = problem = tasks.problem("train")
        if training.log_range:
            problem = RandomlyScaled(problem, training.log_range)
        if training.warm:
            problem = WarmStarted(problem, training.warm, training.warm_rate)
        return MetaTrainer(
            LearnedRule(*networks[: 1 + self.groups], slots=self.slots),
            problem,
            count=training.batch_size,
            steps=training.descent,
            unrolled=training.unrolled,
            test_steps=training.validation_descent or None,
            test_problem=plain,
            weights=training.weights,
            second_derivatives=training.second_derivatives,
            sampled=training.sampled or None,
        )

    def compile(self, learner: MetaTrainer, tasks: ProblemTasks, training: RuleTraining) -> None:
        updates = training.steps * (training.descent // training.unrolled)
        schedule = keras.optimizers.schedules.CosineDecay(training.learning_rate, max(updates, 1), alpha=0.01)
        learner.compile(
            keras.optimizers.Adam(schedule, clipnorm=1.0), steps_per_execution=training.steps_per_execution
        )

    def batches(
        self, tasks: ProblemTasks, training: RuleTraining, part: Part, start: int = 0
    ) -> tf.data.Dataset:
        return batch_seeds(training.seed if part == "train" else VALIDATION_SEED, start)

    def start_from(self, learner: MetaTrainer, before: Any, training: RuleTraining) -> None:
        """Starts from a rule that was learned before, maybe on other problems.

        A rule learns fast when few updates are unrolled, and then looks further ahead when more are. Where the rule
        before has one network and this one two, both start from that.
        """
        if not isinstance(before, MetaTrainer):
            raise TfmetaError(f"{training.start_from} is no run of an update rule; start from one that is.")
        taught = before.rule.networks
        if learner.rule.network.advised != taught[0].advised:
            raise TfmetaError(
                f"Of {training.start_from} and this run only one has a memory; start from a run with the same slots."
            )
        for network, one in zip(learner.rule.networks, itertools.cycle(taught), strict=False):
            network.set_weights(one.get_weights())

    def done(self, learner: MetaTrainer) -> int:
        return int(learner.descents.numpy())

    def fit_options(self, tasks: ProblemTasks, training: RuleTraining, folder: Path) -> dict[str, Any]:
        best = KeepBest(folder / "best", "val_final_loss", training.patience)
        validation = self.batches(tasks, training, "validation").take(training.validation_batches)
        return {"validation_data": validation, "callbacks": [best]}

    def measure(
        self,
        learner: MetaTrainer,
        tasks: ProblemTasks,
        training: RuleTraining,
        part: Part,
        *,
        count: int,
        folder: Path,
        verbose: int | str,
    ) -> list[Result]:
        """Races the rule against the designed ones; the race is kept in the folder, see `comparison_file`."""
        problem, rule, options = (
            tasks.problem(part, training.problem),
            learner.rule,
            _of_race(training, count),
        )
        if part != "test":
            return self._results(
                {LEARNED: descend(rule, problem, seed=VALIDATION_SEED, **options)}, tasks, training
            )
        options.update(tuned_for=training.tuned_for, tuning_problems=training.tuning_problems)
        if verbose:
            options["say"] = print
        found = compare({LEARNED: rule}, problem, **options)
        found.write(comparison_file(folder, training.problem))
        return self._results(found.losses, tasks, training)

    def measure_model(
        self,
        model: LoadedModel,
        tasks: ProblemTasks,
        training: RuleTraining,
        *,
        count: int,
        verbose: int | str,
    ) -> list[Result]:
        """Lets the rule of an artefact descend the problems of the race, without the designed ones."""
        rule, problem = read_rule(model.path), tasks.problem("test", training.problem)
        return self._results({LEARNED: descend(rule, problem, **_of_race(training, count))}, tasks, training)

    def _results(
        self, losses: Mapping[str, np.ndarray], tasks: ProblemTasks, training: RuleTraining
    ) -> list[Result]:
        # The learned rule first, and then the designed ones; each when the rates were tuned for and at the end.
        steps = sorted({min(training.tuned_for, training.test_descent), training.test_descent})
        variant = tasks.variants[training.problem]
        return [
            Result(
                "loss", value.mean, value.ci95, value.tasks, f"{title}, {variant}, {counted(step, 'update')}"
            )
            for title, each in losses.items()
            for step in steps
            for value in [estimate(each[:, step])]
        ]

    def servable(
        self, learner: MetaTrainer, tasks: ProblemTasks, training: RuleTraining, card: Card
    ) -> Servable:
        return rule_servable(learner.rule, self.artefact(tasks, training), card=card)


@dataclasses.dataclass(frozen=True)
class MemoryOptimizer(LSTMOptimizer):
    """An update rule whose coordinates share a memory; see `tfmeta.optimizers.SharedMemory`."""

    name = "memory-optimizer"
    title = "LSTM with a shared memory"

    output_scale: float = setting(1.0, "factor on the updates")
    slots: int = setting(10, "slots of a memory that all coordinates of a problem share; 0 for none", least=0)

    def training(self, tasks: ProblemTasks) -> RuleTraining:
        return dataclasses.replace(
            super().training(tasks), steps=400, learning_rate=2e-3, second_derivatives=True
        )


def _of_race(training: RuleTraining, count: int) -> dict[str, Any]:
    return {"problems": count, "at_once": min(training.at_once, count), "steps": training.test_descent}


def comparison_file(folder: Path, problem: str = "") -> Path:
    """Returns where a run keeps the race on a variant of its problems.

    Example:
        >>> comparison_file(Path("run"), "40 units").name
        'race-40-units.npz'
    """
    return folder / f"race-{re.sub(r'[^a-z0-9]+', '-', problem.lower()) or 'own'}.npz"
