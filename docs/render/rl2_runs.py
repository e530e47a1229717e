"""The runs of RL² in a folder: what was trained for the same tasks by the same agent, seed beside seed."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.registry import describe
from tfmeta.recipes.run import Run
from tfmeta.rl.environment_tasks import EnvironmentTasks
from tfmeta.rl.rl2 import RL2Training

__all__ = ["RL2_RECIPES", "Reward", "TrainedRun", "Training", "find_trainings", "longest"]

RL2_RECIPES = ("rl2-bandit", "rl2-mdp", "rl2-maze")


class Reward(NamedTuple):
    """The mean reward of a trial, over all seeds of a training.

    Attributes:
        mean: over the seeds.
        ci95: half the width of a seed's 95% confidence interval over test trials, in the mean. All seeds are tested
            on the same trials, so that more of them do not make it narrower.
        lowest: of the seeds.
        highest: of the seeds.
    """

    mean: float
    ci95: float
    lowest: float
    highest: float


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run that has ended and has been measured.

    Attributes:
        recipe: what was trained, with its settings.
        run: its folder.
        results: what `tfmeta evaluate` has kept.
    """

    recipe: Recipe
    run: Run
    results: Sequence[Result]

    @property
    def tasks(self) -> EnvironmentTasks:
        """What was learned from."""
        return cast(EnvironmentTasks, self.recipe.tasks)

    @property
    def training(self) -> RL2Training:
        """How it was trained."""
        return cast(RL2Training, self.recipe.training)

    @property
    def minutes(self) -> float:
        """How long the training took, with that of the run it started from, as far as it is there."""
        return sum(run.budget()["seconds"] for run, _ in self.line()) / 60

    @property
    def trials(self) -> int:
        """Trials that were played in training, with those of the run it started from, as far as it is there."""
        return sum(int(run.budget()["steps"]) * recipe.training.batch_size for run, recipe in self.line())

    def line(self) -> list[tuple[Run, Recipe]]:
        """This run, the one that it started from, and so on."""
        line = [(self.run, self.recipe)]
        while start := line[-1][1].training.start_from:
            before = Run(self.run.folder.parent / start)
            if not before.ended(self.recipe):
                break
            line.append((before, before.recipe()))
        return line

    def reward(self, greedy: bool = False) -> Result | None:
        """The reward in the tasks of the training, if it was measured there."""
        setting = self.recipe.tested_as + (", greedy" if greedy else "")
        return next((row for row in self.results if (row.metric, row.setting) == ("reward", setting)), None)


@dataclasses.dataclass(frozen=True)
class Training:
    """Runs that differ in their seeds alone.

    Attributes:
        runs: ordered by seed; at least one.
    """

    runs: tuple[TrainedRun, ...]

    @property
    def recipe(self) -> Recipe:
        """What was trained, with the first seed."""
        return self.runs[0].recipe

    @property
    def tasks(self) -> str:
        """The tasks in words, e.g. ``"10 pulls of 5 arms"``."""
        return self.runs[0].tasks.words

    @property
    def agent(self) -> str:
        """``"TRPO"`` or ``"PPO"``."""
        return self.runs[0].training.agent.upper()

    @property
    def trials(self) -> int:
        """Trials that were played in the training of a seed."""
        return max(each.trials for each in self.runs)

    @property
    def minutes(self) -> float:
        """How long a seed's training took, in the mean."""
        return float(np.mean([each.minutes for each in self.runs]))

    @property
    def published(self) -> float | None:
        """The paper's mean reward of a trial, where it has one."""
        reward = Result("reward", 0.0, 0.0, 0, self.recipe.tested_as)
        return self.recipe.beside_published([reward])[0].published

    def reward(self, greedy: bool = False) -> Reward | None:
        """The mean reward of a trial over the seeds that it was measured for."""
        rows = [row for each in self.runs if (row := each.reward(greedy))]
        if not rows:
            return None
        values = [row.value for row in rows]
        ci95 = float(np.mean([row.ci95 for row in rows]))
        return Reward(float(np.mean(values)), ci95, min(values), max(values))


def find_trainings(runs: Path) -> list[Training]:
    """Finds all runs of RL² that have ended and have been measured, whatever their folders are called.

    Args:
        runs: the folder of all runs.

    Returns:
        The trainings: recipe by recipe, and then by their settings.

    Raises:
        TfmetaError: for settings that cannot be read.
    """
    found: dict[str, list[TrainedRun]] = {}
    for file in sorted(runs.glob("*/settings.json")):
        name, run = _recipe_of(file), Run(file.parent)
        if name not in RL2_RECIPES:
            continue
        recipe, results = run.recipe(), run.results()
        if run.ended(recipe) and results:
            but_for_the_seed = json.dumps(describe(recipe.configure(seed=0)))
            found.setdefault(but_for_the_seed, []).append(TrainedRun(recipe, run, results))
    trainings = [Training(tuple(sorted(each, key=lambda run: run.training.seed))) for each in found.values()]
    return sorted(trainings, key=_place)


def longest(trainings: Sequence[Training]) -> list[Training]:
    """Keeps, of the trainings for the same tasks by the same agent, the one that played the most trials."""
    kept: dict[tuple[str, str, str], Training] = {}
    for each in trainings:
        key = (each.recipe.name, each.tasks, each.agent)
        if key not in kept or each.trials > kept[key].trials:
            kept[key] = each
    return list(kept.values())


def _recipe_of(file: Path) -> str:
    try:
        return json.loads(file.read_text())["recipe"]
    except (ValueError, KeyError, TypeError) as error:
        raise TfmetaError(f"{file} is damaged: {error!r}; remove {file.parent}.") from error


def _place(training: Training) -> tuple:
    """Recipes in their order; short trials before long ones, few actions before many, TRPO before PPO."""
    environment = training.runs[0].tasks.environment("test")
    return (
        RL2_RECIPES.index(training.recipe.name), environment.trial_length, environment.actions, training.tasks,
        training.agent != "TRPO", training.trials,
    )  # fmt: skip
