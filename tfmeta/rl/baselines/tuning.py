"""Tunes the one knob of a baseline on trials of its own, and not on those that it is measured on."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from tfmeta.core.checks import check
from tfmeta.core.estimate import Estimate, estimate
from tfmeta.rl.baselines.bandits.run import run_bandits
from tfmeta.rl.baselines.mdps.run import run_mdps
from tfmeta.rl.baselines.seeds import TUNING_SEED
from tfmeta.rl.baselines.zoo import Baseline

__all__ = ["Tuning", "tune", "tune_bandits", "tune_mdps"]


class Run(Protocol):
    """What is left of a policy's trials; the rewards are all that matters here."""

    @property
    def rewards(self) -> np.ndarray:
        """The sum of each trial's rewards, ``[B]``."""


@dataclasses.dataclass(frozen=True)
class Tuning:
    """What each setting of a baseline earns on the same trials.

    Attributes:
        settings: the settings, G of them; a single None for a baseline without a knob.
        rewards: the sum of each trial's rewards, ``[G, B]``.
    """

    settings: tuple[Any, ...]
    rewards: np.ndarray

    @property
    def estimates(self) -> list[Estimate]:
        """The mean reward of each setting, with its interval."""
        return [estimate(rewards) for rewards in self.rewards]

    @property
    def best(self) -> int:
        """The place of the setting with the highest mean reward."""
        return int(self.rewards.mean(axis=1).argmax())

    @property
    def best_setting(self) -> Any:
        """The setting with the highest mean reward."""
        return self.settings[self.best]


def tune(baseline: Baseline, play: Callable[[Any], Run]) -> Tuning:
    """Tries every setting of a baseline.

    Args:
        baseline: what is tuned.
        play: plays a policy, on the same trials at every call.

    Returns:
        What each setting earned, from which the best is read.
    """
    check(
        bool(baseline.settings), f"{baseline.title} has no setting to try; expected at least one, or (None,)."
    )
    rewards = [play(baseline.policy(setting)).rewards for setting in baseline.settings]
    return Tuning(baseline.settings, np.stack(rewards))


def tune_bandits(
    baseline: Baseline, *, arms: int, pulls: int, trials: int = 1000, seed: int = TUNING_SEED
) -> Tuning:
    """Tries every setting of a bandit policy on trials of `run_bandits`.

    Args:
        baseline: one of `BANDIT_BASELINES`.
        arms: arms of each bandit, K.
        pulls: pulls of each trial, T.
        trials: bandits, B.
        seed: names the bandits. The paper tuned on those that it then measured on; see ``docs/rl.md``.

    Returns:
        What each setting earned.

    Example:
        >>> from tfmeta.rl.baselines import BANDIT_BASELINES
        >>> tune_bandits(BANDIT_BASELINES["epsilon_greedy"], arms=5, pulls=10, trials=500).best_setting
        0.0
    """
    return tune(
        baseline, lambda policy: run_bandits(policy, arms=arms, pulls=pulls, trials=trials, seed=seed)
    )


def tune_mdps(baseline: Baseline, *, episodes: int, trials: int = 1000, seed: int = TUNING_SEED) -> Tuning:
    """Tries every setting of a policy for tabular MDPs on trials of `run_mdps`.

    Args:
        baseline: one of `MDP_BASELINES`.
        episodes: episodes of each trial.
        trials: MDPs, B.
        seed: names the MDPs.

    Returns:
        What each setting earned.
    """
    return tune(baseline, lambda policy: run_mdps(policy, episodes=episodes, trials=trials, seed=seed))
