"""Trials as TF-Agents sees them, and the driver that collects whole ones."""

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.rl import BanditEnvironment, TabularMDPEnvironment, TrialNetwork
from tfmeta.rl.agents import (
    PolicyNetwork,
    TFTrialEnvironment,
    TrialDriver,
    TrialPolicy,
    check_aligned,
    each_minibatch,
)

B = 6
TASKS = {
    "bandit": BanditEnvironment(arms=3, pulls=4),
    "mdp": TabularMDPEnvironment(2, states=5, actions=3, horizon=2),
}


def driver_of(tasks, batch=B):
    environment = TFTrialEnvironment(tasks, batch)
    network = TrialNetwork(tasks.actions, tasks.observation_size, outputs=tasks.actions, units=5, seed=0)
    policy_network = PolicyNetwork(environment.observation_spec(), network)
    return TrialDriver(
        environment, TrialPolicy(environment.time_step_spec(), environment.action_spec(), policy_network)
    )


@pytest.fixture(scope="module", params=TASKS)
def played(request):
    driver = driver_of(TASKS[request.param])
    collect = tf.function(driver.collect, input_signature=[tf.TensorSpec([2], tf.int64)], autograph=False)
    return TASKS[request.param], driver, collect, collect([3, 1])


def test_a_trial_is_one_episode_whose_inner_ends_are_told(played):
    tasks, _, _, trials = played
    length = tasks.trial_length
    assert trials.reward.shape == (B, length + 1)
    np.testing.assert_array_equal(trials.step_type, np.tile([0, *[1] * (length - 1), 2], [B, 1]))
    np.testing.assert_array_equal(trials.discount, np.tile([*[1] * (length - 1), 0, 1], [B, 1]))
    told = trials.observation
    inner_ends = [0, 0, 1, 0, 1] if "observation" in told else [0, 1, 1, 1, 1]
    np.testing.assert_array_equal(told["done"], np.tile(inner_ends, [B, 1]))
    np.testing.assert_array_equal(told["previous_action"][:, 1:], trials.action[:, :-1])
    np.testing.assert_array_equal(told["previous_action"][:, 0], np.full(B, -1))
    np.testing.assert_array_equal(told["previous_reward"][:, 1:], trials.reward[:, :-1])
    assert not np.any(told["previous_reward"][:, 0])
    assert ("observation" in told) == (tasks.observation_size > 0)


def test_a_batch_of_trials_is_a_function_of_its_seed(played):
    _, _, collect, first = played
    other, again = collect([3, 2]), collect([3, 1])
    for x, y in zip(tf.nest.flatten(first), tf.nest.flatten(again), strict=True):
        np.testing.assert_array_equal(x, y)
    assert not np.array_equal(first.reward, other.reward)


def test_the_logits_beside_an_action_are_what_the_network_says_of_the_whole_trial(played):
    _, driver, _, trials = played
    distribution, _ = driver.policy._network(trials.observation, network_state=())
    np.testing.assert_allclose(trials.policy_info["dist_params"]["logits"], distribution.logits, atol=1e-6)


def test_after_a_trial_comes_one_in_another_task():
    tasks = BanditEnvironment(arms=2, pulls=2)
    environment = TFTrialEnvironment(tasks, 50)
    environment.begin([0, 0])
    before = environment._state.means.numpy()
    nothing = tf.zeros([50], tf.int32)
    kinds = [environment.step(nothing).step_type.numpy()[0] for _ in range(5)]
    assert kinds == [1, 2, 0, 1, 2]
    assert not np.any(environment._state.means.numpy() == before)
    assert environment.current_time_step().is_last().numpy().all()


def test_rows_that_are_not_one_whole_trial_are_refused(played):
    trials = played[3]
    rolled = tf.nest.map_structure(lambda x: tf.roll(x, 1, axis=1), trials)
    for wrong in (rolled, tf.nest.map_structure(lambda x: x[:, :-1], trials)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="not one whole trial"):
            check_aligned(wrong)
    check_aligned(trials)


def test_minibatches_are_all_trials_and_whole():
    seen = tf.Variable(tf.zeros([7, 3]))

    def count(rows):
        assert rows[0].shape[1:] == [3]
        seen.scatter_add(tf.IndexedSlices(rows[0], rows[1]))

    each_minibatch(count, (tf.ones([7, 3]), tf.range(7)), epochs=2, minibatches=3)
    np.testing.assert_array_equal(seen, np.full([7, 3], 2))
    with pytest.raises(ValueError, match="minibatches=8, but a batch holds only 7 trials"):
        each_minibatch(count, (tf.ones([7, 3]), tf.range(7)), epochs=2, minibatches=8)


def test_no_task_is_no_environment():
    with pytest.raises(ValueError, match="batch_size=0; expected at least 1"):
        TFTrialEnvironment(TASKS["bandit"], 0)
