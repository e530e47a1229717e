"""A served rule: what the gate says of it, what a loop of requests comes to, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.core.export import export
from tfmeta.core.gate import check_artefact
from tfmeta.core.hub import load
from tfmeta.optimizers.coordinatewise_lstm import CoordinatewiseLSTM
from tfmeta.optimizers.learned_rule import LearnedRule
from tfmeta.optimizers.servable import MOST_COORDINATES, rule_servable

STATE = {"hidden_0": 4, "cell_0": 4, "hidden_1": 3, "cell_1": 3}


@pytest.fixture(scope="module")
def rule():
    return LearnedRule(CoordinatewiseLSTM([4, 3], seed=0), CoordinatewiseLSTM([2], seed=1))


@pytest.fixture(scope="module")
def folder(rule, tmp_path_factory):
    return export(rule_servable(rule, "tiny_rule", card=Card("A rule.")), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def ask(folder):
    signatures = tf.saved_model.load(str(folder)).signatures
    return lambda key, **inputs: signatures[key](**{name: tf.constant(x) for name, x in inputs.items()})


def test_it_passes_the_gate(folder, in_a_hurry):
    report = check_artefact(folder)
    assert report.ok, str(report)
    assert "may be switched on" in str(report)
    assert set(load(folder).signatures) >= {
        "initial_state",
        "update",
        "convolution_update",
        "serving_default",
    }


def test_a_loop_of_requests_is_the_rule(rule, ask):
    """Two models of three coordinates are asked for together, each as the rule would update it alone."""
    gradients = np.random.default_rng(0).normal(size=[5, 2, 3]).astype(np.float32)
    state = ask("initial_state", count=np.array([3, 3], np.int64))
    assert {key: x.shape for key, x in state.items()} == {key: (2, 3, n) for key, n in STATE.items()}
    expected_state = [rule.network.initial_state(3) for _ in range(2)]
    for gradient in gradients:
        answer = dict(ask("update", gradient=gradient, **state))
        update, state = answer.pop("update"), answer
        for row in range(2):
            expected, expected_state[row] = rule.network(tf.constant(gradient[row]), expected_state[row])
            np.testing.assert_allclose(update[row], expected, rtol=1e-5, atol=1e-7)


def test_convolution_kernels_have_their_own_network(rule, ask):
    gradient = np.ones([1, 3], np.float32)
    state = ask("convolution_initial_state", count=np.array([3], np.int64))
    update = ask("convolution_update", gradient=gradient, **state)["update"]
    expected, _ = rule.convolution(tf.ones([3]), rule.convolution.initial_state(3))
    np.testing.assert_allclose(update[0], expected, rtol=1e-5, atol=1e-6)


def refused(ask, key, **inputs):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        ask(key, **inputs)
    return str(error.value)


def state_of(rows, count):
    return {key: np.zeros([rows, count, n], np.float32) for key, n in STATE.items()}


def test_what_does_not_fit_is_told(ask):
    odd = np.array([[1.0, np.nan, 3.0]], np.float32)
    assert "gradient holds 1 numbers that are NaN or infinite" in refused(
        ask, "update", gradient=odd, **state_of(1, 3)
    )
    assert "expected one state for each coordinate of the gradient: send back what update" in refused(
        ask, "update", gradient=np.ones([1, 3], np.float32), **state_of(1, 2)
    )
    assert "expected the same number, at least 1" in refused(
        ask, "update", gradient=np.ones([2, 3], np.float32), **state_of(1, 3)
    )
    for count, message in (
        ([3, 4], "expected the same number in each row"),
        ([0], "expected at least 1"),
        ([MOST_COORDINATES // 2 + 1] * 2, f"at most {MOST_COORDINATES} in all rows together"),
    ):
        assert message in refused(ask, "initial_state", count=np.array(count, np.int64))
