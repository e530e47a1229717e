"""The outer objective of MAML for reinforcement learning: what initial weights are worth after the inner steps."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import tensorflow as tf

from tfmeta.rl.gaussian_policy import Gaussian, GaussianPolicy
from tfmeta.rl.policy_gradient import Experience, mean_of_steps, policy_gradient_steps, quotients
from tfmeta.rl.trust_region import Promise

__all__ = ["Collected", "MetaObjective"]


class Collected(NamedTuple):
    """What was collected in B tasks.

    Attributes:
        inner: the experience that each inner step learns from.
        outer: that of the policies after the last inner step.
    """

    inner: list[Experience]
    outer: Experience

    def of_first(self, tasks: int) -> Self:
        """Returns that of the first tasks alone."""
        return type(self)([each.of_first(tasks) for each in self.inner], self.outer.of_first(tasks))


class MetaObjective:
    r"""Evaluates the surrogate of the return after the inner steps, as a function of the policy's weights θ:

    .. math::
        g(\theta) = \frac1B \sum_i E_i\Big[\frac{\pi_{\theta_i'}(a|s)}{\pi_{old,i}(a|s)} A\Big], \quad
        D(\theta) = \frac1B \sum_i E_i\big[D_{KL}(\pi_{old,i} \| \pi_{\theta_i'})\big],

    where :math:`\theta_i'(\theta)` are the weights after the inner steps in task i, and E is the mean over the steps
    that the policy :math:`\pi_{old,i}` has collected there.

    Args:
        policy: whose weights are θ.
        rates: α of each inner step.
        first_order: treats the gradients of the inner steps as constants.

    Reference:
        Finn, Abbeel, Levine. "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks." ICML 2017, eq. 4.
    """

    def __init__(self, policy: GaussianPolicy, rates: Sequence[float], *, first_order: bool = False):
        self.policy, self.rates, self.first_order = policy, list(rates), first_order

    def promise(self, collected: Collected) -> Promise:
        """Returns g and D by the weights as they are now."""
        now, outer = self._now(collected), collected.outer
        gain = mean_of_steps(quotients(now, outer) * outer.advantage, outer.going)
        divergence = mean_of_steps(outer.acted.kl_divergence(now), outer.going)
        return Promise(tf.reduce_mean(gain), tf.reduce_mean(divergence))

    def clipped(self, collected: Collected, clip: float) -> tf.Tensor:
        """Returns g with PPO's clipped ratio.

        Reference:
            Schulman et al. 2017, Proximal Policy Optimization Algorithms, eq. 7.
        """
        outer = collected.outer
        ratio = quotients(self._now(collected), outer)
        near = tf.clip_by_value(ratio, 1.0 - clip, 1.0 + clip)
        gain = tf.minimum(ratio * outer.advantage, near * outer.advantage)
        return tf.reduce_mean(mean_of_steps(gain, outer.going))

    def _now(self, collected: Collected) -> Gaussian:
        weights = self.policy.repeated(tf.shape(collected.outer.action)[0])
        adapted = policy_gradient_steps(
            self.policy, weights, collected.inner, self.rates, first_order=self.first_order
        )
        return self.policy.distribution(adapted, collected.outer.observation)
