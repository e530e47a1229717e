"""PPO over whole trials beside TF-Agents' own, and trainers that cannot be."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.rl.trainers import trainer_of
from tfmeta.rl import BanditEnvironment, TrialNetwork, TrialTrainer, TrialValue
from tfmeta.rl.agents import PolicyNetwork, ValueNetwork, require_tf_agents

require_tf_agents()

from tf_agents.agents.ppo import ppo_clip_agent  # noqa: E402

BANDITS = BanditEnvironment(arms=3, pulls=4)


def theirs(trainer):
    """TF-Agents' agent for the networks of a trainer."""
    environment = trainer.driver.environment
    spec = environment.observation_spec()
    return ppo_clip_agent.PPOClipAgent(
        environment.time_step_spec(),
        environment.action_spec(),
        keras.optimizers.Adam(0.01),
        PolicyNetwork(spec, trainer.policy),
        ValueNetwork(spec, trainer.value),
        importance_ratio_clipping=0.2,
        lambda_value=0.3,
        discount_factor=0.99,
        num_epochs=1,
        use_gae=True,
        normalize_rewards=False,
        normalize_observations=False,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
    )


def test_one_pass_of_one_minibatch_is_that_of_tf_agents():
    trainers = [
        trainer_of(BANDITS, 8, agent="ppo", options={"epochs": 1, "minibatches": 1}) for _ in range(2)
    ]
    agents = [trainers[0].agent, theirs(trainers[1])]
    before = trainers[0].get_weights()
    for trainer, agent in zip(trainers, agents, strict=True):
        agent.train(trainer.driver.collect(tf.constant([0, 3], tf.int64)))
    for start, mine, known in zip(before, *(trainer.get_weights() for trainer in trainers), strict=True):
        np.testing.assert_allclose(mine, known, atol=1e-6)
        assert start.ndim == 0 or np.abs(mine - start).max() > 1e-3


def test_several_passes_go_further_than_one():
    kl = {}
    for passes in (1, 4):
        trainer = trainer_of(BANDITS, 8, agent="ppo", options={"epochs": passes, "minibatches": 2})
        kl[passes] = float(
            trainer.agent.train(trainer.driver.collect(tf.constant([0, 3], tf.int64))).extra.kl
        )
        assert int(trainer.optimizer.iterations) == 2 * passes
    assert kl[4] > 2 * kl[1] > 0


def network(outputs, actions=3, size=0):
    return TrialNetwork(actions, size, outputs=outputs, units=4)


@pytest.mark.parametrize(
    ("policy", "value", "options", "message"),
    [
        (network(3), TrialValue(network(1), 5), {}, "of 5 steps, and these have 4; build it with trial_length=4"),
        (network(2), TrialValue(network(1), 4), {}, "The policy has 2 outputs, and the tasks 3 actions"),
        (network(3, size=2), TrialValue(network(1), 4), {}, r"The policy takes .* of sizes \(3, 2\)"),
        (network(3), TrialValue(network(1, actions=4), 4), {}, "The value function takes actions"),
        (network(3), TrialValue(network(1), 4), {"trials": 0}, "trials=0; expected at least 1"),
        (network(3), TrialValue(network(1), 4), {"agent": "tpro"}, "no agent 'tpro'. Did you mean trpo"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(policy, value, options, message):
    with pytest.raises(ValueError, match=message):
        TrialTrainer(BANDITS, policy, value, **{"trials": 8, **options})
