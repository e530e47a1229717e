import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.examples import labelled_examples
from tfmeta.data.glyphs import glyphs
from tfmeta.fewshot.baselines import NearestCentroid, NearestNeighbour, pixels
from tfmeta.fewshot.finetuning import FineTuning
from tfmeta.fewshot.pretraining import Classifier
from tfmeta.fewshot.requests import Requests


@pytest.fixture(scope="module")
def task():
    random = np.random.RandomState(0)
    return {
        "support_x": random.randn(2, 7, 3).astype(np.float32),
        "support_y": np.array([[0, 0, 1, 2, 1, 1, 2], [2, 1, 0, 0, 0, 0, 0]]),  # unequal shots
        "query_x": random.randn(2, 4, 3).astype(np.float32),
    }


def unit(x, metric):
    return x / np.linalg.norm(x, axis=-1, keepdims=True) if metric == "cosine" else x


def by_class(task, metric, score):
    """Asks for a score of each query and the items of each class, in plain loops."""
    logits = np.zeros([2, 4, 3])
    for b, q, k in np.ndindex(2, 4, 3):
        items = unit(task["support_x"][b][task["support_y"][b] == k], metric)
        logits[b, q, k] = score(unit(task["query_x"][b, q], metric), items)
    return logits


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_nearest_neighbour_of_each_class_counts(task, metric):
    expected = by_class(task, metric, lambda q, items: -2.0 * ((items - q) ** 2).sum(-1).min())
    logits = NearestNeighbour(pixels((3,)), metric=metric, scale=2.0)(task)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_mean_of_each_class_counts(task, metric):
    expected = by_class(task, metric, lambda q, items: -2.0 * ((items.mean(0) - q) ** 2).sum())
    logits = NearestCentroid(pixels((3,)), metric=metric, scale=2.0)(task)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_pixels_learn_nothing():
    assert NearestNeighbour(pixels()).variables == []


def test_a_fresh_head_descends_on_the_support_set(task):
    """Two steps of logistic regression from zero, by the gradient that every textbook has."""
    logits = FineTuning(pixels((3,)), steps=2, rate=0.5)(task).numpy()
    for b in range(2):
        x = np.concatenate([task["support_x"][b], np.ones([7, 1])], axis=1)
        head = np.zeros([3, 4])
        for _ in range(2):
            odds = np.exp(x @ head.T)
            head -= 0.5 / 7 * (odds / odds.sum(-1, keepdims=True) - np.eye(3)[task["support_y"][b]]).T @ x
        expected = np.concatenate([task["query_x"][b], np.ones([4, 1])], axis=1) @ head.T
        np.testing.assert_allclose(logits[b], expected, rtol=1e-4, atol=1e-5)


def test_a_class_without_examples_is_never_the_answer(task):
    labels = np.where(task["support_y"] == 1, 2, task["support_y"])
    probabilities = tf.nn.softmax(FineTuning(pixels((3,)), steps=3, rate=0.5)({**task, "support_y": labels}))
    assert np.all(probabilities[..., 1] == 0.0)
    without = {**task, "support_y": labels // 2}  # the same classes, numbered without a gap
    expected = tf.nn.softmax(FineTuning(pixels((3,)), steps=3, rate=0.5)(without))
    np.testing.assert_allclose(tf.gather(probabilities, [0, 2], axis=-1), expected, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def dense():
    glorot = keras.initializers.GlorotUniform(seed=3)
    return keras.Sequential([keras.Input([3]), keras.layers.Dense(5, "tanh", kernel_initializer=glorot)])


@pytest.mark.parametrize("tuned", ["head", "all"])
def test_steps_lower_the_support_loss(task, dense, tuned):
    def loss(steps):
        learner = FineTuning(dense, tuned=tuned, steps=steps, rate=0.3)
        state = learner.adapt(task["support_x"], task["support_y"])
        logits = learner.respond(state, task["support_x"])
        return np.mean(tf.nn.sparse_softmax_cross_entropy_with_logits(task["support_y"], logits))

    losses = [loss(steps) for steps in (1, 5, 20)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.7 * np.log(3)


def test_all_weights_descend_without_being_changed(task, dense):
    before = [variable.numpy() for variable in dense.variables]
    state = FineTuning(dense, tuned="all", steps=3, rate=0.3).adapt(task["support_x"], task["support_y"])
    assert state.shape == (2, 4 * 5 + 3 * 6)  # the network, and a head of three classes
    assert np.any(np.abs(state[:, :15] - before[0].ravel()) > 1e-3)
    for variable, value in zip(dense.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_a_state_of_weights_and_head_is_checked(task, dense):
    learner = FineTuning(dense, tuned="all", steps=1)
    requests = Requests(learner, task)
    state = learner.adapt(task["support_x"], task["support_y"])
    np.testing.assert_array_equal(requests.query(state, tf.constant(task["query_x"]))[0], state)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="has 37 numbers a task, expected a multiple of 6"
    ):
        requests.query(state[:, 1:], tf.constant(task["query_x"]))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: NearestNeighbour(pixels(), metric="l1"), "metric='l1'; expected 'cosine' or 'euclidean'"),
        (lambda: NearestCentroid(pixels(), metric="l1"), "metric='l1'; expected 'cosine' or 'euclidean'"),
        (lambda: FineTuning(pixels(), tuned="body"), "tuned='body'; expected 'head' or 'all'"),
        (lambda: FineTuning(pixels(), steps=0), "steps=0, rate=0.05; expected steps >= 1 and a rate > 0"),
    ],
)
def test_unknown_options_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_examples_are_a_function_of_seed_and_number():
    images = glyphs(6, 4, seed=0)

    def batch(number, **options):
        return next(iter(labelled_examples(images, items=9, start=number, **options)))

    x, y = batch(3)
    assert x.shape == (1, 9, 28, 28, 1) and set(y.numpy()[0]) <= set(range(6))
    for image, label in zip(np.round(255 * x[0]), y.numpy()[0], strict=True):
        assert any(np.array_equal(image, drawing) for drawing in images[label])
    np.testing.assert_array_equal(batch(3)[0], x)
    assert np.any(batch(4)[0] != x) and np.any(batch(3, seed=1)[0] != x)
    with pytest.raises(ValueError, match="items=0; a batch needs at least 1 example"):
        labelled_examples(images, items=0)


def test_pretraining_is_an_ordinary_classification(tmp_path):
    """Its network then serves learners that meet other classes."""
    network = keras.Sequential([keras.Input([28, 28, 1]), keras.layers.Flatten(), keras.layers.Dense(8)])
    classifier = Classifier(network, classes=6, seed=0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(optimizer=keras.optimizers.Adam(1e-2), loss=loss)
    batches = labelled_examples(glyphs(6, 4, seed=0), items=24)
    history = classifier.fit(batches, steps_per_epoch=10, epochs=3, shuffle=False, verbose=0).history["loss"]
    assert history[-1] < history[0]
    classifier.save(tmp_path / "learner.keras")
    again = keras.saving.load_model(tmp_path / "learner.keras")
    x, _ = next(iter(batches))
    np.testing.assert_allclose(again(x), classifier(x), rtol=1e-5, atol=1e-6)
    assert NearestCentroid(again.network).features == 8
