"""Tunes the learning rate of a hand-designed rule as a careful user would: a grid, and problems set aside for it."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfmeta.core.checks import check
from tfmeta.core.estimate import Estimate, estimate
from tfmeta.optimizers.problem import Problem
from tfmeta.optimizers.race import VALIDATION_SEED, Descents
from tfmeta.optimizers.zoo import HandDesignedRule

__all__ = ["RATES", "Sensitivity", "log_grid", "tune"]


def log_grid(low: float, high: float, per_decade: int) -> tuple[float, ...]:
    """Returns learning rates that are equally far apart in their logarithm.

    Example:
        >>> [round(rate, 3) for rate in log_grid(0.01, 1.0, per_decade=2)]
        [0.01, 0.032, 0.1, 0.316, 1.0]
    """
    check(0 < low <= high, f"low={low}, high={high}; expected 0 < low <= high.")
    count = 1 + round(per_decade * np.log10(high / low))
    return tuple(float(rate) for rate in np.geomspace(low, high, count))


RATES = log_grid(1e-4, 1e3, per_decade=4)
"""The grid of every rule, wide enough for Adadelta, whose steps begin at the root of ε."""


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """What each learning rate leads to.

    Attributes:
        rates: the learning rates, ascending, ``[R]``.
        losses: the losses of every descent, ``[R, N, T+1]``; not finite where one diverged.
    """

    rates: np.ndarray
    losses: np.ndarray

    def at(self, step: int) -> list[Estimate]:
        """Returns the mean loss after `step` updates at each rate; infinite where any descent diverged."""
        finite = np.where(np.isfinite(self.losses[:, :, step]), self.losses[:, :, step], np.inf)
        return [
            estimate(losses) if np.all(losses < np.inf) else Estimate(np.inf, np.nan, losses.size)
            for losses in finite
        ]

    @property
    def best(self) -> int:
        """The place of the rate whose mean loss at the end is lowest."""
        return int(np.argmin([found.mean for found in self.at(-1)]))

    @property
    def best_rate(self) -> float:
        """The rate whose mean loss at the end is lowest."""
        return float(self.rates[self.best])

    @property
    def at_edge(self) -> bool:
        """Whether the best rate is the first or the last of the grid, so that a better one may lie beyond."""
        return self.best in (0, len(self.rates) - 1)


def tune(
    rule: HandDesignedRule,
    problem: Problem,
    *,
    rates: Sequence[float] = RATES,
    problems: int = 64,
    steps: int = 100,
    seed: int = VALIDATION_SEED,
    at_once: int | None = None,
) -> Sensitivity:
    """Tries every learning rate of a grid on the same problems.

    The budget is the same for every rule: ``len(rates) * problems * steps`` gradients.

    Args:
        rule: the rule.
        problem: the family of problems.
        rates: the grid, R of them.
        problems: how many problems each rate is tried on, N.
        steps: updates, T.
        seed: names the problems; it must not be that of the test.
        at_once: problems side by side, a divisor of `problems`; all unless given.

    Returns:
        What each rate led to, from which the best is read.

    Raises:
        ValueError: for an empty grid, or where `at_once` does not divide `problems`.

    Example:
        >>> from tfmeta.optimizers import Quadratic
        >>> from tfmeta.optimizers.zoo import ZOO
        >>> found = tune(ZOO["adam"], Quadratic(), rates=[1e-3, 0.1, 10.0], problems=8, steps=20)
        >>> found.best_rate
        0.1
    """
    grid = np.sort(np.asarray(rates, np.float64))
    check(grid.size >= 1 and grid[0] > 0, f"rates={grid.tolist()}; expected at least one, all positive.")
    optimizer = rule.make(float(grid[0]))
    descents = Descents(optimizer, problem, count=at_once or problems, steps=steps)

    def losses(rate: float) -> np.ndarray:
        optimizer.learning_rate = rate
        return descents.batches(seed, problems)

    return Sensitivity(grid, np.stack([losses(float(rate)) for rate in grid]))
