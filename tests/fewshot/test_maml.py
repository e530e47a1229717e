import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.fewshot.maml import MAML

TASKS, WAYS, QUERIES = 2, 2, 5
STATISTICS = ["support", "transductive", "none"]


@pytest.fixture(scope="module", autouse=True)
def float64():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def dense() -> keras.Model:
    layers = [keras.Input([3]), keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(WAYS)]
    return randomized(keras.Sequential(layers))


def convolutional() -> keras.Model:
    return randomized(keras.Sequential([
        keras.Input([6, 6, 1]),
        keras.layers.Conv2D(2, 3, strides=2, padding="same"),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("tanh"),
        keras.layers.Conv2D(2, 2, activation="tanh"),
        keras.layers.Flatten(),
        keras.layers.Dense(WAYS),
    ]))  # fmt: skip


def randomized(network: keras.Model) -> keras.Model:
    """Gives biases, scales and moving statistics values that matter."""
    random = np.random.RandomState(7)
    for variable in network.variables:
        positive = "variance" in variable.name or "gamma" in variable.name
        value = random.uniform(0.5, 1.5, variable.shape) if positive else 0.5 * random.randn(*variable.shape)
        variable.assign(value)
    return network


def episode(network, shots=2, queries=QUERIES, seed=0):
    random = np.random.RandomState(seed)
    item = network.input_shape[1:]
    inputs = {
        "support_x": tf.constant(random.randn(TASKS, WAYS * shots, *item)),
        "support_y": tf.constant(np.tile(np.repeat(np.arange(WAYS), shots), [TASKS, 1])),
        "query_x": tf.constant(random.randn(TASKS, queries, *item)),
    }
    return inputs, tf.constant(random.randint(WAYS, size=[TASKS, queries]))


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
