"""Somebody who has only a gRPC client minimises a function by a rule that is served."""

import numpy as np
import pytest

from tfmeta.core.cards import Card
from tfmeta.core.export import export
from tfmeta.optimizers.coordinatewise_lstm import CoordinatewiseLSTM
from tfmeta.optimizers.learned_rule import LearnedRule
from tfmeta.optimizers.servable import rule_servable
from tfmeta.serving.client import Client, ServingError
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server

STEPS, COUNT = 5, 4


@pytest.fixture(scope="module")
def rule():
    return LearnedRule(CoordinatewiseLSTM([4, 4], seed=0))


@pytest.fixture(scope="module")
def client(rule, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rules")
    export(rule_servable(rule, "rule", card=Card("A rule.")), folder)
    with Server(Models(folder)) as server, Client(server.address) as client:
        yield client


def gradient(theta):
    return theta - np.arange(COUNT, dtype=np.float32)


def test_a_descent_by_requests_is_the_rules_own(rule, client):
    theta = np.ones([1, COUNT], np.float32)
    state = client.predict("rule", {"count": np.array([COUNT])}, signature="initial_state")
    expected, own = theta[0].copy(), rule.network.initial_state(COUNT)
    for _ in range(STEPS):
        answer = client.predict("rule", {"gradient": gradient(theta), **state}, signature="update")
        theta += answer.pop("update")
        state = answer  # whatever the state is, it goes back as it came
        update, own = rule.network(gradient(expected), own)
        expected += update.numpy()
    np.testing.assert_allclose(theta[0], expected, rtol=1e-5, atol=1e-6)
    assert np.abs(theta - 1.0).max() > 0


def test_a_state_of_another_model_is_refused(client):
    state = client.predict("rule", {"count": np.array([COUNT + 1])}, signature="initial_state")
    with pytest.raises(ServingError, match="expected one state for each coordinate") as error:
        client.predict("rule", {"gradient": np.ones([1, COUNT], np.float32), **state}, signature="update")
    assert error.value.code == "INVALID_ARGUMENT"
