"""Plays a policy on bandits that are the same for every policy."""

import dataclasses

import numpy as np

from tfmeta.core.checks import check
from tfmeta.core.estimate import Estimate, estimate
from tfmeta.rl.baselines.bandits.policy import BanditPolicy
from tfmeta.rl.baselines.bandits.task import BanditTask
from tfmeta.rl.baselines.seeds import TEST_SEED

__all__ = ["BanditRun", "run_bandits"]


@dataclasses.dataclass(frozen=True)
class BanditRun:
    """What a policy made of B bandits.

    Attributes:
        rewards: the sum of each trial's rewards, ``[B]``.
        regret: the cumulative regret after each pull, ``[B, T]``: how much less the pulled arms pay in the mean
            than the best one does.
        best: what each bandit's best arm pays in the mean, ``[B]``. Over the prior that is K / (K + 1), so that its
            mean tells how lucky the bandits were.
    """

    rewards: np.ndarray
    regret: np.ndarray
    best: np.ndarray

    @property
    def estimate(self) -> Estimate:
        """The mean total reward of a trial, with its interval."""
        return estimate(self.rewards)


def run_bandits(
    policy: BanditPolicy, *, arms: int, pulls: int, trials: int = 1000, seed: int = TEST_SEED
) -> BanditRun:
    """Plays B trials side by side.

    The bandits and their luck are functions of the seed, and the policy draws from a stream of its own. So every
    policy meets the same bandits, and two policies that pull the same arm at the same time get the same reward.

    Args:
        policy: who plays; it begins afresh.
        arms: arms of each bandit, K.
        pulls: pulls of each trial, T.
        trials: bandits, B.
        seed: names the bandits, with `arms`, `pulls` and `trials`.

    Returns:
        Rewards and regret of each trial.

    Raises:
        ValueError: for less than one arm, pull or trial.

    Example:
        >>> from tfmeta.rl.baselines import UCB1
        >>> found = run_bandits(UCB1(0.3), arms=5, pulls=10, trials=100)
        >>> found.rewards.shape, found.regret.shape
        ((100,), (100, 10))
    """
    check(
        min(arms, pulls, trials) >= 1,
        f"arms={arms}, pulls={pulls}, trials={trials}; expected at least 1 of each.",
    )
    tasks, luck, choices = (np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(3))
    task = BanditTask.draw(trials, arms, tasks)
    policy.begin(trials, arms, pulls, choices)
    rewards, regret = np.zeros(trials), np.empty((trials, pulls))
    for t in range(pulls):
        actions = policy.act()
        paid = task.pull(actions, luck.random(trials))
        policy.observe(actions, paid)
        rewards += paid
        regret[:, t] = task.regret(actions)
    return BanditRun(rewards, regret.cumsum(axis=1), task.means.max(axis=1))
