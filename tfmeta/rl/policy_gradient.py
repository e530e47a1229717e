"""The inner step of MAML for reinforcement learning: a policy gradient for each task, which can be differentiated."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import tensorflow as tf

from tfmeta.core.inner_loop import descend
from tfmeta.rl.advantages import advantages_of
from tfmeta.rl.episodes import Episodes
from tfmeta.rl.gaussian_policy import Gaussian, GaussianPolicy

__all__ = ["Experience", "experience_of", "mean_of_steps", "policy_gradient_steps", "quotients"]

Weights = Sequence[tf.Tensor]


class Experience(NamedTuple):
    """What a policy learns from: M steps in each of B tasks.

    Attributes:
        observation: ``[B, M, D]``.
        action: ``[B, M, A]``.
        advantage: ``[B, M]``.
        going: 1 for the steps that count, ``[B, M]``.
        acted: the distributions that the actions were drawn from.
    """

    observation: tf.Tensor
    action: tf.Tensor
    advantage: tf.Tensor
    going: tf.Tensor
    acted: Gaussian

    def of_first(self, tasks: int) -> Self:
        """Returns that of the first tasks alone."""
        return tf.nest.map_structure(lambda x: x[:tasks], self)


def experience_of(
    policy: GaussianPolicy,
    weights: Weights,
    episodes: Episodes,
    *,
    discount: float = 0.99,
    gae_lambda: float = 1.0,
) -> Experience:
    """Lays the K episodes of each task end to end, with the advantage of each step; see `advantages_of`.

    Args:
        policy: which played the episodes.
        weights: of each task, by which it did.
        episodes: of B tasks.
        discount: γ.
        gae_lambda: λ.
    """

    def items(x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(x, [tf.shape(x)[0], -1, *x.shape[3:]])

    advantage = advantages_of(episodes, discount=discount, gae_lambda=gae_lambda)
    seen, action = items(episodes.observation), items(episodes.action)
    acted = tf.nest.map_structure(tf.stop_gradient, policy.distribution(weights, seen))
    return Experience(seen, action, items(advantage), items(episodes.going), acted)


def policy_gradient_steps(
    policy: GaussianPolicy,
    weights: Weights,
    experiences: Sequence[Experience],
    rates: Sequence[float | tf.Tensor],
    *,
    first_order: bool = False,
) -> list[tf.Tensor]:
    r"""Takes one gradient step for each experience, in each task by itself:

    .. math:: w \leftarrow w + \alpha \nabla_w \frac1M \sum_t \frac{\pi_w(a_t|s_t)}{\pi_{old}(a_t|s_t)} A_t,

    where :math:`\pi_{old}` is the policy that acted. Where w are its weights, this is the gradient of
    :math:`\log \pi_w(a_t|s_t) A_t`, the policy gradient. Its derivative is another one. With the quotient it has the
    term :math:`\nabla\log\pi\,\nabla\log\pi^\top A`, which belongs to the second derivative of the expected return.
    With the logarithm that term is lost.

    Args:
        policy: which acted.
        weights: before the first step, those of each task, ``[B, ...]``.
        experiences: one for each step; the second is collected by the weights after the first step, and so on.
        rates: α of each step: a number, or one for each task ``[B]``.
        first_order: treats gradients as constants, so that no second derivative is taken.

    Returns:
        The weights after the last step.

    Example:
        >>> from tfmeta.rl import PointNavigation, play_episodes
        >>> environment, policy = PointNavigation(horizon=5), GaussianPolicy(2, 2, units=[4], seed=0)
        >>> tasks, weights = environment.draw([0, 1], batch=3), policy.repeated(3)
        >>> episodes = play_episodes(policy, weights, environment, tasks, episodes=2, seed=[0, 2])
        >>> seen = experience_of(policy, weights, episodes)
        >>> [w.shape.as_list() for w in policy_gradient_steps(policy, weights, [seen], rates=[0.1])][:2]
        [[3, 2, 4], [3, 4]]

    Reference:
        Finn, Abbeel, Levine. "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks." ICML 2017,
        eq. 4 and algorithm 3. The quotient: Foerster et al. 2018, DiCE: The Infinitely Differentiable Monte Carlo
        Estimator.
    """

    def loss(weights: Weights, step: int) -> tf.Tensor:
        seen = experiences[step]
        now = policy.distribution(weights, seen.observation)
        return -mean_of_steps(quotients(now, seen) * seen.advantage, seen.going)

    of_weights = [[_like(weight, rate) for weight in weights] for rate in rates]
    return descend(loss, weights, of_weights, first_order=first_order)


def _like(weight: tf.Tensor, rate: float | tf.Tensor) -> float | tf.Tensor:
    """Returns a rate for each task with as many dimensions as a weight has."""
    if isinstance(rate, tf.Tensor) and rate.shape.rank:
        return tf.reshape(rate, [-1] + [1] * (weight.shape.rank - 1))
    return rate


def quotients(now: Gaussian, seen: Experience) -> tf.Tensor:
    """Returns how much likelier each action is now than when it was drawn, ``[B, M]``."""
    return tf.exp(now.log_prob(seen.action) - seen.acted.log_prob(seen.action))


def mean_of_steps(x: tf.Tensor, going: tf.Tensor) -> tf.Tensor:
    """Returns the mean of ``x [B, M]`` over the steps of each task that count, ``[B]``."""
    return tf.reduce_sum(x * going, axis=1) / tf.reduce_sum(going, axis=1)
