import numpy as np
import tensorflow as tf

from tfmeta.core.inner_loop import descend

START = tf.constant([[3.0, -1.0], [2.0, 4.0]], tf.float64)  # two tasks of two weights
TARGET = tf.constant([[1.0, 1.0], [0.0, -2.0]], tf.float64)
RATE = 0.3


def quadratic(weights, step):
    """A bowl for each task; its second derivative is 2."""
    return tf.reduce_sum((weights[0] - TARGET) ** 2, axis=1)


def slope(weights, step):
    """Linear, so that the second derivative is zero."""
    return tf.reduce_sum(TARGET * weights[0], axis=1)


def derivative(loss, *, first_order, steps=2):
    """Of the cubes of the last weights, with respect to the first."""
    with tf.GradientTape() as tape:
        tape.watch(START)
        (end,) = descend(loss, [START], [[RATE]] * steps, first_order=first_order)
        cubes = tf.reduce_sum(end**3)
    return tape.gradient(cubes, START), end


def test_every_task_descends_by_itself():
    (both,) = descend(quadratic, [START], [[RATE]] * 3)
    np.testing.assert_allclose(both, TARGET + (START - TARGET) * (1 - 2 * RATE) ** 3, rtol=1e-14)


def test_each_step_and_each_weight_has_its_own_rate():
    a, b = tf.constant([[1.0]]), tf.constant([[1.0]])

    def loss(weights, step):
        return weights[0][:, 0] * (10.0 if step else 1.0) + weights[1][:, 0]

    a, b = descend(loss, [a, b], [[0.1, 0.0], [0.01, tf.constant([[0.5]])]])
    np.testing.assert_allclose([a, b], [[[1 - 0.1 - 0.1]], [[0.5]]], rtol=1e-6)


def test_no_rates_are_no_steps_and_unused_weights_stay():
    np.testing.assert_array_equal(descend(quadratic, [START], [])[0], START)
    _, unused = descend(quadratic, [START, 2 * START], [[RATE, RATE]])
    np.testing.assert_array_equal(unused, 2 * START)


def test_the_second_order_derivative_goes_through_the_steps():
    second, end = derivative(quadratic, first_order=False)
    first, same_end = derivative(quadratic, first_order=True)
    np.testing.assert_array_equal(end, same_end)
    np.testing.assert_allclose(first, 3 * end**2, rtol=1e-14)  # as if the steps were constants
    np.testing.assert_allclose(second, 3 * end**2 * (1 - 2 * RATE) ** 2, rtol=1e-13)


def test_both_orders_agree_where_there_is_no_second_derivative():
    second, _ = derivative(slope, first_order=False)
    first, _ = derivative(slope, first_order=True)
    np.testing.assert_array_equal(first, second)


def test_rates_have_a_derivative_to_either_order():
    rate = tf.constant(RATE, tf.float64)
    for first_order in (False, True):
        with tf.GradientTape() as tape:
            tape.watch(rate)
            (end,) = descend(quadratic, [START], [[rate]], first_order=first_order)
            total = tf.reduce_sum(end)
        expected = -2 * tf.reduce_sum(START - TARGET)
        np.testing.assert_allclose(tape.gradient(total, rate), expected, rtol=1e-14)
