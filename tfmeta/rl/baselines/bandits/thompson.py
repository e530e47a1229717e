"""Thompson sampling: each arm is pulled as often as it is believed to be the best."""

import numpy as np

from tfmeta.rl.baselines.bandits.policy import BanditPolicy

__all__ = ["ThompsonSampling"]


class ThompsonSampling(BanditPolicy):
    r"""Draws a bandit from the posterior, and pulls its best arm.

    .. math:: \arg\max_k \theta_k, \qquad \theta_k \sim \mathrm{Beta}(s_k + 1,\; n_k - s_k + 1)

    Example:
        >>> policy = ThompsonSampling()

    Reference:
        Thompson 1933, On the Likelihood that One Unknown Probability Exceeds Another.
    """

    def indices(self) -> np.ndarray:
        return self.rng.beta(*self.posterior)
