"""Posterior sampling: Thompson sampling of whole MDPs."""

import numpy as np

from tfmeta.rl.baselines.mdps.planning import plan
from tfmeta.rl.baselines.mdps.policy import MDPPolicy

__all__ = ["PSRL"]


class PSRL(MDPPolicy):
    """Draws an MDP from the posterior before each episode, and plays its best policy to the end.

    Args:
        prior_mean: see `MDPPolicy`.

    Example:
        >>> policy = PSRL()

    Reference:
        Strens 2000, A Bayesian Framework for Reinforcement Learning; Osband, Russo & Van Roy 2013, (More)
        Efficient Reinforcement Learning via Posterior Sampling.
    """

    def values(self) -> np.ndarray:
        drawn = self.belief.sample(self.rng)
        return plan(drawn.transitions, drawn.rewards, self.horizon)
