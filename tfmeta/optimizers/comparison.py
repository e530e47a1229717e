"""Learnt rules beside every tuned rule of the zoo, on problems that none of them has seen."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from tfmeta.core.checks import TfmetaError, check
from tfmeta.core.estimate import Estimate, estimate
from tfmeta.optimizers.problem import Problem
from tfmeta.optimizers.race import Rule, UpdateRule, descend
from tfmeta.optimizers.tuning import Sensitivity, tune
from tfmeta.optimizers.zoo import ZOO

__all__ = ["Comparison", "compare"]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What every rule came to on the same problems.

    Attributes:
        losses: of each rule by its title, ``[N, T+1]``, the learnt ones first.
        tuned: what each learning rate of a hand-designed rule led to on the problems set aside for tuning, by title.
    """

    losses: Mapping[str, np.ndarray]
    tuned: Mapping[str, Sensitivity]

    def at(self, step: int) -> dict[str, Estimate]:
        """Returns each rule's mean loss after `step` updates; infinite where any descent diverged."""
        return {
            title: estimate(losses[:, step])
            if np.all(np.isfinite(losses[:, step]))
            else Estimate(np.inf, np.nan, len(losses))
            for title, losses in self.losses.items()
        }

    def best_designed(self, step: int) -> str:
        """Returns the title of the hand-designed rule whose mean loss after `step` updates is lowest."""
        return min(self.tuned, key=lambda title: self.at(step)[title].mean)

    def write(self, path: str | Path) -> None:
        """Writes all of it to an ``.npz`` file in one step, so that figures are redrawn without another race."""
        path = Path(path)
        arrays: dict[str, Any] = {f"losses/{title}": losses for title, losses in self.losses.items()}
        for title, found in self.tuned.items():
            arrays |= {f"rates/{title}": found.rates, f"tuned/{title}": found.losses}
        temporary = path.with_name(f"temp-{path.name}.npz")
        np.savez_compressed(temporary, **arrays)
        os.replace(temporary, path)

    @classmethod
    def read(cls, path: str | Path) -> "Comparison":
        """Reads what `write` wrote.

        Raises:
            TfmetaError: if it cannot be read.
        """
        try:
            with np.load(path) as arrays:
                found = {key: arrays[key] for key in arrays.files}
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise TfmetaError(f"The comparison {path} cannot be read: {error}. Run it again.") from error
        part = {
            kind: {key.removeprefix(f"{kind}/"): x for key, x in found.items() if key.startswith(f"{kind}/")}
            for kind in ("losses", "rates", "tuned")
        }
        tuned = {title: Sensitivity(rates, part["tuned"][title]) for title, rates in part["rates"].items()}
        return cls(part["losses"], tuned)


def compare(
    learnt: Mapping[str, UpdateRule],
    problem: Problem,
    *,
    steps: int = 100,
    tuned_for: int | None = None,
    problems: int = 100,
    tuning_problems: int = 64,
    at_once: int | None = None,
    tuning_at_once: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Tunes the zoo on problems of its own, then races it against learnt rules on others.

    Args:
        learnt: learnt rules, by the titles that figures give them.
        problem: the family of problems.
        steps: updates, T.
        tuned_for: updates after which a learning rate is judged; `steps` unless given.
        problems: how many the race is over, N.
        tuning_problems: how many each learning rate is tried on.
        at_once: problems side by side in the race, a divisor of `problems`; all unless given.
        tuning_at_once: problems side by side in tuning, a divisor of `tuning_problems`; all unless given.
        say: is told a line for each rule.

    Returns:
        The comparison.

    Raises:
        ValueError: for a learnt rule that has the title of a hand-designed one.

    Example:
        >>> from tfmeta.optimizers import CoordinatewiseLSTM, LearnedRule, Quadratic
        >>> rules = {"LSTM": LearnedRule(CoordinatewiseLSTM(seed=0))}
        >>> compare(rules, Quadratic()).best_designed(100)  # doctest: +SKIP
        'Momentum'
    """
    titles = {rule.title: rule for rule in ZOO.values()}
    same = sorted(set(learnt) & set(titles))
    check(
        not same, f"learnt rules are called {', '.join(same)}, as rules of the zoo are; call them otherwise."
    )
    losses, tuned = {}, {}

    def race(title: str, rule: Rule) -> None:
        losses[title] = descend(rule, problem, problems=problems, steps=steps, at_once=at_once)
        say(f"{title}: {losses[title][:, -1].mean():.4g} after {steps} updates")

    for title, rule in learnt.items():
        race(title, rule)
    for title, designed in titles.items():
        tuned[title] = tune(
            designed, problem, problems=tuning_problems, steps=tuned_for or steps, at_once=tuning_at_once
        )
        rate = tuned[title].best_rate
        race(title, designed.make(rate))
        if tuned[title].at_edge:
            say(f"{title}: its best rate, {rate:.3g}, is at the edge of the grid")
    return Comparison(losses, tuned)
