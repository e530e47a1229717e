"""Training for the return after a policy-gradient step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.batch_seeds import batch_seeds
from tfmeta.core.checks import TfmetaError
from tfmeta.core.linalg import flatten
from tfmeta.rl import BanditEnvironment, GaussianPolicy, MAMLPolicyLearner, PointNavigation
from tfmeta.rl.adaptation import adapt_and_play


def learner_of(environment=None, units=(8,), size=2, **options):
    environment = environment or PointNavigation(horizon=15)
    policy = GaussianPolicy(size, 2, units, initial_std=0.5, seed=0)
    learner = MAMLPolicyLearner(environment, policy, **{"tasks": 8, "episodes": 8, **options})
    learner.compile(keras.optimizers.Adam(1e-2))
    return learner


def trained(learner, epochs=3):
    return learner.fit(batch_seeds(0), epochs=epochs, steps_per_epoch=10, verbose=0).history


OPTIONS = {"trpo": {}, "ppo": {"outer": "ppo"}, "two steps": {"inner_steps": 2, "tasks": 4}}


@pytest.fixture(scope="module")
def learners():
    """Trained learners with their histories, by the names of `OPTIONS`."""
    built = {name: learner_of(inner_rate=0.3, **options) for name, options in OPTIONS.items()}
    return {name: (learner, trained(learner)) for name, learner in built.items()}


@pytest.mark.parametrize("name", OPTIONS)
def test_it_learns_to_adapt(learners, name):
    learner, history = learners[name]
    assert learner.rounds.numpy() == 30
    assert history["after"][-1] > history["after"][0] + 0.3
    assert history["after"][-1] > history["before"][-1] + 0.3
    if learner.outer == "trpo":
        assert 0 < min(history["kl"]) <= max(history["kl"]) <= learner.region.max_kl


def test_a_run_that_is_resumed_trains_the_same_weights(learners, tmp_path):
    (learner, _), file = learners["trpo"], tmp_path / "half.weights.h5"

    def two_steps():
        start = int(learner.rounds.numpy())
        learner.fit(batch_seeds(3, start), epochs=1, steps_per_epoch=2, verbose=0)
        return flatten(learner.policy.trainable_variables).numpy()

    half = two_steps()
    learner.save_weights(file)
    whole = two_steps()
    assert np.abs(whole - half).max() > 1e-3
    learner.load_weights(file)
    np.testing.assert_allclose(two_steps(), whole, atol=1e-6)


def test_pretraining_takes_no_inner_step_and_an_oracle_needs_none():
    blind = trained(learner_of(inner_steps=0))
    assert blind["before"] == blind["after"]
    seeing = trained(learner_of(inner_steps=0, sees_task=True, size=4), epochs=6)
    assert seeing["after"][-1] > blind["after"][-1] + 0.8


def test_returns_are_measured_after_each_update():
    learner, seen = learner_of(), []
    found = adapt_and_play(
        learner, learner.environment, tasks=5, episodes=4, rates=[0.0, 0.5],
        watch=lambda number, episodes: seen.append((number, episodes.reward.shape)),
    )  # fmt: skip
    assert found.shape == (3, 5) and seen == [(number, (5, 4, 15)) for number in range(3)]
    assert len({tuple(row) for row in found.round(5)}) == 3  # each on episodes of its own


class Endless(PointNavigation):
    """Its rewards are no numbers where a point is far from the start."""

    def step(self, state, action):
        state, place, reward, ends = super().step(state, action)
        return state, place, tf.where(place[:, 0] > 0.1, np.inf, reward), ends


def test_rewards_that_are_no_numbers_end_the_training_with_words():
    learner, message = (
        learner_of(Endless(horizon=15), outer="ppo"),
        "rewards of the environment are NaN or infinite",
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        learner.play(learner.policy.repeated(8), learner.environment.draw([0, 1], 8), [0, 2])
    with pytest.raises(TfmetaError, match=f"^Some {message}; expected finite numbers.$"):
        trained(learner)
    with pytest.raises(TfmetaError, match=message):
        adapt_and_play(learner, learner.environment, tasks=5, episodes=4, rates=[])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": 1}, "tasks=1; expected at least 2: from one task there is nothing to learn for others"),
        ({"episodes": 0}, "episodes=0; expected at least 1 episode"),
        ({"inner_steps": -1}, "inner_steps=-1"),
        ({"fisher_tasks": 9}, "fisher_tasks=9; expected 1 to 8"),
        ({"inner_rate": 0.0}, "inner_rate=0.0; expected more than 0"),
        ({"inner_rate": np.nan}, "inner_rate=nan"),
        ({"discount": 1.5}, "discount=1.5; expected a number from 0 to 1"),
        ({"gae_lambda": -0.1}, "gae_lambda=-0.1"),
        ({"clip": -1.0}, "clip=-1.0"),
        ({"passes": 0}, "passes=0"),
        ({"max_kl": 0.0}, "max_kl=0.0"),
        ({"damping": -1.0}, "damping=-1.0; expected 0 or more"),
        (
            {"environment": BanditEnvironment(arms=2, pulls=3)},
            "environment is a BanditEnvironment; expected an EpisodeEnvironment",
        ),
        ({"outer": "adam"}, "outer='adam'; expected 'trpo' or 'ppo'"),
        (
            {"sees_task": True},
            r"sizes \(2, 2\), and the tasks have \(4, 2\); build it with GaussianPolicy\(4, 2\)",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        learner_of(**options)


@pytest.mark.parametrize(("count", "message"), [({"tasks": 0}, "tasks=0"), ({"episodes": 0}, "episodes=0")])
def test_nothing_is_not_played(count, message):
    learner = learner_of()
    with pytest.raises(ValueError, match=f"{message}; expected at least 1"):
        adapt_and_play(learner, learner.environment, rates=[], **{"tasks": 2, "episodes": 2, **count})


@pytest.mark.parametrize(
    ("options", "message"), [({"initial_std": 0.0}, "initial_std"), ({"units": [0]}, r"units=\[0\]")]
)
def test_a_policy_of_nothing_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GaussianPolicy(2, 2, **options)


def test_a_policy_is_saved_and_loaded(tmp_path):
    policy = GaussianPolicy(3, 2, [5], activation="tanh", initial_std=0.3, seed=4)
    policy.save(tmp_path / "policy.keras")
    again = keras.saving.load_model(tmp_path / "policy.keras")
    assert again.get_config() == policy.get_config()
    np.testing.assert_array_equal(flatten(again.variables), flatten(policy.variables))
    np.testing.assert_allclose(again.log_std, np.log(0.3), rtol=1e-6)
