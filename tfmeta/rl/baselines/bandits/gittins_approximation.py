"""A closed form near the Gittins index, which is what the RL² paper's table calls Gittins."""

import numpy as np

from tfmeta.core.checks import check
from tfmeta.rl.baselines.bandits.policy import BanditPolicy

__all__ = ["GittinsApproximation"]


class GittinsApproximation(BanditPolicy):
    r"""Pulls the arm of the highest approximate index, whatever number of pulls is left.

    .. math:: \mu + \frac{\mu (1 - \mu)}{n \sqrt{(2c + 1/n)\, \mu (1 - \mu)} + \mu - 1/2},
        \qquad \mu = \frac{\alpha}{n}, \quad n = \alpha + \beta, \quad c = \ln \frac1\gamma

    of an arm whose posterior is :math:`\mathrm{Beta}(\alpha, \beta)`. With γ = 1 it is what the paper's evaluation
    played; `Gittins` knows the horizon, and earns more.

    Args:
        discount: γ.

    Raises:
        ValueError: for a discount outside of (0, 1].

    Example:
        >>> policy = GittinsApproximation()

    Reference:
        Duan et al. "RL²: Fast Reinforcement Learning via Slow Reinforcement Learning." 2016, table 1.
    """

    def __init__(self, discount: float = 1.0):
        check(0 < discount <= 1, f"discount={discount}; expected more than 0, and at most 1.")
        self.discount = discount

    def indices(self) -> np.ndarray:
        alpha, beta = self.posterior
        n, mean = alpha + beta, self.posterior_means
        variance = mean * (1 - mean)
        rate = np.log(1 / self.discount)
        return mean + variance / (n * np.sqrt((2 * rate + 1 / n) * variance) + mean - 0.5)
