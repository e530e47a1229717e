"""UCB1: optimism by an upper confidence bound."""

import math

import numpy as np

from tfmeta.core.checks import check
from tfmeta.rl.baselines.bandits.policy import BanditPolicy

__all__ = ["UCB1"]


class UCB1(BanditPolicy):
    r"""Pulls the arm that could be best.

    .. math:: \arg\max_k \frac{s_k + 1}{n_k + 2} + c \sqrt{\frac{2 \ln t}{n_k + 2}}

    after t pulls, of which arm k had :math:`n_k` and paid at :math:`s_k`. The constant counts of 1 and 2 are the
    uniform prior; they take the place of the first round through all arms, for which a short trial has no time.
    c = 1 is the bound of the theorem, and much smaller constants earn more.

    Args:
        c: width of the confidence interval.

    Raises:
        ValueError: for a negative width.

    Example:
        >>> policy = UCB1(0.3)

    Reference:
        Auer, Cesa-Bianchi & Fischer 2002, Finite-time Analysis of the Multiarmed Bandit Problem.
    """

    def __init__(self, c: float):
        check(c >= 0, f"c={c}; expected 0 or more.")
        self.c = c

    def indices(self) -> np.ndarray:
        alpha, beta = self.posterior
        log_time = math.log(max(self.pulled, 1))
        return self.posterior_means + self.c * np.sqrt(2 * log_time / (alpha + beta))
