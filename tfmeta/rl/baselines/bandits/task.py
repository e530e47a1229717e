"""Bernoulli bandits, drawn from the prior of RL²: many of them, side by side."""

import dataclasses

import numpy as np

__all__ = ["BanditTask"]


@dataclasses.dataclass(frozen=True)
class BanditTask:
    r"""B Bernoulli bandits: arm k of trial b pays 1 with probability :math:`p_{bk}`, else 0.

    Attributes:
        means: the probabilities p, ``[B, K]``.

    Example:
        >>> task = BanditTask.draw(trials=3, arms=5, rng=np.random.default_rng(0))
        >>> task.means.shape, task.pull(np.array([0, 4, 4]), np.array([0.0, 0.0, 1.0])).tolist()
        ((3, 5), [1, 1, 0])
    """

    means: np.ndarray

    @classmethod
    def draw(cls, trials: int, arms: int, rng: np.random.Generator) -> "BanditTask":
        """Draws each arm's probability from the uniform distribution on [0, 1)."""
        return cls(rng.random((trials, arms)))

    def pull(self, actions: np.ndarray, luck: np.ndarray) -> np.ndarray:
        """Pulls one arm a trial.

        Args:
            actions: the arms, integers ``[B]``.
            luck: uniform numbers in [0, 1), ``[B]``; an arm pays where its probability is above.

        Returns:
            The rewards, 0 or 1, ``[B]`` integers.
        """
        return (luck < self._of(actions)).astype(np.int64)

    def regret(self, actions: np.ndarray) -> np.ndarray:
        """Returns how much less the arms pay in the mean than each trial's best one, ``[B]``."""
        return self.means.max(axis=1) - self._of(actions)

    def _of(self, actions: np.ndarray) -> np.ndarray:
        return self.means[np.arange(len(self.means)), actions]
