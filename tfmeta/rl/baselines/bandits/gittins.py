"""The Gittins index over a finite horizon, by dynamic programming."""

from functools import lru_cache

import numpy as np

from tfmeta.core.checks import check
from tfmeta.rl.baselines.bandits.policy import BanditPolicy

__all__ = ["Gittins", "gittins_indices"]

_PRICES = 129


class Gittins(BanditPolicy):
    r"""Pulls the arm that is worth most, if one may stop pulling it at any time and r pulls are left in all.

    .. math:: \nu_r(s, f) = \sup_{1 \le \tau \le r} \frac{E \sum_{t<\tau} x_t}{E\, \tau}

    for an arm that paid s times and f times did not, where τ is any rule of stopping that looks at the arm's rewards
    :math:`x_t` alone. At the last pull the index is the posterior mean. The index policy is optimal for geometrically
    discounted rewards without end; over a finite horizon it is a very good rule.

    Args:
        prices: grid points of the dynamic programme; see `gittins_indices`.

    Example:
        >>> policy = Gittins()

    Reference:
        Gittins 1979, Bandit Processes and Dynamic Allocation Indices; Kaufmann 2018, On Bayesian index policies
        for sequential resource allocation, for the finite horizon.
    """

    def __init__(self, prices: int = _PRICES):
        self.prices = prices

    def begin(self, trials: int, arms: int, pulls: int, rng: np.random.Generator) -> None:
        super().begin(trials, arms, pulls, rng)
        self._table = gittins_indices(pulls, prices=self.prices)

    def indices(self) -> np.ndarray:
        left = self.pulls - self.pulled
        check(left > 0, f"The trial had {self.pulls} pulls, and all are made; begin another.")
        return self._table[left][self.successes, self.failures]


@lru_cache(maxsize=8)
def gittins_indices(pulls: int, discount: float = 1.0, prices: int = _PRICES) -> tuple[np.ndarray, ...]:
    r"""Computes the index of every arm that a trial can come across.

    Let a pull cost a price λ. What an arm yields with r pulls left, if one stops in time, is

    .. math::
        Q_r(s, f; \lambda) = p - \lambda
        + \gamma \left[p\, V_{r-1}(s+1, f; \lambda) + (1-p)\, V_{r-1}(s, f+1; \lambda)\right],
        \qquad V_r = \max(Q_r, 0), \quad V_0 = 0,

    with the posterior mean :math:`p = (s+1) / (s+f+2)`, and the index is the price at which :math:`Q_r = 0`. Q and its
    slope are computed on a grid of prices. Between two of its points Q is convex and piecewise linear, so that
    Newton's steps from both ends stay on one side of the root, and the better one is exact where there is one kink
    in between.

    Args:
        pulls: pulls of a trial, T. Time and memory grow with its cube: 200 are practical, 500 are not.
        discount: γ, with which the sums of the index's numerator and denominator are weighted.
        prices: points of the grid.

    Returns:
        A table for each number r of pulls left, 0 to T. Table r has the index after s successes and f failures at
        ``[s, f]``, for s + f <= T − r; the table of r = 0 is empty, and NaN stands where s + f is larger.

    Raises:
        ValueError: for less than one pull, or a discount outside of (0, 1].

    Example:
        >>> indices = gittins_indices(pulls=2)
        >>> bool(np.isclose(indices[2][0, 0], 5 / 9)), bool(np.isclose(indices[1][1, 0], 2 / 3))
        (True, True)
    """
    check(pulls >= 1, f"pulls={pulls}; expected at least 1.")
    check(0 < discount <= 1, f"discount={discount}; expected more than 0, and at most 1.")
    price = np.linspace(0.0, 1.0, prices)
    value = np.zeros((pulls + 1, pulls + 1, prices))  # V_r at [s, f, λ]
    slope = np.zeros_like(value)  # and its derivative by λ
    tables = [np.empty((0, 0))]
    for left in range(1, pulls + 1):
        size = pulls - left + 1  # s and f run from 0 to T - r
        s, f = np.arange(size)[:, None], np.arange(size)[None, :]
        p = ((s + 1) / (s + f + 2))[:, :, None]
        value, slope = (discount * (p * v[1:, :-1] + (1 - p) * v[:-1, 1:]) for v in (value, slope))
        value += p - price
        slope -= 1
        table = _root(value, slope, price)
        table[s + f > pulls - left] = np.nan
        tables.append(table)
        stopped = value <= 0
        value[stopped] = slope[stopped] = 0.0
    return tuple(tables)


def _root(y: np.ndarray, slope: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Where convex functions on the grid x ``[..., G]`` that fall from above zero to below it cross it, ``[...]``."""
    after = np.clip((y > 0).sum(axis=-1), 1, len(x) - 1)[..., None]
    low, high = (
        x[i] - np.take_along_axis(y, i, -1) / np.take_along_axis(slope, i, -1) for i in (after - 1, after)
    )
    return np.maximum(low, high)[..., 0]
