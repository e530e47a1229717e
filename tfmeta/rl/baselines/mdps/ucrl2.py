"""UCRL2: optimism over all MDPs that the data have not ruled out."""

import math

import numpy as np

from tfmeta.core.checks import check
from tfmeta.rl.baselines.mdps.belief import Belief
from tfmeta.rl.baselines.mdps.planning import extended_plan
from tfmeta.rl.baselines.mdps.policy import MDPPolicy

__all__ = ["UCRL2"]

_NOTHING = 1e-4


class UCRL2(MDPPolicy):
    r"""Plays the best policy of the most favourable MDP within confidence sets around the averages.

    .. math::
        \tilde R \le \hat R + c \sqrt{\frac{4 L}{n_{sa}}}, \qquad
        \lVert \tilde P - \hat P \rVert_1 \le c \sqrt{\frac{4 S L}{n_{sa}}}, \qquad
        L = \ln \frac{2 S A (e + 1)}{\delta}

    before episode e = 0, 1, … with :math:`n_{sa}` visits so far (at least 1) and δ = 0.05. The averages are those of
    the data alone: the algorithm knows no prior. As in the paper's comparison it plans before every episode, and
    the sets are scaled by c, without which they are far too wide to be of use.

    Args:
        scale: c.
        delta: the probability δ with which the theorem's sets may fail.

    Raises:
        ValueError: for a negative scale, or a δ outside of (0, 1).

    Example:
        >>> policy = UCRL2(0.1)

    Reference:
        Jaksch, Ortner & Auer 2010, Near-optimal Regret Bounds for Reinforcement Learning.
    """

    def __init__(self, scale: float, delta: float = 0.05):
        super().__init__(prior_mean=0.0)
        check(scale >= 0, f"scale={scale}; expected 0 or more.")
        check(0 < delta < 1, f"delta={delta}; expected a probability between 0 and 1.")
        self.scale, self.delta = scale, delta

    def prior(self, trials: int, states: int, actions: int) -> Belief:
        return Belief.prior(
            trials, states, actions, count=_NOTHING / states, mean=self.prior_mean, precision=_NOTHING
        )

    def values(self) -> np.ndarray:
        _, states, actions = self.belief.rewards.shape
        visits = np.maximum(np.round(self.belief.precision), 1)
        log_term = math.log(2 * states * actions * self.episode / self.delta)
        reward_width = self.scale * np.sqrt(4 * log_term / visits)
        distance = self.scale * np.sqrt(4 * states * log_term / visits)
        return extended_plan(
            self.belief.transitions, self.belief.rewards + reward_width, self.horizon, distance
        )
