"""A policy that adapts, as it is served: the same as here, and requests that do not fit."""

import numpy as np
import pytest

from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import export
from tfmeta.core.gate.check import check_artefact
from tfmeta.core.hub import load
from tfmeta.core.shapes import pack_tasks
from tfmeta.rl import GaussianPolicy, MAMLPolicyLearner, PointNavigation, adaptive_policy_servable
from tfmeta.rl.adaptation import adapt_and_play_model, play_model_episodes
from tfmeta.rl.choice import normal
from tfmeta.rl.episodes import Episodes

B, K = 3, 4


@pytest.fixture(scope="module")
def learner():
    policy = GaussianPolicy(2, 2, units=[6], initial_std=0.5, seed=0)
    return MAMLPolicyLearner(
        PointNavigation(horizon=8, near=0.15), policy, tasks=2, episodes=2, fisher_tasks=1
    )


@pytest.fixture(scope="module")
def model(learner, tmp_path_factory):
    servable = adaptive_policy_servable(
        learner.policy,
        "walker",
        rates=[0.3, 0.1],
        horizon=8,
        discount=0.99,
        gae_lambda=1.0,
        card=Card("Walks."),
    )
    return load(export(servable, tmp_path_factory.mktemp("models")))


@pytest.fixture(scope="module")
def state(model):
    return model.ask("initial_state", {"batch": np.zeros(B, np.int64)})["task_state"]


@pytest.fixture(scope="module")
def played(learner, model, state):
    environment = learner.environment
    return play_model_episodes(
        model.ask, state, environment, environment.draw([0, 1], B), episodes=K, seed=[0, 2]
    )


def test_it_may_be_served(model, in_a_hurry):
    report = check_artefact(model.path)
    assert report.ok, report
    assert "may be switched on" in report.batching


def test_updates_are_those_of_the_learner_at_the_rates_in_turn(learner, model, state, played):
    going = np.arange(8) < played["steps"][..., None]
    assert 0 < going.mean() < 1
    episodes = Episodes(
        played["observations"], played["actions"], played["rewards"], going.astype(np.float32)
    )
    weights = learner.policy.repeated(B)
    for number, rate in enumerate((0.3, 0.1, 0.1), 1):
        state = model.ask("adapt", {**played, "task_state": state})["task_state"]
        weights = learner.adapt(weights, episodes, rate)
        np.testing.assert_allclose(state[:, :-1], pack_tasks(weights), atol=1e-5)
        np.testing.assert_array_equal(state[:, -1], number)


def test_an_action_is_drawn_by_its_seed_alone(learner, model, state):
    seen, seed = np.random.default_rng(0).normal(size=[B, 5, 2]), np.arange(5 * B).reshape(B, 5)
    answer = model.ask("act", {"observation": seen, "seed": seed, "task_state": state})
    again = model.ask("act", {"observation": seen[1:2, 3:], "seed": seed[1:2, 3:], "task_state": state[1:2]})
    np.testing.assert_allclose(again["action"], answer["action"][1:2, 3:], atol=1e-6)
    np.testing.assert_allclose(
        answer["mean"], learner.policy(seen.reshape(-1, 2)).numpy().reshape(B, 5, 2), atol=1e-6
    )
    np.testing.assert_allclose(answer["action"] - answer["mean"], 0.5 * normal(seed, 2), atol=1e-5)


def test_numbers_of_seeds_are_normal_and_apart():
    drawn = normal(np.arange(50_000), 2).numpy()
    np.testing.assert_allclose([drawn.mean(), drawn.std(), (drawn**3).mean()], [0, 1, 0], atol=0.02)
    np.testing.assert_allclose((drawn**4).mean(), 3, atol=0.1)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.01
    assert abs(np.corrcoef(drawn[:-1, 1], drawn[1:, 0])[0, 1]) < 0.01  # a seed and the one after it


def test_a_served_policy_is_measured_like_a_learner(learner, model):
    found = adapt_and_play_model(model.ask, learner.environment, tasks=B, episodes=K, updates=2)
    assert found.shape == (3, B) and np.isfinite(found).all() and (found < 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observations": np.zeros([B, 0, 8, 2]), "actions": np.zeros([B, 0, 8, 2]), "rewards": np.zeros([B, 0, 8]),
          "steps": np.zeros([B, 0], np.int32)}, "episodes of a task; expected the same number, at least 1"),
        ({"observations": np.zeros([B, K, 0, 2]), "actions": np.zeros([B, K, 0, 2]), "rewards": np.zeros([B, K, 0])},
         "steps of an episode; expected the same number, at least 1"),
        ({"rewards": np.zeros([B, K, 7])}, "steps of an episode; expected the same number"),
        ({"rewards": np.zeros([B, K - 1, 8])}, "episodes of a task; expected the same number"),
        ({"rewards": np.full([B, K, 8], np.nan)}, "rewards holds 96 numbers that are NaN or infinite"),
        ({"actions": np.zeros([B, K, 8, 3])}, r"actions has the shape \[3, 4, 8, 3\], expected \[any, any, any, 2\]"),
        ({"steps": np.full([B, K], 9)}, "steps holds numbers from 9 to 9; expected how many steps .* from 1 to the 8"),
        ({"steps": np.zeros([B, K], np.int32)}, "steps holds numbers from 0 to 0"),
        ({"task_state": np.zeros([B, 5])}, r"task_state has the shape \[3, 5\], expected \[any, 35\]"),
        ({"task_state": np.zeros([2, 35])}, "expected the same number, at least 1"),
    ],
)  # fmt: skip
def test_episodes_that_do_not_fit_are_refused_with_words(model, state, played, changes, message):
    with pytest.raises(TfmetaError, match=message):
        model.ask("adapt", {**played, "task_state": state, **changes})


def test_a_policy_without_rates_is_refused(learner):
    with pytest.raises(ValueError, match="rates is empty"):
        adaptive_policy_servable(
            learner.policy, "walker", rates=[], horizon=8, discount=1.0, gae_lambda=1.0, card=Card("Walks.")
        )


def test_seeds_that_do_not_fit_are_refused_with_words(model, state):
    with pytest.raises(TfmetaError, match="expected as many, a seed for each observation"):
        model.ask(
            "act",
            {"observation": np.zeros([B, 5, 2]), "seed": np.zeros([B, 4], np.int64), "task_state": state},
        )
