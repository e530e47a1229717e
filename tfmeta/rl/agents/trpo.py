"""Trust region policy optimization, which TF-Agents lacks."""

import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfmeta.core.checks import check
from tfmeta.rl.agents.driver import check_aligned
from tfmeta.rl.agents.legacy_keras import require_tf_agents
from tfmeta.rl.agents.minibatches import each_minibatch, rows_of
from tfmeta.rl.agents.progress import Progress, progress
from tfmeta.rl.agents.trial_policy import TrialPolicy
from tfmeta.rl.trust_region import Promise, TrustRegion

require_tf_agents()

from tf_agents.agents import tf_agent  # noqa: E402
from tf_agents.agents.ppo import ppo_utils  # noqa: E402
from tf_agents.networks import network  # noqa: E402
from tf_agents.trajectories import time_step as ts  # noqa: E402
from tf_agents.trajectories import trajectory  # noqa: E402
from tf_agents.utils import value_ops  # noqa: E402

__all__ = ["TRPOAgent"]


class _Steps(NamedTuple):
    """What the policy learns from: the steps of B trials, and what was better than expected of them."""

    observation: Any  # [B, T, ...]
    action: tf.Tensor  # [B, T]
    before: Any  # parameters of the distributions that the actions were drawn from, [B, T, ...]
    advantage: tf.Tensor  # [B, T]


