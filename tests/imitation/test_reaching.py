"""The world of reaching, beside the same rules in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.imitation import ReachingWorld, demonstrate, play


@pytest.fixture(scope="module")
def world():
    return ReachingWorld(2, 6, slots=8)


def test_scenes_are_as_they_should_be(world):
    tasks = world.draw([0, 0], 300)
    count, target = tasks.count.numpy(), tasks.target.numpy()
    assert set(count) == {2, 3, 4, 5, 6} and (target < count).all() and (target >= 0).all()
    shares = np.bincount(target[count == 2], minlength=2) / (count == 2).sum()
    np.testing.assert_allclose(shares, 0.5, atol=0.2)
    seen = world.observe(world.arrange(tasks, [0, 1]))
    np.testing.assert_array_equal(seen.present, np.arange(8) < count[:, None])
    places = seen.objects.numpy()
    assert not places[~seen.present.numpy()].any() and np.abs(places).max() <= 1
    for row, there in zip(places, seen.present.numpy(), strict=True):
        apart = np.linalg.norm(row[there][:, None] - row[there], axis=-1)
        assert apart[~np.eye(there.sum(), dtype=bool)].min() > 0.2 - 1e-5
    other = world.observe(world.arrange(tasks, [0, 2]))
    assert (other.present.numpy() == seen.present.numpy()).all()
    assert np.abs(other.objects.numpy() - places).max() > 0.5


def test_moves_are_those_of_plain_rules(world):
    state = world.arrange(world.draw([0, 0], 20), [0, 1])
    random, place, velocity = np.random.default_rng(0), state.place.numpy(), np.zeros([20, 2])
    for _ in range(30):
        force = random.normal(0, 2, [20, 2])
        state = world.step(state, tf.constant(force, tf.float32))
        velocity = 0.5 * velocity + 0.5 * np.clip(force, -1, 1)
        place = np.clip(place + 0.1 * velocity, -1, 1)
        np.testing.assert_allclose(world.observe(state).body, place, atol=1e-5)
    assert np.abs(place).max() == pytest.approx(1, abs=1e-5)  # some have met an edge
    far = np.linalg.norm(world.target(state).numpy() - place, axis=1)
    np.testing.assert_array_equal(world.succeeded(state), far <= world.near)


def test_the_expert_does_every_task_and_random_forces_do_not(world):
    tasks = world.draw([0, 0], 200)
    shown = demonstrate(world, tasks, [0, 1])
    assert shown.succeeded.numpy().all()
    noise = tf.random.stateless_normal([world.horizon, 200, 2], [0, 2])
    assert play(world, tasks, [0, 1], lambda _, number: noise[number]).succeeded.numpy().mean() < 0.1


def test_what_is_played_says_what_the_expert_would_do(world):
    tasks = world.draw([0, 0], 5)
    still = play(world, tasks, [0, 1], lambda state, _: tf.zeros_like(state.place))
    state = world.arrange(tasks, [0, 1])
    expected = np.repeat(world.expert(state).numpy()[:, None], world.horizon, axis=1)
    np.testing.assert_allclose(still.action, expected, atol=1e-6)
    np.testing.assert_array_equal(still.demonstration().length, world.horizon)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"least": 0}, "least=0, most=10; expected 1 <= least <= most <= 25"),
        ({"least": 5, "most": 4}, "least=5, most=4"),
        ({"most": 26}, "most=26"),
        ({"most": 4, "slots": 3}, "slots=3; expected at least most=4"),
        ({"horizon": 0}, "horizon=0"),
        ({"near": 0.0}, "near=0.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ReachingWorld(**options)
