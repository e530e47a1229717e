"""What is known of tabular MDPs after some steps: Dirichlet posteriors of transitions, normal ones of rewards."""

import dataclasses

import numpy as np

from tfmeta.rl.baselines.mdps.task import NOISE_PRECISION, PRIOR_MEAN, PRIOR_PRECISION, MDPTask

__all__ = ["Belief"]


@dataclasses.dataclass
class Belief:
    r"""The conjugate posterior of B MDPs.

    .. math::
        P(\cdot \mid s, a) \sim \mathrm{Dirichlet}(\alpha_{sa}), \qquad R(s, a) \sim N(\mu_{sa}, 1 / \tau_{sa})

    A step from s by a to s' with reward r adds one to :math:`\alpha_{sas'}`, and moves :math:`\mu_{sa}` to
    :math:`(\tau \mu + r) / (\tau + 1)` and :math:`\tau_{sa}` to :math:`\tau + 1`.

    Attributes:
        counts: α, ``[B, S, A, S]``.
        rewards: μ, ``[B, S, A]``.
        precision: τ, ``[B, S, A]``.

    Example:
        >>> belief = Belief.prior(trials=2, states=3, actions=2)
        >>> belief.update(np.array([0, 0]), np.array([1, 0]), np.array([3.0, 1.0]), np.array([2, 2]))
        >>> float(belief.rewards[0, 0, 1]), belief.transitions[0, 0, 1].tolist()
        (2.0, [0.25, 0.25, 0.5])
    """

    counts: np.ndarray
    rewards: np.ndarray
    precision: np.ndarray

    @classmethod
    def prior(
        cls,
        trials: int,
        states: int,
        actions: int,
        *,
        count: float = 1.0,
        mean: float = PRIOR_MEAN,
        precision: float = PRIOR_PRECISION,
    ) -> "Belief":
        """Returns what is believed before the first step, which is the prior of the MDPs unless told otherwise."""
        pairs = (trials, states, actions)
        return cls(np.full((*pairs, states), count), np.full(pairs, mean), np.full(pairs, precision))

    def update(
        self, states: np.ndarray, actions: np.ndarray, rewards: np.ndarray, next_states: np.ndarray
    ) -> None:
        """Takes one step of every trial into account, each argument ``[B]``."""
        at = np.arange(len(states)), states, actions
        self.counts[(*at, next_states)] += 1
        known = self.precision[at]
        self.rewards[at] = (known * self.rewards[at] + NOISE_PRECISION * rewards) / (known + NOISE_PRECISION)
        self.precision[at] += NOISE_PRECISION

    @property
    def transitions(self) -> np.ndarray:
        """The mean of the transitions, ``[B, S, A, S]``."""
        return self.counts / self.counts.sum(axis=-1, keepdims=True)

    def sample(self, rng: np.random.Generator) -> MDPTask:
        """Draws one MDP a trial from the posterior."""
        transitions = rng.standard_gamma(self.counts)
        transitions /= transitions.sum(axis=-1, keepdims=True)
        noise = rng.standard_normal(self.rewards.shape)
        return MDPTask(transitions, self.rewards + noise / np.sqrt(self.precision))
