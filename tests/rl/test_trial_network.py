"""Networks over trials: what they are told, step by step and whole, and what the value function knows of the time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.rl import TrialNetwork, TrialValue

B, T, A, D = 3, 6, 4, 2


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "crossed"])
def network(request):
    return TrialNetwork(A, D, outputs=A, units=8, crossed=request.param, seed=0)


@pytest.fixture(scope="module")
def trials():
    rng = np.random.default_rng(0)
    action = rng.integers(0, A, [B, T]).astype(np.int32)
    action[:, 0] = -1
    told = {
        "observation": rng.normal(size=[B, T, D]),
        "previous_action": action,
        "previous_reward": rng.normal(size=[B, T]),
        "done": rng.integers(0, 2, [B, T]),
    }
    return {
        name: tf.constant(x, tf.int32 if name == "previous_action" else tf.float32)
        for name, x in told.items()
    }


def test_whole_trials_are_one_step_after_the_other(network, trials):
    whole, state = network(trials), network.initial_state(B)
    for t in range(T):
        outputs, state = network.step({name: x[:, t] for name, x in trials.items()}, state)
        np.testing.assert_allclose(outputs, whole[:, t], atol=1e-6)


@pytest.mark.parametrize("name", ["observation", "previous_action", "previous_reward", "done"])
def test_everything_that_is_told_counts_from_then_on(network, trials, name):
    changed = trials[name].numpy()
    changed[:, 2] = (changed[:, 2] + 1) % A
    other = network({**trials, name: tf.constant(changed)}).numpy()
    moved = np.abs(other - network(trials).numpy()).max(axis=(0, 2))
    assert np.all(moved[:2] == 0) and np.all(moved[2:] > 1e-6)


def test_no_action_before_the_first_step_is_no_action(network):
    step = {"observation": tf.zeros([1, D]), "previous_reward": tf.zeros([1]), "done": tf.zeros([1])}
    answers = [
        network.step({**step, "previous_action": tf.constant([a])}, network.initial_state(1))[0].numpy()
        for a in range(-1, A)
    ]
    assert len({tuple(answer[0]) for answer in answers}) == A + 1


def test_crossed_inputs_say_what_was_done_where_and_what_it_paid(trials):
    network = TrialNetwork(A, D, outputs=A, units=8, crossed=True, seed=0)
    assert network.initial_state(B).shape == (B, 8 + D)
    _, state = network.step({name: x[:, 0] for name, x in trials.items()}, network.initial_state(B))
    np.testing.assert_array_equal(state[:, 8:], trials["observation"][:, 0])
    told = {name: x[:, 1] for name, x in trials.items()}
    products = network._features(told, state[:, 8:]).numpy()[:, D + A + 2 :].reshape([B, 2, D, A])
    action, reward = told["previous_action"].numpy(), told["previous_reward"].numpy()
    for b in range(B):
        expected = np.zeros([D, A])
        expected[:, action[b]] = trials["observation"][b, 0]
        np.testing.assert_allclose(products[b], [expected, reward[b] * expected], rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match="crossed=True needs observations that are vectors"):
        TrialNetwork(A, 0, outputs=A, crossed=True)


def test_observations_may_pass_through_an_encoder(trials):
    image = tf.random.stateless_uniform([B, T, 5, 4, 3], [0, 0])
    encoder = keras.Sequential([keras.Input([5, 4, 3]), keras.layers.Flatten(), keras.layers.Dense(7)])
    network = TrialNetwork(A, 60, outputs=1, units=4, encoder=encoder)
    told = {**trials, "observation": tf.reshape(image, [B, T, 60])}
    whole = network(told)
    first, _ = network.step({name: x[:, 0] for name, x in told.items()}, network.initial_state(B))
    assert whole.shape == (B, T, 1)
    np.testing.assert_allclose(first, whole[:, 0], atol=1e-6)
    assert any(weight is encoder.weights[0] for weight in network.trainable_variables)
    black = {**told, "observation": tf.concat([told["observation"][:, :-1], tf.zeros([B, 1, 60])], axis=1)}
    encoder.layers[-1].bias.assign(tf.ones([7]))  # which nothing seen does not get
    np.testing.assert_array_equal(network._features(black)[:, -1, :7], tf.zeros([B, 7]))
    # Nor is it asked about no picture at all, of which oneDNN's convolutions make a wrong shape.
    batches = []
    encoder.layers[0].call = lambda x: batches.append(len(x)) or tf.reshape(x, [-1, 60])
    nothing = network._features({**told, "observation": tf.zeros_like(told["observation"])})
    assert batches and min(batches) > 0 and not tf.reduce_any(nothing[..., :7] != 0)
    np.testing.assert_allclose(network._features(black)[:, :-1], network._features(told)[:, :-1], atol=1e-6)
    with pytest.raises(ValueError, match=r"takes 60 numbers, \[5, 4, 3\], and an observation has 7"):
        TrialNetwork(A, 7, outputs=1, units=4, encoder=encoder)


@pytest.mark.parametrize(
    ("discount", "left"), [(1.0, [6, 5, 4, 3, 2, 1]), (0.5, [63 / 32, 31 / 16, 15 / 8, 7 / 4, 1.5, 1])]
)
def test_with_a_clock_a_value_is_that_of_the_steps_left(trials, discount, left):
    network = TrialNetwork(A, D, outputs=1, units=4)
    network.head.set_weights([np.zeros([4, 1]), np.ones([1])])  # one for every step to come
    with_clock = TrialValue(network, T, discount=discount)
    np.testing.assert_allclose(with_clock(trials), np.tile(left, [B, 1]), rtol=1e-5, atol=1e-6)
    without = TrialValue(network, T, discount=discount, clock=False)
    np.testing.assert_allclose(without(trials), np.full([B, T], left[0]), rtol=1e-5, atol=1e-6)


def test_after_the_last_step_nothing_is_left(trials):
    network = TrialNetwork(A, D, outputs=1, units=4)
    longer = {name: tf.concat([x, x[:, :1]], axis=1) for name, x in trials.items()}
    assert not TrialValue(network, T)(longer).numpy()[:, T].any()


def test_sizes_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="actions=0, outputs=1, units=4"):
        TrialNetwork(0, 2, outputs=1, units=4)
    with pytest.raises(ValueError, match="yields 3 numbers a step; a value is one"):
        TrialValue(TrialNetwork(A, D, outputs=3, units=4), T)
