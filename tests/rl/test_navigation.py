"""Points that must find their goals, beside the same rules in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.rl import GaussianPolicy, PointNavigation
from tfmeta.rl.episodes import play_episodes, returns_of


@pytest.mark.parametrize("reward", ["squared", "distance"])
def test_moves_and_rewards_are_those_of_plain_rules(reward):
    environment = PointNavigation(reward=reward)
    goals = environment.draw([0, 1], 50)
    state, place = environment.begin(goals, [0, 2])
    assert not place.numpy().any() and np.abs(goals).max() <= 0.5 and np.abs(goals).max() > 0.45
    random, at, ended = np.random.default_rng(0), np.zeros([50, 2], np.float32), np.zeros(50, bool)
    for _ in range(8):
        action = (goals.numpy() - at) * 10 + random.normal(0, 0.3, [50, 2])
        state, place, earned, ends = environment.step(state, tf.constant(action, tf.float32))
        moved = at + 0.1 * np.clip(action, -1, 1)
        at = np.where(ended[:, None], at, moved)
        far = np.linalg.norm(at - goals.numpy(), axis=1)
        np.testing.assert_allclose(place, at, atol=1e-6)
        expected = np.where(ended, 0, -(far**2) if reward == "squared" else -far)
        np.testing.assert_allclose(earned, expected, atol=1e-5)
        np.testing.assert_array_equal(ends, ~ended & (far < 0.01))
        ended |= far < 0.01
    assert 5 < ended.sum() < 50


def test_the_same_tasks_can_be_played_again_and_others_are_others():
    environment = PointNavigation()
    goals = environment.draw([0, 1], 5)
    np.testing.assert_array_equal(goals, environment.draw([0, 1], 5))
    assert not np.isin(goals, environment.draw([0, 2], 5)).any()
    np.testing.assert_array_equal(environment.describe(goals), goals)


def test_episodes_of_a_task_share_its_goal_and_end_once():
    environment = PointNavigation(horizon=30, near=0.2)
    policy = GaussianPolicy(2, 2, units=[4], seed=0)
    goals = environment.draw([0, 3], 6)
    played = play_episodes(policy, policy.repeated(6), environment, goals, episodes=7, seed=[0, 4])
    observation, action, reward, going = (x.numpy() for x in played)
    assert (
        observation.shape == (6, 7, 30, 2)
        and action.shape == (6, 7, 30, 2)
        and not observation[:, :, 0].any()
    )
    # Rewards are the squared distances of the next observations from the goal that all episodes of a task share.
    squared = ((observation[:, :, 1:] - goals.numpy()[:, None, None]) ** 2).sum(-1)
    counted = going[:, :, :-1] > 0
    np.testing.assert_allclose(reward[:, :, :-1][counted], -squared[counted], atol=1e-5)
    assert 0 < going.mean() < 1 and not reward[going == 0].any()
    assert (np.diff(going, axis=2) <= 0).all()
    np.testing.assert_allclose(returns_of(played), reward.sum(2).mean(1), rtol=1e-5)


class Careless(PointNavigation):
    """Gives rewards after the end of an episode, and numbers of other types."""

    def step(self, state, action):
        after, place, reward, ends = super().step(state, action)
        reward = tf.where(state.ended, np.nan, tf.cast(reward, tf.float64))
        return after, tf.cast(place, tf.float64), reward, ends


def test_what_an_environment_gives_after_the_end_does_not_count():
    policy, found = GaussianPolicy(2, 2, units=[4], seed=0), []
    for kind in (PointNavigation, Careless):
        environment = kind(horizon=30, near=0.2)
        goals = environment.draw([0, 3], 4)
        found.append(play_episodes(policy, policy.repeated(4), environment, goals, episodes=3, seed=[0, 4]))
    assert found[0].going.numpy().min() == 0
    for x, y in zip(*found, strict=True):
        np.testing.assert_array_equal(x, y)


def test_noise_differs_between_steps_episodes_and_tasks():
    environment = PointNavigation(horizon=3)
    policy = GaussianPolicy(2, 2, units=[4], seed=0)
    played = play_episodes(
        policy, policy.repeated(2), environment, environment.draw([0, 3], 2), episodes=3, seed=[0, 4]
    )
    assert len(np.unique(played.action.numpy().round(5))) == played.action.numpy().size


def test_an_oracle_observes_the_goal():
    environment = PointNavigation(horizon=3)
    policy = GaussianPolicy(4, 2, units=[4], seed=0)
    goals = environment.draw([0, 3], 2)
    played = play_episodes(
        policy, policy.repeated(2), environment, goals, episodes=3, seed=[0, 4], sees_task=True
    )
    expected = np.broadcast_to(goals.numpy()[:, None, None], [2, 3, 3, 2])
    np.testing.assert_array_equal(played.observation[..., 2:], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "horizon=0"),
        ({"reward": "near"}, "reward='near'; expected 'squared' or 'distance'"),
        ({"half_width": 0.0}, "half_width=0.0"),
        ({"near": -1.0}, "near=-1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PointNavigation(**options)
