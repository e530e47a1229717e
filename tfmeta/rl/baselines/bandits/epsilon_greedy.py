"""Greedy, and ε-greedy."""

import numpy as np

from tfmeta.core.checks import check
from tfmeta.rl.baselines.bandits.policy import BanditPolicy

__all__ = ["EpsilonGreedy", "Greedy"]


class Greedy(BanditPolicy):
    r"""Pulls the arm that looks best.

    .. math:: \arg\max_k \frac{s_k + 1}{n_k + 2}

    of an arm that paid :math:`s_k` times in :math:`n_k` pulls. An arm that was never pulled counts as one half, so that
    the policy goes on to the next arm when one falls below that.

    Example:
        >>> policy = Greedy()

    Reference:
        Sutton & Barto 2018, Reinforcement Learning, section 2.2.
    """

    def indices(self) -> np.ndarray:
        return self.posterior_means


class EpsilonGreedy(Greedy):
    """Pulls a random arm with probability ε, and else the one that looks best.

    Args:
        epsilon: the probability ε.

    Raises:
        ValueError: for an ε that is no probability.

    Example:
        >>> policy = EpsilonGreedy(0.1)

    Reference:
        Sutton & Barto 2018, Reinforcement Learning, section 2.2.
    """

    def __init__(self, epsilon: float):
        check(0 <= epsilon <= 1, f"epsilon={epsilon}; expected a probability.")
        self.epsilon = epsilon

    def act(self) -> np.ndarray:
        actions = super().act()
        trials, arms = self.successes.shape
        explores = self.rng.random(trials) < self.epsilon
        actions[explores] = self.rng.integers(arms, size=np.count_nonzero(explores))
        return actions
