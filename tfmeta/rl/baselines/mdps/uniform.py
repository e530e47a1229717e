"""The policy that learns nothing."""

import numpy as np

from tfmeta.rl.baselines.mdps.policy import MDPPolicy

__all__ = ["UniformActions"]


class UniformActions(MDPPolicy):
    """Takes each action with the same probability, at every step anew."""

    def values(self) -> np.ndarray:
        trials, states, actions = self.belief.rewards.shape
        return np.zeros((trials, self.horizon, states, actions))

    def act(self, states: np.ndarray, step: int) -> np.ndarray:
        return self.rng.integers(self.plan.shape[-1], size=len(states))
