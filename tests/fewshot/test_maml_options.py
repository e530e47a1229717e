"""What MAML++, ANIL and Reptile change, against plain nested tapes over one task after the other."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.fewshot.toys import TASKS, convolutional, dense, episode
from tfmeta.fewshot.maml import MAML
from tfmeta.fewshot.multi_step import multi_step_weights
from tfmeta.fewshot.reptile import Reptile

pytestmark = pytest.mark.usefixtures("float64")

RATE = 0.25  # Keras makes initial values in float32, and this one is exact there


def forward(weights, x, moments=None):
    """The network of `convolutional`, written out; returns the logits, and the moments that were used."""
    kernel, bias, gamma, beta, kernel2, bias2, head, head_bias = weights
    x = tf.nn.conv2d(x, kernel, 2, "SAME") + bias
    mean, variance = moments or (None, None)
    if moments is None:
        mean = tf.reduce_mean(x, [0, 1, 2])
        variance = tf.reduce_mean((x - mean) ** 2, [0, 1, 2])
    x = tf.tanh(gamma * (x - mean) / tf.sqrt(variance + 1e-3) + beta)
    x = tf.tanh(tf.nn.conv2d(x, kernel2, 1, "VALID") + bias2)
    return tf.reshape(x, [x.shape[0], -1]) @ head + head_bias, (mean, variance)


def entropy(y, logits):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))


def path_of(weights, x, y, steps, *, first_order=False, adapted=slice(None)):
    """The weights before the first step and after each, of one task."""
    path = [list(weights)]
    for _ in range(steps):
        now = list(path[-1])
        fast = now[adapted]
        with tf.GradientTape() as tape:
            tape.watch(fast)
            now[adapted] = fast
            loss = entropy(y, forward(now, x)[0])
        gradients = tape.gradient(loss, fast)
        if first_order:
            gradients = [tf.stop_gradient(gradient) for gradient in gradients]
        now[adapted] = [w - RATE * g for w, g in zip(fast, gradients, strict=True)]
        path.append(now)
    return path


def reference(network, inputs, query_y, importances, *, support=True, **options):
    """The gradient of the (multi-step) loss of the queries with respect to the weights of the network."""
    weights = [tf.constant(v.numpy()) for v in network.trainable_variables]
    total = tf.zeros([], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        for task in range(TASKS):
            x, y = inputs["support_x"][task], inputs["support_y"][task]
            path = path_of(weights, x, y, len(importances), **options)
            for importance, end in zip(importances, path[1:], strict=True):
                moments = forward(end, x)[1] if support else None
                logits, _ = forward(end, inputs["query_x"][task], moments)
                total += importance * entropy(query_y[task], logits) / TASKS
    return tape.gradient(total, weights)


def fitted(learner, inputs, query_y, steps=1, traced=False):
    """The gradient that each step of training by plain gradient descent has followed."""
    # At a tiny rate, so that a later step is still taken at nearly the same weights.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    learner.compile(optimizer=keras.optimizers.SGD(2.0**-30), loss=loss, run_eagerly=not traced)
    gradients = []
    for _ in range(steps):
        before = [v.numpy() for v in learner.network.trainable_variables]
        learner.train_on_batch(inputs, query_y)
        after = [v.numpy() for v in learner.network.trainable_variables]
        gradients.append([(a - b) * 2.0**30 for a, b in zip(before, after, strict=True)])
    return gradients


def assert_close(actual, desired, tolerance=1e-6):
    for a, b in zip(actual, desired, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.fixture
def network():
    return convolutional()


@pytest.fixture(scope="module")
def task():
    return episode(convolutional())


@pytest.mark.parametrize("statistics", ["support", "transductive"])
def test_the_multi_step_loss_fades_into_that_of_the_last_step(network, task, statistics):
    learner = MAML(network, inner_rate=RATE, inner_steps=2, multi_step_until=2, batch_statistics=statistics)
    importances = [[1 / 2, 1 / 2], [1 / 4, 3 / 4], [0, 1]]
    found = fitted(learner, *task, steps=3)
    for actual, each in zip(found, importances, strict=True):
        assert_close(actual, reference(network, *task, each, support=statistics == "support"))


def test_the_importances_sum_to_one_and_only_the_last_stays():
    for step in (0, 3, 10, 11):
        weights = multi_step_weights(step, 5, until=10).numpy()
        assert weights.sum() == pytest.approx(1.0) and np.all(weights >= 0)
        np.testing.assert_allclose(weights[:-1], max(0.0, 1 - step / 10) / 5, rtol=1e-6)


def test_training_begins_in_first_order_and_goes_on_in_second(network, task):
    learner = MAML(network, inner_rate=RATE, inner_steps=2, first_order_until=2)
    first, second = (reference(network, *task, [0, 1], first_order=order) for order in (True, False))
    assert np.abs(first[0] - second[0]).max() > 1e-3
    for actual, desired in zip(
        fitted(learner, *task, steps=3, traced=True), [first, first, second], strict=True
    ):
        assert_close(actual, desired)


def test_a_resumed_training_is_in_the_phase_of_its_step(network, task):
    learner = MAML(network, inner_rate=RATE, inner_steps=2, first_order_until=2, multi_step_until=3)
    assert [learner.phase_of(step) for step in (1, 2, 3)] == [(True, True), (False, True), (False, False)]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    learner.compile(optimizer=keras.optimizers.SGD(2.0**-30), loss=loss, run_eagerly=True)
    learner.optimizer.iterations.assign(3)
    seen = []
    learner.make_train_function()
    learner._learn = lambda *a, f=learner._learn: (seen.append(learner.phase), f(*a))[1]
    learner.train_on_batch(*task)
    assert set(seen) == {(False, False)} and learner.phase == (False, False)


def test_phases_change_nothing_outside_of_training(network, task):
    plain, rich = (
        MAML(network, inner_rate=RATE, inner_steps=2, **options)
        for options in ({}, {"first_order_until": 5, "multi_step_until": 5})
    )
    fitted(rich, *task)
    for training in (False, True):
        np.testing.assert_array_equal(rich(task[0], training=training), plain(task[0], training=training))


@pytest.mark.parametrize(
    ("engine", "statistics"), [("batched", "support"), ("batched", "transductive"), ("map", "support")]
)
def test_anil_adapts_the_head_alone(network, task, statistics, engine):
    learner = MAML(
        network,
        inner_rate=RATE,
        inner_steps=2,
        adapt_only="head",
        batch_statistics=statistics,
        engine=engine,
    )
    assert learner.inner_rates.shape == (2, 2)
    expected = reference(network, *task, [0, 1], support=statistics == "support", adapted=slice(6, None))
    assert_close(fitted(learner, *task)[0], expected)
    state = learner.adapt(task[0]["support_x"], task[0]["support_y"])
    head = sum(v.value.shape.num_elements() for v in network.trainable_variables[6:])
    assert state.shape == (TASKS, head + (2 * 2 if statistics == "support" else 0))
    np.testing.assert_allclose(learner.respond(state, task[0]["query_x"]), learner(task[0]), rtol=1e-12)


def test_anil_needs_a_head_to_split_off():
    inputs = keras.Input([3])
    branches = [keras.layers.Dense(2)(inputs) for _ in range(2)]
    functional = keras.Model(inputs, keras.layers.Add()(branches))
    with pytest.raises(ValueError, match=r"cannot be split before its head: no trainable layer leads to"):
        MAML(functional, adapt_only="head")


@pytest.mark.parametrize("engine", ["batched", "map"])
def test_statistics_per_step_are_moving_averages_of_each_step(network, task, engine):
    learner = MAML(network, inner_rate=RATE, inner_steps=2, batch_statistics="per_step", engine=engine)
    weights = [tf.constant(v.numpy()) for v in network.trainable_variables]
    inputs, _ = task
    seen = [[], [], []]
    for x, y, query_x in zip(inputs["support_x"], inputs["support_y"], inputs["query_x"], strict=True):
        path = path_of(weights, x, y, 2)
        for step, (after, items) in enumerate(zip(path, [x, x, query_x], strict=True)):
            seen[step].append(forward(after, items)[1])
    assert_close(fitted(learner, *task)[0], reference(network, *task, [0, 1], support=False))
    ((mean, variance),) = learner.step_moments.moving
    for step in range(3):
        means, variances = map(np.array, zip(*seen[step], strict=True))
        np.testing.assert_allclose(mean[step], 0.01 * means.mean(0), rtol=1e-6, atol=1e-7)
        together = variances.mean(0) + means.var(0)
        np.testing.assert_allclose(variance[step], 0.99 + 0.01 * together, rtol=1e-6, atol=1e-7)


def test_statistics_per_step_normalise_what_is_served(network, task):
    inputs, _ = task
    learner = MAML(network, inner_rate=RATE, inner_steps=2, batch_statistics="per_step")
    random = np.random.RandomState(0)
    for variable in learner.step_moments.moving[0]:
        variable.assign(random.uniform(0.5, 1.5, variable.shape))
    answers = learner(inputs)
    np.testing.assert_allclose(
        learner({**inputs, "query_x": inputs["query_x"][:, 1:3]}), answers[:, 1:3], rtol=1e-12
    )
    moments = [
        tuple(tf.constant(v.numpy()[step]) for v in learner.step_moments.moving[0]) for step in range(3)
    ]
    now = [tf.constant(v.numpy()) for v in network.trainable_variables]
    for step in range(2):
        with tf.GradientTape() as tape:
            tape.watch(now)
            logits, _ = forward(now, inputs["support_x"][0], moments[step])
            loss = entropy(inputs["support_y"][0], logits)
        now = [w - RATE * g for w, g in zip(now, tape.gradient(loss, now), strict=True)]
    np.testing.assert_allclose(forward(now, inputs["query_x"][0], moments[2])[0], answers[0], rtol=1e-10)


@pytest.mark.parametrize("statistics", ["support", "transductive"])
def test_reptile_goes_where_tasks_end(network, task, statistics):
    inputs, query_y = task
    learner = Reptile(network, inner_rate=RATE, inner_steps=3, batch_statistics=statistics)
    weights = [tf.constant(v.numpy()) for v in network.trainable_variables]
    ends = [
        path_of(weights, x, y, 3)[-1] for x, y in zip(inputs["support_x"], inputs["support_y"], strict=True)
    ]
    expected = [w - np.mean(end, axis=0) for w, end in zip(weights, zip(*ends, strict=True), strict=True)]
    assert max(np.abs(g).max() for g in expected) > 0.05
    shown = entropy(query_y, learner(inputs))
    assert_close(fitted(learner, *task)[0], expected)
    np.testing.assert_allclose(learner.evaluate(inputs, query_y, verbose=0), shown, rtol=1e-5)


OF_THE_META_GRADIENT = {
    "learn_rates": False,
    "first_order": False,
    "first_order_until": 0,
    "multi_step_until": 0,
    "adapt_only": "all",
}


@pytest.mark.parametrize("option", OF_THE_META_GRADIENT)
def test_reptile_does_not_take_options_of_the_meta_gradient(option):
    with pytest.raises(ValueError, match=f"Unrecognized keyword arguments passed to Reptile: .*{option}"):
        Reptile(dense(), **{option: OF_THE_META_GRADIENT[option]})


def test_reptiles_of_earlier_versions_can_be_read(network):
    """Their files list the options that Reptile had from MAML then."""
    learner = Reptile(network, inner_rate=RATE, inner_steps=3)
    again = Reptile.from_config({**learner.get_config(), **OF_THE_META_GRADIENT})
    assert again.get_config() == learner.get_config() and not set(OF_THE_META_GRADIENT) & {
        *again.get_config()
    }


def test_a_network_frozen_afterwards_still_adapts_on_both_engines(network, task):
    learners = [MAML(network, inner_rate=RATE, inner_steps=2, engine=engine) for engine in ("batched", "map")]
    before = learners[0](task[0])
    network.trainable = False
    try:
        for learner in learners:
            np.testing.assert_allclose(learner(task[0]), before, rtol=1e-12)
            assert learner.trainable_variables == []
    finally:
        network.trainable = True
