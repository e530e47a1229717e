"""Playing in the graph, and as it is served: the same trials; and requests that do not fit."""

import numpy as np
import pytest

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import export
from tfmeta.core.gate.check import check_artefact
from tfmeta.core.hub import load
from tfmeta.rl import (
    BanditEnvironment,
    TabularMDPEnvironment,
    TrialNetwork,
    play,
    play_model,
    policy_servable,
)

TASKS = {
    "bandit": BanditEnvironment(arms=4, pulls=6),
    "mdp": TabularMDPEnvironment(2, states=3, actions=2, horizon=2),
}


def policy_of(tasks, units=5):
    crossed = tasks.observation_size > 0  # whose state holds more than the GRU's
    return TrialNetwork(
        tasks.actions, tasks.observation_size, outputs=tasks.actions, units=units, crossed=crossed, seed=1
    )


@pytest.fixture(scope="module", params=TASKS)
def served(request, tmp_path_factory):
    tasks = TASKS[request.param]
    policy = policy_of(tasks)
    folder = export(
        policy_servable(policy, request.param, card=Card("Plays.")), tmp_path_factory.mktemp("models")
    )
    return tasks, policy, load(folder)


def test_an_exported_policy_may_be_served(served, in_a_hurry):
    report = check_artefact(served[2].path)
    assert report.ok, report
    assert "may be switched on" in report.batching
    inputs = served[2].card.signatures["act"]["inputs"]
    assert ("observation" in inputs) == (served[0].observation_size > 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    servable = policy_servable(policy_of(TASKS["bandit"]), "policy", card=Card("Plays."))
    return load(export(servable, tmp_path_factory.mktemp("models")))


@pytest.mark.parametrize("greedy", [False, True])
def test_served_it_plays_what_it_plays_here(served, greedy):
    tasks, policy, model = served
    here = play(policy, tasks, trials=20, seed=(0, 5), greedy=greedy)
    there = play_model(model.ask, tasks, trials=20, seed=(0, 5), greedy=greedy)
    np.testing.assert_array_equal(here.actions, there.actions)
    np.testing.assert_array_equal(here.rewards, there.rewards)
    assert here.rewards.shape == (20, tasks.trial_length)
    other = play(policy, tasks, trials=20, seed=(0, 6), greedy=greedy)
    assert not np.array_equal(here.rewards, other.rewards)


def test_a_policy_that_knows_the_best_arm_pulls_it():
    policy = policy_of(TASKS["bandit"])
    policy.head.set_weights([np.zeros([5, 4]), np.array([0.0, 9.0, 0.0, 0.0])])
    found = play(policy, TASKS["bandit"], trials=300)
    assert np.mean(found.actions == 1) > 0.99
    np.testing.assert_allclose(found.rewards.mean(), found.tasks.means[:, 1].mean(), atol=0.05)


def request(rows=2, **changes):
    first = {
        "previous_action": np.full(rows, -1),
        "previous_reward": np.zeros(rows),
        "done": np.zeros(rows, bool),
        "seed": np.arange(rows),
        "state": np.zeros([rows, 5]),
    }
    return {**first, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"previous_action": [4, 0]},
            "previous_action must be from 0 to 3, or -1 at the first step of a trial; it holds",
        ),
        ({"previous_action": [-2, 0]}, "previous_action must be from 0 to 3"),
        ({"previous_reward": [np.nan, 0]}, "previous_reward holds 1 numbers that are NaN or infinite"),
        ({"seed": [1, 2, 3]}, "seed, state hold"),
    ],
)
def test_a_request_that_does_not_fit_is_answered_with_the_way_out(model, changes, message):
    with pytest.raises(TfmetaError, match=message):
        model.ask("act", request(**changes))


def test_the_state_of_another_policy_is_refused_by_the_graph_itself():
    act = (
        policy_servable(policy_of(TASKS["bandit"]), "policy", card=Card("Plays.")).signatures["act"].function
    )
    wrong = {name: np.asarray(x, dtype) for (name, x), dtype in zip(
        request(state=np.zeros([2, 8])).items(), ("int32", "float32", "bool", "int64", "float32"), strict=True
    )}  # fmt: skip
    with pytest.raises(
        Exception, match=r"state has the shape \[2, 8\], expected \[B, 5\]; send back what act or"
    ):
        act(**wrong)


def test_tasks_of_another_number_of_actions_are_refused(model):
    with pytest.raises(TfmetaError, match="chooses among 4 actions, and these tasks have 3; play the tasks"):
        play_model(model.ask, BanditEnvironment(arms=3, pulls=2), trials=2)
