"""The policy that learns nothing."""

import numpy as np

from tfmeta.rl.baselines.bandits.policy import BanditPolicy

__all__ = ["UniformArms"]


class UniformArms(BanditPolicy):
    """Pulls each arm with the same probability; its mean reward is half of the pulls."""

    def indices(self) -> np.ndarray:
        return np.zeros(self.successes.shape)

    def act(self) -> np.ndarray:
        trials, arms = self.successes.shape
        return self.rng.integers(arms, size=trials)
