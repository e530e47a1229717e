"""Optimistic posterior sampling: the best that any of several drawn MDPs promises."""

import numpy as np

from tfmeta.core.checks import check
from tfmeta.rl.baselines.mdps.psrl import PSRL
from tfmeta.rl.baselines.mdps.task import PRIOR_MEAN

__all__ = ["OPSRL"]


class OPSRL(PSRL):
    r"""Draws m MDPs from the posterior before each episode, and takes each action for the best that one of them says.

    .. math:: Q_h(s, a) = \max_{i \le m} Q^{(i)}_h(s, a)

    where :math:`Q^{(i)}` solves the i-th MDP. With m = 1 it is PSRL.

    Args:
        samples: MDPs drawn before each episode, m.
        prior_mean: see `MDPPolicy`.

    Raises:
        ValueError: for less than one.

    Example:
        >>> policy = OPSRL(5)

    Reference:
        Osband & Van Roy 2017, Why is Posterior Sampling Better than Optimism for Reinforcement Learning?
    """

    def __init__(self, samples: int, *, prior_mean: float = PRIOR_MEAN):
        super().__init__(prior_mean=prior_mean)
        check(samples >= 1, f"samples={samples}; expected at least 1.")
        self.samples = samples

    def values(self) -> np.ndarray:
        best = super().values()
        for _ in range(self.samples - 1):
            np.maximum(best, super().values(), out=best)
        return best
