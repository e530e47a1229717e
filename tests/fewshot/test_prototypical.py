import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.fewshot.prototypical import PrototypicalNetwork


@pytest.fixture(scope="module")
def identity():
    """With the identity as the embedding, distances can be read off."""
    return keras.Sequential([keras.Input([2]), keras.layers.Identity()])


@pytest.fixture(scope="module")
def task():
    random = np.random.RandomState(0)
    return {
        "support_x": random.randn(2, 7, 2).astype(np.float32),
        "support_y": np.array([[0, 0, 1, 2, 1, 1, 2], [2, 1, 0, 0, 0, 0, 0]]),  # unequal shots
        "query_x": random.randn(2, 4, 2).astype(np.float32),
    }


def expected(task, scale=1.0):
    """Equations 1 and 2 of the paper, in plain loops."""
    logits = np.zeros([2, 4, 3])
    for b in range(2):
        for k in range(3):
            prototype = task["support_x"][b][task["support_y"][b] == k].mean(axis=0)
            logits[b, :, k] = -scale * ((task["query_x"][b] - prototype) ** 2).sum(axis=1)
    return logits


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_answers_are_distances_to_the_means(identity, task, scale):
    logits = PrototypicalNetwork(identity, scale=scale)(task)
    np.testing.assert_allclose(logits, expected(task, scale), rtol=1e-4, atol=1e-5)


def test_the_task_state_is_the_prototypes(identity, task):
    state = PrototypicalNetwork(identity).adapt(task["support_x"], task["support_y"])
    assert state.shape == (2, 3 * 2)
    np.testing.assert_allclose(state[1, :2], task["support_x"][1, 2:].mean(axis=0), rtol=1e-5, atol=1e-6)


def test_a_class_without_examples_is_never_the_answer(identity, task):
    """Labels 0 and 2 only: class 1 has no example."""
    labels = np.where(task["support_y"] == 1, 2, task["support_y"])
    scale = tf.Variable(1.0)
    learner = PrototypicalNetwork(identity)
    with tf.GradientTape() as tape:
        task = {
            "support_x": task["support_x"] * scale,
            "support_y": labels,
            "query_x": task["query_x"] * scale,
        }
        probabilities = tf.nn.softmax(learner(task))
        loss = -tf.reduce_mean(tf.math.log(probabilities[..., 0]))
    assert np.all(probabilities[..., 1] == 0.0)
    np.testing.assert_allclose(tf.reduce_sum(probabilities, -1), 1.0, rtol=1e-6)
    assert np.isfinite(tape.gradient(loss, scale))


def test_ways_and_shots_are_free_at_every_call(identity):
    learner = PrototypicalNetwork(identity)
    for ways, shots in ((2, 1), (7, 3)):
        labels = np.repeat(np.arange(ways), shots)[None]
        logits = learner({
            "support_x": np.zeros([1, ways * shots, 2], np.float32),
            "support_y": labels,
            "query_x": np.zeros([1, 5, 2], np.float32),
        })  # fmt: skip
        assert logits.shape == (1, 5, ways)
