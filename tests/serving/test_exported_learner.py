"""A learner of this package, exported by its own means and asked over gRPC."""

import json

import keras
import numpy as np
import pytest

from tfmeta.core.cards import Card
from tfmeta.core.export import export
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.fewshot.servable import few_shot_servable
from tfmeta.serving.client import FewShotClient, ServingError
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server

WAYS, FEATURES = 4, 2
EPISODE = {
    "support_x": np.eye(WAYS, FEATURES, dtype=np.float32)[None] * 3,
    "support_y": np.arange(WAYS)[None],
    "query_x": np.ones((1, 3, FEATURES), np.float32),
}


@pytest.fixture(scope="module")
def learner():
    return PrototypicalNetwork(keras.Sequential([keras.Input([FEATURES]), keras.layers.Dense(3)]))


@pytest.fixture(scope="module")
def client(learner, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    export(few_shot_servable(learner, "points", example_episode=EPISODE, card=Card("Points.")), folder)
    with Server(Models(folder)) as server, FewShotClient(server.address, "points") as client:
        yield client


def test_answers_equal_the_learners_own(learner, client):
    task = client.adapt(EPISODE["support_x"][0], EPISODE["support_y"][0])
    answers = task.predict(EPISODE["query_x"][0])
    logits = learner({key: keras.ops.convert_to_tensor(value) for key, value in EPISODE.items()})
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))[0]
    np.testing.assert_allclose(answers["probabilities"], expected, rtol=1e-5, atol=1e-6)
    at_once = client.classify(*EPISODE.values())
    np.testing.assert_allclose(at_once["probabilities"][0], expected, rtol=1e-5, atol=1e-6)


def test_describes_itself(client):
    facts = client.describe()
    assert facts["task"] == "classification"
    assert json.loads(facts["card"])["summary"] == "Points."


def test_the_graphs_own_words_reach_the_client(client):
    with pytest.raises(ServingError, match="the support set is empty") as error:
        client.adapt(np.zeros((0, FEATURES)), np.zeros(0))
    assert error.value.code == "INVALID_ARGUMENT"
