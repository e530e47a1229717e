"""The written-out gradients of the GRU, beside Keras's own and beside a loop that TensorFlow differentiates."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.networks.gru import GRU, _loop, _scan

T, B, F, H = 5, 3, 4, 6


@pytest.fixture(scope="module")
def gru():
    layer, rng = GRU(F, H, seed=1), np.random.default_rng(0)
    for bias in (layer.bias, layer.candidate_bias):
        bias.assign(rng.normal(size=bias.shape))
    return layer


def test_states_are_those_of_keras(gru):
    theirs = keras.layers.GRU(H, return_sequences=True, reset_after=True)
    theirs.build([None, T, F])
    bias = np.zeros([2, 3 * H], np.float32)
    bias[0], bias[1, 2 * H :] = gru.bias.numpy(), gru.candidate_bias.numpy()
    theirs.set_weights([gru.kernel.numpy(), gru.recurrent.numpy(), bias])
    x = tf.random.stateless_normal([T, B, F], [0, 1])
    np.testing.assert_allclose(gru(x), tf.transpose(theirs(tf.transpose(x, [1, 0, 2])), [1, 0, 2]), atol=1e-6)


def test_one_step_after_the_other_is_all_steps(gru):
    x, state = tf.random.stateless_normal([T, B, F], [0, 2]), gru.initial_state(B)
    for t, expected in enumerate(gru(x)):
        state = gru.step(x[t], state)
        np.testing.assert_allclose(state, expected, atol=1e-6)
    half = gru(x[2:], state=gru(x[:2])[-1])
    np.testing.assert_allclose(half[-1], state, atol=1e-6)


def _differentiated(*arguments):
    states, _ = _loop(*arguments)
    return states


def test_first_and_second_derivatives():
    shapes = [[T, B, 3 * H], [B, H], [H, 3 * H], [H]]
    at = [0.5 * tf.random.stateless_normal(shape, [1, i]) for i, shape in enumerate(shapes)]
    along = [tf.random.stateless_normal(shape, [2, i]) for i, shape in enumerate(shapes)]
    weights = tf.random.stateless_normal([T, B, H], [3, 0])

    @tf.function(autograph=False)
    def derivatives(scan):
        with tf.GradientTape() as outer:
            outer.watch(at)
            with tf.GradientTape() as inner:
                inner.watch(at)
                loss = tf.reduce_sum(weights * scan(*at) ** 2)
            gradients = inner.gradient(loss, at)
        return gradients, outer.gradient(gradients, at, output_gradients=along)

    for mine, known in zip(
        *(tf.nest.flatten(derivatives(scan)) for scan in (_scan, _differentiated)), strict=True
    ):
        assert np.abs(known).max() > 0.5
        np.testing.assert_allclose(mine, known, atol=1e-5)


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match="features=3, units=0"):
        GRU(3, 0)
