"""BEB: the mean of the belief, with a bonus for what was seldom tried."""

import numpy as np

from tfmeta.core.checks import check
from tfmeta.rl.baselines.mdps.planning import plan
from tfmeta.rl.baselines.mdps.policy import MDPPolicy
from tfmeta.rl.baselines.mdps.task import PRIOR_MEAN

__all__ = ["BEB"]


class BEB(MDPPolicy):
    r"""Plans in the mean of its belief as if each step paid a Bayesian exploration bonus.

    .. math:: R(s, a) = \mu_{sa} + \frac{\beta}{1 + \sum_{s'} \alpha_{sas'}}, \qquad \beta = 2 H^2 \cdot \text{scale}

    With scale 1 the bonus is that of the theorem, for rewards in [0, 1]; much smaller ones earn more.

    Args:
        scale: how much of the theorem's bonus is paid.
        prior_mean: see `MDPPolicy`.

    Raises:
        ValueError: for a negative scale.

    Example:
        >>> policy = BEB(0.03)

    Reference:
        Kolter & Ng 2009, Near-Bayesian Exploration in Polynomial Time.
    """

    def __init__(self, scale: float, *, prior_mean: float = PRIOR_MEAN):
        super().__init__(prior_mean=prior_mean)
        check(scale >= 0, f"scale={scale}; expected 0 or more.")
        self.scale = scale

    def values(self) -> np.ndarray:
        beta = 2 * self.horizon**2 * self.scale
        bonus = beta / (1 + self.belief.counts.sum(axis=-1))
        return plan(self.belief.transitions, self.belief.rewards + bonus, self.horizon)
