"""The thousand bandits that the RL² paper's table was measured on."""

from typing import cast

import numpy as np

from tfmeta.core.checks import check
from tfmeta.rl.baselines.bandits.policy import BanditPolicy
from tfmeta.rl.baselines.bandits.run import BanditRun
from tfmeta.rl.baselines.bandits.task import BanditTask

__all__ = ["published_bandits", "run_published_bandits"]

_TRIALS = 1000


class _Stream(np.random.RandomState):
    """NumPy's old stream of random numbers, which no release changes, by the names of the new one."""

    def integers(self, high: int, size: int) -> np.ndarray:
        return self.randint(high, size=size)


def published_bandits(arms: int, trials: int = _TRIALS) -> BanditTask:
    """Returns the paper's bandits, for a policy that has luck of its own.

    Args:
        arms: arms of each bandit, K.
        trials: the first so many of the thousand, B.

    Returns:
        The bandits; their means are ``[B, K]``.

    Raises:
        ValueError: for less than one arm or trial, or more than a thousand trials.

    Example:
        >>> published_bandits(arms=2, trials=1).means.round(4).tolist()
        [[0.5488, 0.7152]]
    """
    _check(arms, 1, trials)
    return BanditTask(np.concatenate([_begin(seed, arms)[1].means for seed in range(trials)]))


def run_published_bandits(policy: BanditPolicy, *, arms: int, pulls: int, trials: int = _TRIALS) -> BanditRun:
    """Plays the bandits of the paper's table, with the paper's luck.

    Its evaluation gave each trial one stream of random numbers, ``numpy.random.seed(0)`` to ``seed(999)``. The arms are
    drawn from it, then, as they come, a policy's choices and the rewards. Policies as the paper's table had them earn
    here what is printed there, to the last digit. Trials are played one by one, so `run_bandits` is the faster by far.

    Args:
        policy: who plays; it begins afresh for every trial.
        arms: arms of each bandit, K.
        pulls: pulls of each trial, T.
        trials: the first so many of the thousand, B.

    Returns:
        Rewards ``[B]`` and regret ``[B, T]`` of the trials.

    Raises:
        ValueError: for less than one arm, pull or trial, or more than a thousand trials.

    Example:
        >>> from tfmeta.rl.baselines import Greedy
        >>> float(run_published_bandits(Greedy(), arms=5, pulls=10).rewards.mean())  # the paper's table has 6.6
        6.602

    Reference:
        Duan et al. "RL²: Fast Reinforcement Learning via Slow Reinforcement Learning." 2016, table 1.
    """
    _check(arms, pulls, trials)
    rewards, regret, best = np.zeros(trials), np.empty((trials, pulls)), np.empty(trials)
    for seed in range(trials):
        rng, task = _begin(seed, arms)
        best[seed] = task.means.max()
        policy.begin(1, arms, pulls, cast(np.random.Generator, rng))
        for t in range(pulls):
            action = policy.act()
            paid = rng.binomial(1, task.means[0, action])
            policy.observe(action, paid)
            rewards[seed] += paid[0]
            regret[seed, t] = task.regret(action)[0]
    return BanditRun(rewards, regret.cumsum(axis=1), best)


def _begin(seed: int, arms: int) -> tuple[_Stream, BanditTask]:
    """Draws a trial's bandit, and returns the stream that its luck goes on with."""
    stream = _Stream(seed)
    return stream, BanditTask(stream.uniform(size=(1, arms)))


def _check(arms: int, pulls: int, trials: int) -> None:
    check(
        min(arms, pulls, trials) >= 1 and trials <= _TRIALS,
        f"arms={arms}, pulls={pulls}, trials={trials}; expected at least 1 of each, and at most {_TRIALS} trials.",
    )
