"""Tabular MDPs, drawn from the prior of RL²: many of them, side by side."""

import dataclasses

import numpy as np

from tfmeta.rl.baselines.mdps.planning import evaluate_plan, plan

__all__ = ["MDPTask"]

PRIOR_MEAN, PRIOR_PRECISION, NOISE_PRECISION = 1.0, 1.0, 1.0
"""Rewards are N(mean, 1 / NOISE_PRECISION), and their means are N(PRIOR_MEAN, 1 / PRIOR_PRECISION)."""


@dataclasses.dataclass(frozen=True)
class MDPTask:
    """B Markov decision processes of S states and A actions; each episode begins in state 0.

    Attributes:
        transitions: the probability of each next state, ``[B, S, A, S]``.
        rewards: the mean reward of each action in each state, ``[B, S, A]``; rewards scatter around it as N(0, 1).

    Example:
        >>> task = MDPTask.draw(trials=3, states=10, actions=5, rng=np.random.default_rng(0))
        >>> task.transitions.shape, task.rewards.shape
        ((3, 10, 5, 10), (3, 10, 5))
    """

    transitions: np.ndarray
    rewards: np.ndarray

    @classmethod
    def draw(cls, trials: int, states: int, actions: int, rng: np.random.Generator) -> "MDPTask":
        """Draws transitions from Dirichlet(1), and mean rewards from N(1, 1)."""
        transitions = rng.standard_exponential((trials, states, actions, states))
        transitions /= transitions.sum(axis=-1, keepdims=True)
        return cls(transitions, PRIOR_MEAN + rng.standard_normal((trials, states, actions)))

    def step(
        self, states: np.ndarray, actions: np.ndarray, luck: np.ndarray, noise: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Takes one step in every MDP.

        Args:
            states: where each stands, integers ``[B]``.
            actions: what is done there, integers ``[B]``.
            luck: uniform numbers in [0, 1) that choose the next state, ``[B]``.
            noise: standard normal numbers, ``[B]``.

        Returns:
            The next states, integers ``[B]``, and the rewards, ``[B]``.
        """
        rows = np.arange(len(states))
        ladder = self.transitions[rows, states, actions].cumsum(axis=1)
        # Rounding may end a ladder a little below 1, and luck may lie in between.
        landed = np.minimum((luck[:, None] >= ladder).sum(axis=1), ladder.shape[1] - 1)
        return landed, self.rewards[rows, states, actions] + noise / np.sqrt(NOISE_PRECISION)

    def best_return(self, horizon: int) -> np.ndarray:
        """Returns what the best policy that knows the MDP earns in an episode, in the mean, ``[B]``."""
        return plan(self.transitions, self.rewards, horizon)[:, 0, 0].max(axis=-1)

    def expected_return(self, choices: np.ndarray) -> np.ndarray:
        """Returns what fixed choices ``[B, H, S]`` earn in an episode, in the mean, ``[B]``."""
        return evaluate_plan(self.transitions, self.rewards, choices)[:, 0]