class TRPOAgent(tf_agent.TFAgent):
    r"""Takes the longest step that promises more reward and stays near the policy that played:

    .. math::
        \max_\theta \; E\Big[\frac{\pi_\theta(a|h)}{\pi_{old}(a|h)} A(h, a)\Big]
        \quad \text{such that} \quad E\big[D_{KL}(\pi_{old}(\cdot|h) \| \pi_\theta(\cdot|h))\big] \le \delta.

    `TrustRegion` takes the step, with the Fisher matrix of a part of the trials. Advantages are GAE's, and the value
    function is fitted to discounted returns afterwards. Everything is in the graph.

    Args:
        time_step_spec: of the environment.
        action_spec: of the environment.
        actor_net: says the distribution of the next action.
        value_net: says what whole trials are worth at every step.
        optimizer: of the value network; one of Keras 3.
        discount: of rewards, γ.
        gae_lambda: of the advantages, λ.
        max_kl: mean divergence of a step, δ, in nats.
        iterations: of conjugate gradient.
        damping: what is added to the diagonal of F.
        fisher_fraction: part of the trials that F is estimated on.
        exact_fisher: takes products with F as derivatives of a derivative. Else they are differences of
            gradients, which are as good as float32 allows, and several times quicker.
        value_epochs: passes over the trials by the value network.
        value_minibatches: steps of the optimizer in each.
        train_step_counter: counts calls of `train`.

    Raises:
        ValueError: for a fraction or a divergence that is out of range.

    Reference:
        Schulman et al. 2015, Trust Region Policy Optimization, sections 5 and 6 and appendix C.
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: Any,
        actor_net: network.Network,
        value_net: network.Network,
        optimizer: keras.optimizers.Optimizer,
        *,
        discount: float = 0.99,
        gae_lambda: float = 0.3,
        max_kl: float = 0.01,
        iterations: int = 10,
        damping: float = 3e-4,
        fisher_fraction: float = 0.2,
        exact_fisher: bool = False,
        value_epochs: int = 4,
        value_minibatches: int = 4,
        train_step_counter: tf.Variable | None = None,
    ):
        check(
            0 < fisher_fraction <= 1,
            f"fisher_fraction={fisher_fraction}; expected more than 0, and 1 at most.",
        )
        self._distribution_spec = actor_net.create_variables(time_step_spec.observation)
        value_net.create_variables(time_step_spec.observation)
        collect, greedy = (
            TrialPolicy(time_step_spec, action_spec, actor_net, greedy=greedy) for greedy in (False, True)
        )
        super().__init__(
            time_step_spec,
            action_spec,
            policy=greedy,
            collect_policy=collect,
            train_sequence_length=None,
            train_step_counter=tf.Variable(0, dtype=tf.int64)
            if train_step_counter is None
            else train_step_counter,
        )
        self._actor_net, self._value_net, self._optimizer = actor_net, value_net, optimizer
        self._discount, self._lambda = discount, gae_lambda
        self._fisher_fraction = fisher_fraction
        self.region = TrustRegion(
            actor_net.trainable_weights,
            max_kl=max_kl,
            iterations=iterations,
            damping=damping,
            exact=exact_fisher,
        )
        self._value_epochs, self._value_minibatches = value_epochs, value_minibatches

    def _train(self, experience: trajectory.Trajectory, weights: None = None) -> tf_agent.LossInfo:
        trials = check_aligned(experience)
        values, _ = self._value_net(trials.observation)  # [B, T + 1]
        returns, advantages = self._estimate(trials, values)
        trials = tf.nest.map_structure(lambda x: x[:, :-1], trials)
        steps = _Steps(trials.observation, trials.action, trials.policy_info["dist_params"], advantages)
        promise = self.improve(steps)
        self._fit_value(trials.observation, returns)
        self.train_step_counter.assign_add(1)
        return tf_agent.LossInfo(-promise, self._progress(steps, values[:, :-1], returns))

    def _estimate(self, trials: trajectory.Trajectory, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the discounted returns and the standardised advantages of all steps, ``[B, T]``."""
        rewards, discounts = trials.reward[:, :-1], self._discount * trials.discount[:, :-1]
        returns = value_ops.discounted_return(rewards, discounts, time_major=False)
        advantages = value_ops.generalized_advantage_estimation(
            values[:, :-1], values[:, -1], discounts, rewards, td_lambda=self._lambda, time_major=False
        )
        mean, variance = tf.nn.moments(advantages, axes=[0, 1])
        return returns, (advantages - mean) * tf.math.rsqrt(variance + 1e-8)

    def improve(self, steps: _Steps) -> tf.Tensor:
        """Takes one step of the policy; returns how much it promises, in standard deviations of the advantage."""
        part = rows_of(steps, 0, math.ceil(self._fisher_fraction * steps.action.shape[0]))
        return self.region.step(lambda: self._promise(steps), lambda: self._divergence(part)).gain

    def fisher_product(self, steps: _Steps, vector: tf.Tensor) -> tf.Tensor:
        """Multiplies the Fisher matrix of the policy, as it is now, with a vector ``[P]``."""
        return self.region.fisher_product(lambda: self._divergence(steps), vector)

    def _promise(self, steps: _Steps) -> Promise:
        """Returns the importance-weighted advantage, and the divergence from the policy that played."""
        now = self._distributions(steps)
        before = self._rebuilt(steps.before)
        ratio = tf.exp(now.log_prob(steps.action) - before.log_prob(steps.action))
        return Promise(tf.reduce_mean(ratio * steps.advantage), tf.reduce_mean(before.kl_divergence(now)))

    def _divergence(self, steps: _Steps) -> tf.Tensor:
        return tf.reduce_mean(self._rebuilt(steps.before).kl_divergence(self._distributions(steps)))

    def _distributions(self, steps: _Steps) -> Any:
        return self._actor_net(steps.observation, network_state=())[0]

    def _rebuilt(self, parameters: Any) -> Any:
        return ppo_utils.distribution_from_spec(
            self._distribution_spec, parameters, legacy_distribution_network=False
        )

    def _fit_value(self, observation: Any, returns: tf.Tensor) -> None:
        variables = self._value_net.trainable_weights

        def fit(rows: tuple[Any, tf.Tensor]) -> None:
            with tf.GradientTape() as tape:
                values, _ = self._value_net(rows[0])
                loss = tf.reduce_mean(tf.math.squared_difference(values, rows[1]))
            self._optimizer.apply(tape.gradient(loss, variables), variables)

        each_minibatch(
            fit, (observation, returns), epochs=self._value_epochs, minibatches=self._value_minibatches
        )

    def _progress(self, steps: _Steps, values: tf.Tensor, returns: tf.Tensor) -> Progress:
        return progress(self._rebuilt(steps.before), self._distributions(steps), values, returns)
