"""A policy that learns within a trial plays bandits over gRPC, and scores what it scores in process."""

import numpy as np
import pytest

from tfmeta.core.cards import Card
from tfmeta.core.export import export
from tfmeta.rl import BanditEnvironment, TrialNetwork, play, play_model, policy_servable
from tfmeta.serving.client import Client, ServingError
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server

BANDITS = BanditEnvironment(arms=5, pulls=10)


@pytest.fixture(scope="module")
def policy():
    return TrialNetwork(actions=5, observation_size=0, outputs=5, units=16, head_scale=8.0, seed=0)


@pytest.fixture(scope="module")
def client(policy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    export(policy_servable(policy, "bandits", card=Card("Plays.")), folder)
    with Server(Models(folder)) as server, Client(server.address) as client:
        yield client


def test_a_thousand_bandits_over_grpc(policy, client):
    def ask(signature, inputs):
        return client.predict("bandits", inputs, signature=signature)

    here = play(policy, BANDITS, trials=1000)
    there = play_model(ask, BANDITS, trials=1000)
    # A request of another size rounds differently, and then a die may just fall on the other side.
    assert np.mean(here.actions == there.actions) > 0.999
    assert there.rewards.sum(1).mean() == pytest.approx(here.rewards.sum(1).mean(), abs=0.02)
    assert len(np.unique(here.actions)) == 5


def test_the_state_of_another_policy_is_told_the_way_out(client):
    told = {
        "previous_action": np.array([-1], np.int32),
        "previous_reward": np.zeros(1, np.float32),
        "done": np.array([False]),
        "seed": np.array([0]),
    }
    with pytest.raises(
        ServingError, match=r"state has the shape \[1, 8\], expected \[B, 16\]; send back what act"
    ):
        client.predict("bandits", {**told, "state": np.zeros([1, 8], np.float32)}, signature="act")
