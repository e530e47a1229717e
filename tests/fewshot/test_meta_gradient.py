import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.fewshot.toys import TASKS, convolutional, dense, episode, randomized
from tfmeta.fewshot.maml import MAML

pytestmark = pytest.mark.usefixtures("float64")

RATE = 0.25  # Keras makes initial values in float32, and this one is exact there


def meta_gradient(learner, inputs, query_y):
    with tf.GradientTape() as tape:
        loss = meta_loss(learner, inputs, query_y)
    return tape.gradient(loss, [v.value for v in learner.trainable_variables])


def meta_loss(learner, inputs, query_y):
    logits = learner(inputs, training=True)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(query_y, logits))


def finite_differences(learner, inputs, query_y, step=1e-5):
    """The meta-gradient, one weight after the other, from values of the loss alone."""
    loss = tf.function(lambda: meta_loss(learner, inputs, query_y))
    gradients = []
    for variable in learner.trainable_variables:
        start = variable.numpy()
        gradient = np.zeros(start.shape)
        for index in np.ndindex(*start.shape):
            values = []
            for sign in (1, -1):
                moved = start.copy()
                moved[index] += sign * step
                variable.assign(moved)
                values.append(loss().numpy())
            gradient[index] = (values[0] - values[1]) / (2 * step)
        variable.assign(start)
        gradients.append(gradient)
    return gradients


@pytest.mark.parametrize(
    ("build", "statistics", "steps", "engine"),
    [
        (dense, "support", 2, "batched"),
        (convolutional, "support", 2, "batched"),
        (convolutional, "transductive", 1, "batched"),
        (convolutional, "transductive", 1, "map"),
        (convolutional, "none", 1, "batched"),
    ],
)
def test_the_meta_gradient_equals_finite_differences(build, statistics, steps, engine):
    network = build()
    learner = MAML(
        network,
        inner_rate=0.3,
        inner_steps=steps,
        learn_rates=True,
        batch_statistics=statistics,
        engine=engine,
    )
    inputs, query_y = episode(network)
    exact = meta_gradient(learner, inputs, query_y)
    measured = finite_differences(learner, inputs, query_y)
    assert len(exact) == len(network.trainable_variables) + 1  # the learned rates have one too
    for variable, a, b in zip(learner.trainable_variables, exact, measured, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-9, err_msg=variable.path)
        assert np.abs(b).max() > 1e-6 or "bias" in variable.name, f"{variable.path} has no gradient to test"


@pytest.fixture(scope="module")
def linear():
    return randomized(keras.Sequential([keras.Input([3]), keras.layers.Dense(1, use_bias=False)]))


@pytest.fixture(scope="module")
def regression():
    draw = np.random.RandomState(3).randn
    inputs = {"support_x": draw(TASKS, 6, 3), "support_y": draw(TASKS, 6, 1), "query_x": draw(TASKS, 4, 3)}
    return inputs, draw(TASKS, 4, 1)


def linear_gradients(network, regression, first_order):
    inputs, query_y = regression
    learner = MAML(network, inner_rate=RATE, learn_rates=True, first_order=first_order, task="regression")
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((learner(tf.nest.map_structure(tf.constant, inputs)) - query_y) ** 2)
    return tape.gradient(loss, [v.value for v in learner.trainable_variables])


def closed_form(network, regression, first_order):
    """With L = |Xw - y|²/S: w' = w - α 2/S Xᵀ(Xw - y), and dw'/dw = I - α 2/S XᵀX."""
    inputs, query_y = regression
    w = network.get_weights()[0]
    to_weights, to_rate = np.zeros_like(w), 0.0
    for x, y, qx, qy in zip(*inputs.values(), query_y, strict=True):
        step = 2 / len(x) * x.T @ (x @ w - y)
        after = 2 / query_y.size * qx.T @ (qx @ (w - RATE * step) - qy)
        curvature = np.zeros([3, 3]) if first_order else 2 / len(x) * x.T @ x
        to_weights += (np.eye(3) - RATE * curvature) @ after
        to_rate -= np.sum(step * after)
    return to_weights, to_rate


@pytest.mark.parametrize("first_order", [False, True])
def test_the_meta_gradient_of_linear_regression_is_the_closed_form(linear, regression, first_order):
    rates, kernel = linear_gradients(linear, regression, first_order)
    expected_kernel, expected_rate = closed_form(linear, regression, first_order)
    np.testing.assert_allclose(kernel, expected_kernel, rtol=1e-12)
    np.testing.assert_allclose(rates, [[expected_rate]], rtol=1e-12)


def test_the_orders_differ_where_there_is_curvature(linear, regression):
    second, first = (linear_gradients(linear, regression, order)[1] for order in (False, True))
    assert np.abs(second - first).max() > 0.1 * np.abs(first).max()


@pytest.mark.parametrize("statistics", ["support", "transductive", "none"])
@pytest.mark.parametrize("first_order", [False, True])
def test_the_engines_give_equal_answers_and_meta_gradients(statistics, first_order):
    network = convolutional()
    inputs, query_y = episode(network)
    found = []
    for engine in ("batched", "map"):
        learner = MAML(
            network,
            inner_rate=0.1,
            inner_steps=2,
            learn_rates=True,
            first_order=first_order,
            batch_statistics=statistics,
            engine=engine,
        )
        found.append([learner(inputs), *meta_gradient(learner, inputs, query_y)])
    for batched, mapped in zip(*found, strict=True):
        np.testing.assert_allclose(batched, mapped, rtol=1e-12, atol=1e-12)


def test_sharing_the_first_step_changes_nothing(monkeypatch):
    network = convolutional()
    inputs, query_y = episode(network)
    learner = MAML(network, inner_rate=0.1, inner_steps=2)
    shared = meta_gradient(learner, inputs, query_y)
    monkeypatch.setattr(learner, "fast", Unshared(learner.fast))
    for a, b in zip(shared, meta_gradient(learner, inputs, query_y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


class Unshared:
    """A fast network that does not use that the first step's weights are the same for all tasks."""

    def __init__(self, fast):
        self.fast = fast

    def __getattr__(self, name):
        return getattr(self.fast, name)

    def __call__(self, weights, x, moments=None):
        return self.fast(weights, x, moments)

    def at_slow_weights(self, offsets, x, moments=None):
        slow = self.fast.slow_weights()
        return self.fast([w + offset for w, offset in zip(slow, offsets, strict=True)], x, moments)
