"""Plays a policy on tabular MDPs that are the same for every policy."""

import dataclasses

import numpy as np

from tfmeta.core.checks import check
from tfmeta.core.estimate import Estimate, estimate
from tfmeta.rl.baselines.mdps.policy import MDPPolicy
from tfmeta.rl.baselines.mdps.task import MDPTask
from tfmeta.rl.baselines.seeds import TEST_SEED

__all__ = ["MDPRun", "run_mdps"]


@dataclasses.dataclass(frozen=True)
class MDPRun:
    """What a policy made of B MDPs.

    Attributes:
        returns: the sum of the rewards of each episode, ``[B, episodes]``.
        best: what the best policy that knows the MDP earns in an episode, in the mean, ``[B]``.
    """

    returns: np.ndarray
    best: np.ndarray

    @property
    def rewards(self) -> np.ndarray:
        """The sum of each trial's rewards, ``[B]``."""
        return self.returns.sum(axis=1)

    @property
    def regret(self) -> np.ndarray:
        """How much less than the best policy was earned up to each episode, noise included, ``[B, episodes]``."""
        return (self.best[:, None] - self.returns).cumsum(axis=1)

    @property
    def estimate(self) -> Estimate:
        """The mean total reward of a trial, with its interval."""
        return estimate(self.rewards)


def run_mdps(
    policy: MDPPolicy,
    *,
    episodes: int,
    trials: int = 1000,
    seed: int = TEST_SEED,
    states: int = 10,
    actions: int = 5,
    horizon: int = 10,
) -> MDPRun:
    """Plays B trials side by side.

    The MDPs and their luck are functions of the seed, and the policy draws from a stream of its own, so that every
    policy meets the same MDPs.

    Args:
        policy: who plays; it begins afresh.
        episodes: episodes of each trial, n.
        trials: MDPs, B.
        seed: names the MDPs, with the numbers here.
        states: states of each MDP, S.
        actions: actions in each state, A.
        horizon: steps of an episode, H.

    Returns:
        The return of each episode.

    Raises:
        ValueError: where a number is less than one.

    Example:
        >>> from tfmeta.rl.baselines import PSRL
        >>> run_mdps(PSRL(), episodes=3, trials=20).returns.shape
        (20, 3)
    """
    sizes = {"episodes": episodes, "trials": trials, "states": states, "actions": actions, "horizon": horizon}
    for name, size in sizes.items():
        check(size >= 1, f"{name}={size}; expected at least 1.")
    tasks, luck, choices = (np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(3))
    task = MDPTask.draw(trials, states, actions, tasks)
    policy.begin(trials, states, actions, horizon, choices)
    returns = np.zeros((trials, episodes))
    for episode in range(episodes):
        policy.begin_episode()
        at = np.zeros(trials, np.int64)
        for step in range(horizon):
            chosen = policy.act(at, step)
            landed, earned = task.step(at, chosen, luck.random(trials), luck.standard_normal(trials))
            policy.observe(at, chosen, earned, landed)
            returns[:, episode] += earned
            at = landed
    return MDPRun(returns, task.best_return(horizon))
