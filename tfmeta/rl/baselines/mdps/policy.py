"""The contract of a policy for tabular MDPs: B trials at once, each planned anew before every episode."""

from abc import ABC, abstractmethod

import numpy as np

from tfmeta.rl.baselines.mdps.belief import Belief
from tfmeta.rl.baselines.mdps.task import PRIOR_MEAN

__all__ = ["MDPPolicy"]

_ROUNDING = 1e-9


class MDPPolicy(ABC):
    """Plans before each episode from what it believes, and then does what looks best by its plan.

    Attributes:
        belief: what it knows of each MDP.
        horizon: steps of an episode, H.
        episode: episodes begun so far.
        rng: where the policy draws its random numbers from.
        plan: the values that the episode is played by, ``[B, H, S, A]``.

    Args:
        prior_mean: what the mean reward of an untried action is believed to be, give or take 1. The MDPs are drawn
            with 1; the paper's baselines believed 0, and so were less curious than they should have been.

    Example:
        >>> from tfmeta.rl.baselines.mdps.planning import plan
        >>> class Hopeful(MDPPolicy):
        ...     def values(self):
        ...         return plan(self.belief.transitions, self.belief.rewards + 1.0, self.horizon)
    """

    def __init__(self, *, prior_mean: float = PRIOR_MEAN):
        self.prior_mean = prior_mean

    def begin(self, trials: int, states: int, actions: int, horizon: int, rng: np.random.Generator) -> None:
        """Forgets everything, for B trials with MDPs of S states and A actions."""
        self.belief = self.prior(trials, states, actions)
        self.horizon, self.episode, self.rng = horizon, 0, rng

    def prior(self, trials: int, states: int, actions: int) -> Belief:
        """Returns what is believed before the first step."""
        return Belief.prior(trials, states, actions, mean=self.prior_mean)

    @abstractmethod
    def values(self) -> np.ndarray:
        """Returns the values that the next episode is to be played by, ``[B, H, S, A]``."""

    def begin_episode(self) -> None:
        """Plans the next episode."""
        self.episode += 1
        self.plan = self.values()

    def act(self, states: np.ndarray, step: int) -> np.ndarray:
        """Returns what to do.

        Args:
            states: where each trial stands, integers ``[B]``.
            step: steps of the episode so far, 0 to H - 1.

        Returns:
            The actions of the highest value, integers ``[B]``; any of them, where values tie. Actions that were
            never tried do, and whoever comes back to a state in the same episode had better try another one.
        """
        q = self.plan[np.arange(len(states)), step, states]
        best = q >= q.max(axis=-1, keepdims=True) - _ROUNDING
        if best.sum() > len(states):
            return (best * (1 - self.rng.random(best.shape))).argmax(axis=-1)
        return best.argmax(axis=-1)

    def observe(
        self, states: np.ndarray, actions: np.ndarray, rewards: np.ndarray, next_states: np.ndarray
    ) -> None:
        """Learns from one step of every trial, each argument ``[B]``."""
        self.belief.update(states, actions, rewards, next_states)
