import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.optimizers import CoordinatewiseLSTM, LearnedRule
from tfmeta.optimizers.coordinatewise_lstm import log_and_sign


@pytest.fixture(scope="module")
def lstm():
    return CoordinatewiseLSTM(seed=0)


def test_preprocessing_is_the_paper_s():
    gradient = np.array([3.0, -0.5, np.exp(-10.0), 1e-6, -1e-30, 0.0], np.float32)
    log, sign = log_and_sign(tf.constant(gradient)).numpy().T
    np.testing.assert_allclose(log, [np.log(3) / 10, np.log(0.5) / 10, -1, -1, -1, -1], rtol=1e-5)
    np.testing.assert_allclose(sign, [1, -1, 1, 1e-6 * np.exp(10), -1e-30 * np.exp(10), 0], rtol=1e-4)


def test_each_layer_is_an_lstm_of_keras_s(lstm):
    gradients, state = tf.random.stateless_normal([4, 6], [1, 2]), lstm.initial_state(6)
    cells = [keras.layers.LSTMCell(20) for _ in range(2)]
    for cell, (kernel, bias), below in zip(cells, lstm.layers, (2, 20), strict=True):
        cell.build([6, below])
        cell.set_weights([kernel[:below], kernel[below:], _in_keras_order(bias)])
        cell.kernel.assign(_in_keras_order(cell.kernel))
        cell.recurrent_kernel.assign(_in_keras_order(cell.recurrent_kernel))
    states = [[tf.zeros([6, 20])] * 2 for _ in cells]
    for gradient in gradients:
        update, state = lstm(gradient, state)
        x = log_and_sign(gradient)
        for i, cell in enumerate(cells):
            x, states[i] = cell(x, states[i])
        np.testing.assert_allclose(update, 0.1 * (x @ lstm.head)[:, 0], atol=1e-6)


def _in_keras_order(gates):
    """Keras has input, forget, new, output; here new is the last."""
    write, keep, show, new = np.split(np.asarray(gates), 4, axis=-1)
    return np.concatenate([write, keep, new, show], axis=-1)


def test_coordinates_do_not_touch_each_other(lstm):
    gradient = tf.constant([0.5, -2.0, 0.0, 1e-7])
    order = [2, 0, 3, 1]
    update, state = lstm(gradient, lstm.initial_state(4))
    shuffled, other = lstm(tf.gather(gradient, order), lstm.initial_state(4))
    np.testing.assert_allclose(tf.gather(update, order), shuffled, atol=1e-7)
    np.testing.assert_allclose(tf.gather(state[3], order, axis=1), other[3], atol=1e-7)


def test_all_tensors_are_updated_as_one_vector(lstm):
    rule = LearnedRule(lstm)
    gradients = [tf.random.stateless_normal(shape, [0, 1]) for shape in ([2, 3], [], [4])]
    updates, _ = rule.update(gradients, rule.initial_state(gradients))
    flat = tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], axis=0)
    expected, _ = lstm(flat, lstm.initial_state(11))
    np.testing.assert_allclose(tf.concat([tf.reshape(u, [-1]) for u in updates], axis=0), expected, atol=1e-7)
    assert [update.shape for update in updates] == [gradient.shape for gradient in gradients]


@pytest.mark.parametrize("batched", [False, True])
def test_kernels_of_convolutions_may_have_a_rule_of_their_own(lstm, batched):
    other = CoordinatewiseLSTM(units=[5], seed=1)
    rule = LearnedRule(lstm, convolution=other)
    lead = [2] if batched else []
    gradients = [tf.ones([*lead, 3, 3, 1, 2]), tf.ones([*lead, 4, 2])]
    updates, state = rule.update(gradients, rule.initial_state(gradients, batched), batched)
    one = [network(tf.ones([1]), network.initial_state(1))[0][0] for network in (other, lstm)]
    np.testing.assert_allclose(updates[0], np.full(updates[0].shape, one[0]), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(updates[1], np.full(updates[1].shape, one[1]), rtol=1e-5, atol=1e-8)
    assert [tensor.shape[0] for tensor in state[1]] == [5, 5]


def test_a_configuration_builds_the_same_rule(lstm):
    rule = LearnedRule(lstm, CoordinatewiseLSTM([3], preprocessing="none", p=5.0, output_scale=0.5))
    copy = LearnedRule.from_config(rule.get_config())
    assert copy.get_config() == rule.get_config()
    assert [w.shape for w in copy.weights] == [w.shape for w in rule.weights]
    for name in ("units", "preprocessing", "p", "output_scale"):
        assert getattr(copy.convolution, name) == getattr(rule.convolution, name)


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="preprocessing='sign'"):
        CoordinatewiseLSTM(preprocessing="sign")
    with pytest.raises(ValueError, match=r"units=\[\]"):
        CoordinatewiseLSTM([])
