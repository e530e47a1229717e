import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.fewshot.matching import MatchingNetwork


@pytest.fixture(scope="module")
def identity():
    """With the identity as the embedding, cosines can be read off."""
    return keras.Sequential([keras.Input([3]), keras.layers.Identity()])


@pytest.fixture(scope="module")
def task():
    random = np.random.RandomState(0)
    return {
        "support_x": random.randn(2, 5, 3).astype(np.float32),
        "support_y": np.array([[0, 1, 1, 2, 2], [2, 0, 0, 0, 1]]),
        "query_x": random.randn(2, 4, 3).astype(np.float32),
    }


def expected(task, scale):
    """Equation 1 of the paper, in plain loops: the attention that each class gets."""
    votes = np.zeros([2, 4, 3])
    for b, q in np.ndindex(2, 4):
        x, query = task["support_x"][b], task["query_x"][b, q]
        cosines = x @ query / np.linalg.norm(x, axis=1) / np.linalg.norm(query)
        attention = np.exp(scale * cosines) / np.exp(scale * cosines).sum()
        for label, weight in zip(task["support_y"][b], attention, strict=True):
            votes[b, q, label] += weight
    return votes


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_answers_are_votes_of_the_support_items(identity, task, scale):
    logits = MatchingNetwork(identity, scale=scale)(task)
    np.testing.assert_allclose(tf.nn.softmax(logits), expected(task, scale), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(tf.exp(logits), expected(task, scale), rtol=1e-4, atol=1e-6)


def test_the_scale_is_learnt_unless_told_otherwise(identity, task):
    learner = MatchingNetwork(identity, scale=2.0)
    assert [v.name for v in learner.trainable_variables] == ["log_scale"]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(learner(task) ** 2)
    assert abs(tape.gradient(loss, learner.log_scale.value)) > 1e-3
    assert MatchingNetwork(identity, learn_scale=False).trainable_variables == []


def test_the_task_state_is_the_unit_embeddings_with_their_labels(identity, task):
    state = MatchingNetwork(identity).adapt(task["support_x"], task["support_y"]).numpy().reshape(2, 5, 4)
    np.testing.assert_array_equal(state[..., 3], task["support_y"])
    np.testing.assert_allclose((state[..., :3] ** 2).sum(-1), 1.0, rtol=1e-5)


def test_a_class_without_examples_gets_no_vote(identity, task):
    labels = np.where(task["support_y"] == 1, 2, task["support_y"])
    scale = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        moved = task["support_x"] + scale
        votes = tf.nn.softmax(MatchingNetwork(identity)({**task, "support_x": moved, "support_y": labels}))
        loss = -tf.reduce_mean(tf.math.log(votes[..., 0]))
    assert np.all(votes[..., 1] == 0.0)
    assert np.isfinite(tape.gradient(loss, scale))
