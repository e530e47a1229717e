"""What recipes of learnt update rules share: training on a family of problems, and the race against the tuned zoo."""

import dataclasses
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfmeta.core.batch_seeds import batch_seeds
from tfmeta.core.best import KeepBest
from tfmeta.core.cards import Card, Result
from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.core.estimate import estimate
from tfmeta.core.export import Servable
from tfmeta.optimizers import (
    Comparison,
    CoordinatewiseLSTM,
    LearnedRule,
    MetaTrainer,
    Problem,
    RandomlyScaled,
    WarmStarted,
    compare,
    descend,
    rule_servable,
)
from tfmeta.optimizers.race import VALIDATION_SEED
from tfmeta.optimizers.tuning import RATES
from tfmeta.recipes.recipe import Part, Recipe, Settings, counted
from tfmeta.recipes.registry import find_recipe
from tfmeta.recipes.train import Run

__all__ = [
    "LEARNT",
    "RuleRecipe",
    "RuleSettings",
    "comparison_file",
    "rule_recipe",
]

LEARNT = "LSTM"
"""What races call the learnt rule."""


@dataclasses.dataclass(frozen=True)
class RuleSettings(Settings):
    """Settings of a learnt update rule.

    A training step is one descent; ``batch_size`` problems descend side by side.

    Attributes:
        descent: updates of a descent in training.
        unrolled: updates between two steps of the rule's own training.
        weights: of the losses along a descent; see `tfmeta.optimizers.MetaTrainer`.
        second_derivatives: lets gradients flow through those of the problems too; see `tfmeta.optimizers.MetaTrainer`.
        sampled: coordinates of each tensor through which gradients flow; 0 for all. See
            `tfmeta.optimizers.MetaTrainer`.
        output_scale: factor on the updates; see `tfmeta.optimizers.CoordinatewiseLSTM`.
        log_range: how far the units of coordinates are stretched in training; see `tfmeta.optimizers.RandomlyScaled`.
        warm: updates of Nesterov's momentum, at most, after which half of the descents in training begin; see
            `tfmeta.optimizers.WarmStarted`.
        warm_rate: learning rate of these.
        groups: gives convolution kernels a network of their own.
        slots: of a memory that all coordinates of a problem share; see `tfmeta.optimizers.SharedMemory`. 0 for none.
        validation_batches: batches of problems that the best epoch is chosen on.
        validation_descent: updates of a descent in validation; as many as in training unless given.
        patience: epochs without a better descent on validation problems after which training ends; 0 for never.
        test_descent: updates of a test descent.
        tuned_for: updates that the learning rates of the designed rules are tuned for.
        tuning_problems: problems that each learning rate is tried on.
        at_once: problems that descend side by side in a race.
        problem: the variant that is tested; see the recipe.
        start_from: the name of a finished run in the same folder, whose rule this one starts from: a rule learns fast
            when little is unrolled at a time, and then looks further ahead when more is. That may have learnt on other
            problems; where it has one network and this one two, both start from that.
    """

    batch_size: int = 128
    descent: int = 100
    unrolled: int = 20
    weights: str = "relative"
    second_derivatives: bool = False
    sampled: int = 0
    output_scale: float = 0.1
    log_range: float = 0.0
    warm: int = 0
    warm_rate: float = 1.0
    groups: bool = False
    slots: int = 0
    validation_batches: int = 4
    validation_descent: int = 0
    patience: int = 0
    test_descent: int = 200
    tuned_for: int = 100
    tuning_problems: int = 64
    at_once: int = 100
    problem: str = ""
    start_from: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RuleRecipe(Recipe[RuleSettings]):
    """One published result of learning to optimize.

    Attributes:
        problems: builds the family of problems of a part.
        variants: what ``settings.problem`` may be, and what it is called.
    """

    problems: Callable[[RuleSettings, Part], Problem]
    variants: dict[str, str]

    learner_file: ClassVar[str] = "learner.weights.h5"
    test_tasks: ClassVar[int] = 100
    of_a_step: ClassVar[str] = "problem"

    def compile(self, learner: keras.Model, settings: RuleSettings) -> None:
        updates = settings.steps * (settings.descent // settings.unrolled)
        schedule = keras.optimizers.schedules.CosineDecay(settings.learning_rate, max(updates, 1), alpha=0.01)
        learner.compile(
            keras.optimizers.Adam(schedule, clipnorm=1.0), steps_per_execution=settings.steps_per_execution
        )

    def begin(self, learner: MetaTrainer, settings: RuleSettings, runs: Path) -> None:
        if settings.start_from:
            run = Run(runs / settings.start_from)
            before = run.learner(find_recipe(run.recipe_name)).rule.networks
            if learner.rule.network.advised != before[0].advised:
                raise TfmetaError(
                    f"Of {settings.start_from} and this run only one has a memory; start from a run with the same"
                    " slots."
                )
            for network, taught in zip(learner.rule.networks, itertools.cycle(before), strict=False):
                network.set_weights(taught.get_weights())

    def batches(self, settings: RuleSettings, part: Part, start: int = 0) -> tf.data.Dataset:
        return batch_seeds(settings.seed if part == "train" else VALIDATION_SEED, start)

    def done(self, learner: MetaTrainer) -> int:
        return int(learner.descents.numpy())

    def fit_options(self, settings: RuleSettings, folder: Path) -> dict[str, Any]:
        best = KeepBest(folder / "best", "val_final_loss", settings.patience)
        validation = self.batches(settings, "validation").take(settings.validation_batches)
        return {"validation_data": validation, "callbacks": [best]}

    def measure(
        self,
        learner: MetaTrainer,
        settings: RuleSettings,
        part: Part,
        *,
        tasks: int,
        folder: Path,
        verbose: int | str,
    ) -> list[Result]:
        self._check_variant(settings)
        problem, rule = self.problems(settings, part), learner.rule
        sizes = {"problems": tasks, "at_once": min(settings.at_once, tasks), "steps": settings.test_descent}
        if part != "test":
            losses = descend(rule, problem, seed=VALIDATION_SEED, **sizes)
            found = Comparison({LEARNT: losses}, {})
        else:
            say = print if verbose else lambda line: None
            tuning = {"tuned_for": settings.tuned_for, "tuning_problems": settings.tuning_problems}
            found = compare({LEARNT: rule}, problem, say=say, **tuning, **sizes)
            found.write(comparison_file(folder, settings.problem))
        return self._results(found, settings)

    def _check_variant(self, settings: RuleSettings) -> None:
        if settings.problem not in self.variants:
            known = [variant for variant in self.variants if variant]
            raise TfmetaError(
                f"{self.name} has no variant {settings.problem!r} of its problem. {nearest(settings.problem, known)}"
                if known
                else f"{self.name} has one problem only; leave --set problem={settings.problem} out."
            )

    def servable(self, learner: MetaTrainer, settings: RuleSettings, card: Card) -> Servable:
        return rule_servable(learner.rule, self.artefact(settings), card=card)

    def _results(self, found: Comparison, settings: RuleSettings) -> list[Result]:
        """The learnt rule first, and then the designed ones; each when the rates were tuned for and at the end."""
        steps = sorted({min(settings.tuned_for, settings.test_descent), settings.test_descent})
        variant = self.variants[settings.problem]
        return [
            Result(
                "loss", value.mean, value.ci95, value.tasks, f"{title}, {variant}, {counted(step, 'update')}"
            )
            for title, losses in found.losses.items()
            for step in steps
            for value in [estimate(losses[:, step])]
        ]


def comparison_file(folder: Path, problem: str = "") -> Path:
    """Returns where a run keeps the race on a variant of its problems."""
    return folder / f"race-{re.sub(r'[^a-z0-9]+', '-', problem.lower()) or 'own'}.npz"


def _trainer(problems: Callable[[RuleSettings, Part], Problem]) -> Callable[[RuleSettings], MetaTrainer]:
    def build(settings: RuleSettings) -> MetaTrainer:
        seeds = (settings.seed, settings.seed + 1)
        networks = [
            CoordinatewiseLSTM(seed=seed, output_scale=settings.output_scale, advised=settings.slots > 0)
            for seed in seeds
        ]
        plain = problem = problems(dataclasses.replace(settings, problem=""), "train")
        if settings.log_range:
            problem = RandomlyScaled(problem, settings.log_range)
        if settings.warm:
            problem = WarmStarted(problem, settings.warm, settings.warm_rate)
        return MetaTrainer(
            LearnedRule(*networks[: 1 + settings.groups], slots=settings.slots),
            problem,
            count=settings.batch_size,
            steps=settings.descent,
            unrolled=settings.unrolled,
            test_steps=settings.validation_descent or None,
            test_problem=plain,
            weights=settings.weights,
            second_derivatives=settings.second_derivatives,
            sampled=settings.sampled or None,
        )

    return build


def _protocol(settings: RuleSettings) -> str:
    start = f"; started from the rule of the run {settings.start_from}" if settings.start_from else ""
    warm = (
        f", half of them after up to {counted(settings.warm, 'update')} of Nesterov's momentum"
        if settings.warm
        else ""
    )
    shared = f"; coordinates share a memory of {counted(settings.slots, 'slot')}" if settings.slots else ""
    twice = ", with second derivatives" if settings.second_derivatives else ""
    tuned_on = counted(settings.tuning_problems, "problem")
    return (
        f"trained on descents of {counted(settings.descent, 'update')} from fresh problems{warm},"
        f" {settings.unrolled} unrolled at a time{twice}{start}{shared}; chosen by validation problems; raced on"
        f" further problems, against rules whose learning rate (of {len(RATES)}, on {tuned_on} of their own) is the"
        f" best after {counted(settings.tuned_for, 'update')}"
    )


def rule_recipe(
    problems: Callable[[RuleSettings, Part], Problem], *, artefact: str, **fields: Any
) -> RuleRecipe:
    """Makes a recipe of a family of problems.

    Args:
        problems: builds the family of a part.
        artefact: what the exported rule is called.
        **fields: what else a `RuleRecipe` says of itself.
    """
    own = fields["variants"][""]
    return RuleRecipe(
        paper="Andrychowicz et al., NIPS 2016",
        learner=_trainer(problems),
        artefact=lambda settings: artefact,
        setting=lambda settings: f"{LEARNT}, {own}, {counted(settings.tuned_for, 'update')}",
        protocol=_protocol,
        problems=problems,
        **fields,
    )
