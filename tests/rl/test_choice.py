"""Random numbers by a seed a row: uniform, one row nothing to the next, and actions as likely as they should be."""

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.rl.choice import choose, uniform


@pytest.mark.parametrize("step", [1, 2**40, 0x9E3779B97F4A7C15 - 2**64])
def test_seeds_in_a_row_give_numbers_as_good_as_independent(step):
    seeds = tf.constant(np.arange(100_000, dtype=np.int64) * np.int64(step) - 7)
    u = uniform(seeds).numpy()
    assert u.min() >= 0 and u.max() < 1
    counts = np.histogram(u, 50, (0, 1))[0]
    assert np.sum((counts - 2000) ** 2 / 2000) < 85  # chi-squared with 49 degrees: 0.1% lie beyond
    for lag in (1, 2, 10):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 0.012


def test_known_values_of_splitmix64():
    # The first outputs of the generator with the state 0, as its authors published them.
    gamma = 0x9E3779B97F4A7C15
    states = np.array([0, gamma, 2 * gamma % 2**64], np.uint64).astype(np.int64)
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    np.testing.assert_array_equal(uniform(tf.constant(states)), [(x >> 40) / 2**24 for x in published])


def test_actions_come_as_often_as_they_are_likely():
    likely = np.array([0.5, 0.0, 0.2, 0.3, 0.0], np.float32)
    drawn = choose(tf.tile(likely[None], [50_000, 1]), tf.range(50_000, dtype=tf.int64))
    np.testing.assert_allclose(np.bincount(drawn, minlength=5) / 50_000, likely, atol=0.008)
    assert np.bincount(drawn, minlength=5)[[1, 4]].sum() == 0
    np.testing.assert_array_equal(choose(tf.constant([likely]), tf.constant([3], tf.int64), greedy=True), [0])


def test_a_row_does_not_depend_on_those_beside_it():
    probabilities = tf.nn.softmax(tf.random.stateless_normal([8, 4], [0, 0]))
    seeds = tf.range(8, dtype=tf.int64)
    whole = choose(probabilities, seeds).numpy()
    assert len(set(whole)) > 1
    for row in range(8):
        assert choose(probabilities[row : row + 1], seeds[row : row + 1]).numpy()[0] == whole[row]
