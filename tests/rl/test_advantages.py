"""Advantages and the baseline that is fitted to each task, beside plain loops and scikit-learn."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import Ridge

from tfmeta.rl.advantages import advantages_of, baseline_features, discounted_sums, linear_baseline
from tfmeta.rl.episodes import Episodes

B, K, T, D = 2, 5, 12, 3


@pytest.fixture(scope="module")
def episodes():
    random = np.random.default_rng(0)
    lengths = random.integers(4, T + 1, [B, K])
    going = (np.arange(T) < lengths[..., None]).astype(np.float32)
    seen, reward = random.normal(size=[B, K, T, D]), random.normal(size=[B, K, T]) * going
    arrays = seen, np.zeros([B, K, T, 1]), reward, going
    return Episodes(*(tf.constant(x, tf.float32) for x in arrays))


def test_sums_of_what_comes_later():
    x, found = np.random.default_rng(1).normal(size=[2, 6]), np.zeros([2, 6])
    for t in reversed(range(6)):
        found[:, t] = x[:, t] + (0.9 * found[:, t + 1] if t < 5 else 0)
    np.testing.assert_allclose(discounted_sums(tf.constant(x, tf.float32), 0.9), found, atol=1e-5)


@pytest.mark.parametrize("discount", [0.0, 1.0])
def test_the_bounds_of_the_discount(discount):
    found = discounted_sums(tf.constant([1.0, 2.0, 4.0]), discount).numpy().tolist()
    assert found == ([1.0, 2.0, 4.0] if discount == 0 else [7.0, 6.0, 4.0])


def test_the_baseline_is_a_ridge_regression_of_each_task(episodes):
    found = linear_baseline(episodes, 0.9).numpy()
    features, returns = baseline_features(episodes).numpy(), discounted_sums(episodes.reward, 0.9).numpy()
    assert features.shape == (B, K, T, 2 * D + 4)
    for task in range(B):
        rows = episodes.going[task].numpy().ravel() > 0
        x, y = features[task].reshape(K * T, -1), returns[task].ravel()
        ridge = Ridge(alpha=1e-5, fit_intercept=False).fit(x[rows].astype(np.float64), y[rows])
        np.testing.assert_allclose(found[task].ravel(), ridge.predict(x), atol=1e-3)


@pytest.mark.parametrize("gae_lambda", [0.0, 0.7, 1.0])
def test_advantages_are_those_of_a_loop(episodes, gae_lambda):
    value, going = linear_baseline(episodes, 0.9).numpy(), episodes.going.numpy()
    found = advantages_of(episodes, discount=0.9, gae_lambda=gae_lambda).numpy()
    expected = np.zeros([B, K, T])
    for task, episode in np.ndindex(B, K):
        last, running = int(going[task, episode].sum()), 0.0
        for t in reversed(range(last)):
            following = value[task, episode, t + 1] if t + 1 < last else 0.0
            delta = episodes.reward[task, episode, t].numpy() + 0.9 * following - value[task, episode, t]
            running = delta + 0.9 * gae_lambda * running
            expected[task, episode, t] = running
    for task in range(B):
        counted = going[task] > 0
        raw = expected[task][counted]
        np.testing.assert_allclose(found[task][counted], (raw - raw.mean()) / raw.std(), atol=2e-3)
    assert not found[going == 0].any()


def test_equal_rewards_have_no_advantage():
    """Every step is as good as expected, so no gradient may come of it."""
    zeros = tf.zeros([1, 3, 4, 2])
    episodes = Episodes(zeros, zeros, tf.zeros([1, 3, 4]), tf.ones([1, 3, 4]))
    np.testing.assert_array_equal(advantages_of(episodes), np.zeros([1, 3, 4]))
