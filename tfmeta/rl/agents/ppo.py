"""TF-Agents' PPO with minibatches of whole trials."""

from typing import Any

import keras
import tensorflow as tf

from tfmeta.core.quiet import no_warnings_logged
from tfmeta.rl.agents.driver import check_aligned
from tfmeta.rl.agents.legacy_keras import require_tf_agents
from tfmeta.rl.agents.minibatches import each_minibatch
from tfmeta.rl.agents.progress import progress

require_tf_agents()

from tf_agents.agents import tf_agent  # noqa: E402
from tf_agents.agents.ppo import ppo_clip_agent, ppo_utils  # noqa: E402
from tf_agents.networks import network  # noqa: E402
from tf_agents.trajectories import time_step as ts  # noqa: E402
from tf_agents.trajectories import trajectory  # noqa: E402

__all__ = ["TrialPPOAgent"]


class TrialPPOAgent(ppo_clip_agent.PPOClipAgent):
    """`PPOClipAgent`, which `train` takes through several passes over the trials, a few of them at a time.

    TF-Agents' own takes all trials at once, and writes each pass into the graph anew. It also standardises
    observations and rewards unless told otherwise; here it is told: what a reward is worth must stay the same for a
    policy that learns from rewards.

    Args:
        time_step_spec: of the environment.
        action_spec: of the environment.
        actor_net: says the distribution of the next action.
        value_net: says what whole trials are worth at every step.
        optimizer: of both networks; one of Keras 3.
        discount: of rewards, γ.
        gae_lambda: of the advantages, λ.
        clip: how far the ratio of probabilities may move from 1 before it gains nothing, ε.
        entropy: factor on the entropy, which is added to what is maximised.
        epochs: passes over the trials.
        minibatches: steps of the optimizer in each.
        train_step_counter: counts steps of the optimizer.

    Reference:
        Schulman et al. 2017, Proximal Policy Optimization Algorithms, equation 7.
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
        clip: float = 0.2,
        entropy: float = 0.0,
        epochs: int = 4,
        minibatches: int = 8,
        train_step_counter: tf.Variable | None = None,
    ):
        with no_warnings_logged():  # of optimizers that are not of Keras 2: those of Keras 3 do as well
            super().__init__(
                time_step_spec,
                action_spec,
                optimizer,
                actor_net,
                value_net,
                importance_ratio_clipping=clip,
                lambda_value=gae_lambda,
                discount_factor=discount,
                entropy_regularization=entropy,
                num_epochs=1,
                use_gae=True,
                normalize_rewards=False,
                normalize_observations=False,
                compute_value_and_advantage_in_train=False,
                update_normalizers_in_train=False,
                aggregate_losses_across_replicas=False,
                train_step_counter=tf.Variable(0, dtype=tf.int64)
                if train_step_counter is None
                else train_step_counter,
            )
        self._epochs, self._minibatches = epochs, minibatches

    def _train(self, experience: trajectory.Trajectory, weights: None = None) -> tf_agent.LossInfo:
        trials = check_aligned(experience)
        values, _ = self._value_net(trials.observation)
        info = {**trials.policy_info, "value_prediction": values}
        trials = self._preprocess(trials.replace(policy_info=info))
        train = super()._train

        def learn(part: trajectory.Trajectory) -> None:
            train(part, None)

        each_minibatch(learn, trials, epochs=self._epochs, minibatches=self._minibatches)
        told = (info["dist_params"], trials.observation, values, trials.policy_info["return"])
        drawn_from, seen, foreseen, came = tf.nest.map_structure(lambda x: x[:, :-1], told)
        before = ppo_utils.distribution_from_spec(
            self._action_distribution_spec, drawn_from, legacy_distribution_network=False
        )
        found = progress(before, self._actor_net(seen, network_state=())[0], foreseen, came)
        return tf_agent.LossInfo(found.kl, found)
