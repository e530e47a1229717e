"""The contract of a bandit policy: B trials at once, and what each knows of its arms."""

from abc import ABC, abstractmethod

import numpy as np

__all__ = ["BanditPolicy"]


class BanditPolicy(ABC):
    """Chooses arms by an index: in every trial, the arm whose index is highest is pulled.

    All that a Bernoulli arm can tell is how often it paid and how often not, and this class keeps count. So a
    policy is its `indices` alone. Where indices tie, the arm of the lowest number is pulled, as in the evaluation
    of the RL² paper; a policy that tries new arms at every tie scores differently.

    Attributes:
        successes: how often each arm paid, ``[B, K]`` integers.
        failures: how often it did not, ``[B, K]`` integers.
        pulled: pulls made so far, t.
        pulls: pulls of the whole trial, T.
        rng: where the policy draws its random numbers from.

    Example:
        >>> class Stubborn(BanditPolicy):
        ...     def indices(self):
        ...         return self.successes - self.failures
        >>> policy = Stubborn()
        >>> policy.begin(trials=2, arms=3, pulls=10, rng=np.random.default_rng(0))
        >>> policy.observe(policy.act(), rewards=np.array([1, 0]))
        >>> policy.act().tolist()
        [0, 1]
    """

    def begin(self, trials: int, arms: int, pulls: int, rng: np.random.Generator) -> None:
        """Forgets everything, for B trials of T pulls at K arms each."""
        self.successes = np.zeros((trials, arms), np.int64)
        self.failures = np.zeros((trials, arms), np.int64)
        self.pulled, self.pulls, self.rng = 0, pulls, rng

    @abstractmethod
    def indices(self) -> np.ndarray:
        """Returns how much is to be said for each arm, ``[B, K]``."""

    def act(self) -> np.ndarray:
        """Returns the arm to pull in each trial, ``[B]`` integers."""
        return self.indices().argmax(axis=1)

    def observe(self, actions: np.ndarray, rewards: np.ndarray) -> None:
        """Counts what the pulled arms paid, 0 or 1, ``[B]``."""
        rows = np.arange(len(actions))
        self.successes[rows, actions] += rewards
        self.failures[rows, actions] += 1 - rewards
        self.pulled += 1

    @property
    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """The parameters α and β, each ``[B, K]``, of each arm's Beta posterior under the uniform prior."""
        return self.successes + 1, self.failures + 1

    @property
    def posterior_means(self) -> np.ndarray:
        """The posterior mean of each arm, ``(successes + 1) / (pulls of it + 2)``, ``[B, K]``."""
        alpha, beta = self.posterior
        return alpha / (alpha + beta)
