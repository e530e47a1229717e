"""ε-greedy in tabular MDPs, and greedy as its limit."""

import numpy as np

from tfmeta.core.checks import check
from tfmeta.rl.baselines.mdps.planning import plan
from tfmeta.rl.baselines.mdps.policy import MDPPolicy
from tfmeta.rl.baselines.mdps.task import PRIOR_MEAN

__all__ = ["EpsilonGreedyMDP"]


class EpsilonGreedyMDP(MDPPolicy):
    """Plans in the mean of its belief, and at each step takes a random action with probability ε instead.

    Args:
        epsilon: the probability ε; 0 is greedy.
        prior_mean: see `MDPPolicy`.

    Raises:
        ValueError: for an ε that is no probability.

    Example:
        >>> greedy = EpsilonGreedyMDP(0.0)
    """

    def __init__(self, epsilon: float, *, prior_mean: float = PRIOR_MEAN):
        super().__init__(prior_mean=prior_mean)
        check(0 <= epsilon <= 1, f"epsilon={epsilon}; expected a probability.")
        self.epsilon = epsilon

    def values(self) -> np.ndarray:
        return plan(self.belief.transitions, self.belief.rewards, self.horizon)

    def act(self, states: np.ndarray, step: int) -> np.ndarray:
        explores = self.rng.random(len(states)) < self.epsilon
        anything = self.rng.integers(self.plan.shape[-1], size=len(states))
        return np.where(explores, anything, super().act(states, step))
