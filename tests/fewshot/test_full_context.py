import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.fewshot.full_context import AttentionLSTM, SupportContext, attention
from tfmeta.fewshot.matching import MatchingNetwork

TASKS, SUPPORT, QUERIES, FEATURES = 2, 5, 4, 3


def numbers(*shape, seed=0):
    return np.random.RandomState(seed).randn(*shape).astype(np.float32)


@pytest.fixture(scope="module")
def identity():
    return keras.Sequential([keras.Input([FEATURES]), keras.layers.Identity()])


@pytest.fixture(scope="module")
def task():
    return {
        "support_x": numbers(TASKS, SUPPORT, FEATURES),
        "support_y": np.array([[0, 1, 1, 2, 2], [2, 0, 0, 0, 1]]),
        "query_x": numbers(TASKS, QUERIES, FEATURES, seed=1),
    }


def lstm(weights, x, hidden, memory):
    """A step of an LSTM with Keras's weights, in NumPy: ``[D]`` each."""
    kernel, recurrent, bias = (np.asarray(weight) for weight in weights)
    gates = np.split(x @ kernel + hidden @ recurrent + bias, 4)
    enters, forgets, leaves = (1.0 / (1.0 + np.exp(-gates[gate])) for gate in (0, 1, 3))
    memory = forgets * memory + enters * np.tanh(gates[2])
    return leaves * np.tanh(memory), memory


def test_support_items_are_read_from_both_ends_in_the_order_of_their_sums():
    layer, support = SupportContext(FEATURES, seed=2), numbers(TASKS, SUPPORT, FEATURES)
    expected = support.copy()
    for b in range(TASKS):
        order = np.argsort(support[b].sum(axis=-1))
        for reader, sequence in zip(layer.readers, (order, order[::-1]), strict=True):
            state = np.zeros(FEATURES), np.zeros(FEATURES)
            for i in sequence:
                state = lstm(reader.weights, support[b, i], *state)
                expected[b, i] += state[0]
    np.testing.assert_allclose(layer(support), expected, rtol=1e-4, atol=1e-5)


def test_queries_are_read_in_steps():
    layer = AttentionLSTM(FEATURES, 3, seed=2)
    queries, support = numbers(TASKS, QUERIES, FEATURES), numbers(TASKS, SUPPORT, FEATURES, seed=1)
    found = layer(queries, support)
    for b, q in np.ndindex(TASKS, QUERIES):
        query, memory = queries[b, q], np.zeros(FEATURES)
        hidden = query
        for _ in range(3):
            weights = np.exp(support[b] @ hidden) / np.exp(support[b] @ hidden).sum()
            output, memory = lstm(
                layer.cell.weights, np.concatenate([query, weights @ support[b]]), hidden, memory
            )
            hidden = output + query
        np.testing.assert_allclose(found[b, q], hidden, rtol=1e-4, atol=1e-5)


def test_rows_of_attention_sum_to_one():
    weights = attention(numbers(TASKS, QUERIES, FEATURES), 9.0 * numbers(TASKS, SUPPORT, FEATURES)).numpy()
    assert weights.shape == (TASKS, QUERIES, SUPPORT) and weights.min() >= 0.0
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0, rtol=1e-6)


def test_no_steps_are_no_full_context(identity, task):
    plain, none = MatchingNetwork(identity), MatchingNetwork(identity, full_context=True, processing_steps=0)
    np.testing.assert_array_equal(none(task), plain(task))
    np.testing.assert_array_equal(
        *(learner.adapt(task["support_x"], task["support_y"]) for learner in (none, plain))
    )
    assert len(none.variables) == len(plain.variables)
    queries = numbers(TASKS, QUERIES, FEATURES)
    np.testing.assert_array_equal(AttentionLSTM(FEATURES, 0)(queries, task["support_x"]), queries)


def test_context_matters(identity, task):
    """The embedding of an item changes with the other items of its support set, and the queries' with them."""
    learner = MatchingNetwork(identity, full_context=True, processing_steps=2)
    changed = {
        **task,
        "support_x": np.concatenate([task["support_x"][:, :-1], 0.5 * task["query_x"][:, :1]], 1),
    }
    states = [
        learner.adapt(x["support_x"], x["support_y"]).numpy().reshape(TASKS, SUPPORT, -1)
        for x in (task, changed)
    ]
    assert np.all(np.abs(states[0] - states[1])[:, :-1, :FEATURES].max(axis=-1) > 1e-5)
    queries = [learner.query_context(task["query_x"], state[..., :FEATURES]) for state in states]
    assert np.all(np.abs(queries[0] - queries[1]).max(axis=-1) > 1e-5)


def test_items_that_tie_have_finite_answers(identity, task):
    twins = {**task, "support_x": np.repeat(task["support_x"][:, :1], SUPPORT, axis=1)}
    assert np.all(np.isfinite(MatchingNetwork(identity, full_context=True)(twins)))


def test_seeds_make_the_weights(identity):
    def weights(seed):
        return MatchingNetwork(identity, full_context=True, seed=seed).get_weights()

    for a, b in zip(weights(3), weights(3), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.any(a != b) for a, b in zip(weights(3), weights(4), strict=True))


def test_a_negative_number_of_steps_is_refused(identity):
    with pytest.raises(ValueError, match="processing_steps=-1; expected 0 or more"):
        MatchingNetwork(identity, full_context=True, processing_steps=-1)


def test_gradients_reach_every_weight(identity, task):
    learner = MatchingNetwork(identity, full_context=True, processing_steps=2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(learner(task)[..., 0])
    variables = [variable.value for variable in learner.trainable_variables]
    assert len(variables) == 1 + 3 * 3
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert np.any(gradient != 0.0), variable.name
