"""The policy that collects trials: its luck is part of its state."""

from typing import Any

import tensorflow as tf

from tfmeta.core.batch_seeds import derived_seeds
from tfmeta.rl.agents.legacy_keras import require_tf_agents
from tfmeta.rl.agents.networks import PolicyNetwork
from tfmeta.rl.choice import choose

require_tf_agents()

from tf_agents.policies import tf_policy  # noqa: E402
from tf_agents.trajectories import policy_step  # noqa: E402
from tf_agents.trajectories import time_step as ts  # noqa: E402

__all__ = ["TrialPolicy"]


class TrialPolicy(tf_policy.TFPolicy):
    """Chooses actions from what a network says of the trial so far.

    Its state is what the network remembers, ``memory [B, H]``, and ``luck [B]`` int64, which names the random numbers
    to come: so a batch of trials is a function of its seed, and a run that is resumed sees what an unbroken one sees.
    Beside each action it gives out the logits that it was drawn from, as TF-Agents' agents of policy gradients expect.

    Args:
        time_step_spec: of the environment.
        action_spec: of the environment.
        network: says the distribution of the next action.
        greedy: takes the likeliest action instead of drawing one.

    Example:
        >>> policy = TrialPolicy(environment.time_step_spec(), environment.action_spec(), network)  # doctest: +SKIP
        >>> policy.action(environment.begin([0, 7]), policy.begin([0, 7], batch=32))                # doctest: +SKIP
    """

    def __init__(
        self, time_step_spec: ts.TimeStep, action_spec: Any, network: PolicyNetwork, *, greedy: bool = False
    ):
        actions = int(action_spec.maximum) + 1
        super().__init__(
            time_step_spec,
            action_spec,
            policy_state_spec={"memory": network.state_spec, "luck": tf.TensorSpec([], tf.int64)},
            info_spec={"dist_params": {"logits": tf.TensorSpec([actions])}},
            clip=False,
            automatic_state_reset=False,  # which would take the luck away; `_distribution` clears the memory
        )
        self._network, self._greedy = network, greedy

    def begin(self, seed: tf.Tensor, batch: int) -> dict[str, tf.Tensor]:
        """Returns the state before trials that are a function of the seed, two integers ``[2]``."""
        (seed,) = derived_seeds(seed, 1)
        luck = tf.random.stateless_uniform([batch], seed, minval=None, maxval=None, dtype=tf.int64)
        return {**self.get_initial_state(batch), "luck": luck}

    def _distribution(
        self, time_step: ts.TimeStep, policy_state: dict[str, tf.Tensor]
    ) -> policy_step.PolicyStep:
        goes_on = tf.cast(~time_step.is_first(), tf.float32)[:, None]
        distribution, memory = self._network(
            time_step.observation,
            step_type=time_step.step_type,
            network_state=policy_state["memory"] * goes_on,
        )
        info = {"dist_params": {"logits": distribution.logits_parameter()}}
        return policy_step.PolicyStep(distribution, {**policy_state, "memory": memory}, info)

    def _action(
        self, time_step: ts.TimeStep, policy_state: dict[str, tf.Tensor], seed: Any = None
    ) -> policy_step.PolicyStep:
        step = self._distribution(time_step, policy_state)
        luck = policy_state["luck"]
        action = choose(step.action.probs_parameter(), luck, greedy=self._greedy)
        return step._replace(action=action, state={**step.state, "luck": luck + 1})
