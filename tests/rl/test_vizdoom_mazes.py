"""Mazes in ViZDoom, walked by who is told the way."""

import os

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.rl.environments import GymnasiumEnvironment
from tfmeta.rl.environments.doom_maps import map_of_maze, pack_maps

LEFT, RIGHT, FORWARD = range(3)


def test_a_map_has_a_wall_wherever_a_free_block_ends():
    walls = np.ones([5, 5], bool)
    walls[1, 1:4] = walls[2, 3] = False
    text = map_of_maze(walls, start=(1, 1), target=(2, 3), angle=90)
    assert text.count("linedef") == text.count("sidedef") == 10
    assert text.count("REDWALL") == 3 and "x = 144; y = -144; angle = 90; type = 1;" in text
    packed = pack_maps({"M0000": text, "M0001": text})
    assert packed[:4] == b"PWAD" and packed.count(b"TEXTMAP") == 2 and packed.count(text.encode()) == 2


@pytest.fixture(scope="module")
def mazes():
    pytest.importorskip("vizdoom", reason="the extra 'sim' is not installed")
    from tfmeta.rl.environments import VizDoomMazes

    mazes = VizDoomMazes(size=3, count=6, horizon=12, turn=90.0)
    yield mazes
    mazes.close()


def facing_along(task):
    """Turns until a step forward gets somewhere, and says how many turns that took."""
    for turns in range(4):
        before = task._place()
        task.step(FORWARD)
        if np.hypot(*np.subtract(task._place(), before)) > 20:
            return turns
        task.step(LEFT)
    raise AssertionError("walled in")


def test_who_walks_on_gets_somewhere_and_who_meets_a_wall_is_told(mazes):
    task = mazes(0)
    seen, _ = task.reset()
    assert seen.shape == (30, 40, 3) and 0.0 <= seen.min() < seen.max() <= 1.0
    facing_along(task)
    rewards = [task.step(FORWARD)[1] for _ in range(7)]
    assert rewards[-1] == pytest.approx(-0.041) or max(rewards) == pytest.approx(0.96)
    again, _ = task.reset()
    np.testing.assert_array_equal(again, seen)
    task.close()


def test_the_target_ends_the_episode(mazes):
    rng, found = np.random.default_rng(0), []
    for number in range(6):
        task = mazes(number)
        task.reset()
        ends = False
        while not ends:
            _, reward, found_it, ends_late, _ = task.step(int(rng.choice([LEFT, RIGHT, FORWARD, FORWARD])))
            ends = found_it or ends_late
            assert found_it == (reward > 0)
        found.append(found_it)
        task.close()
    assert any(found) and not all(found)


def test_trials_are_played_through_the_graph_and_engines_are_kept(mazes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environment = GymnasiumEnvironment(mazes, trial_length=5)
    assert (environment.actions, environment.observation_size) == (3, 3600)
    state, observation = environment.reset([0, 1], 2)
    for _ in range(3):
        state, observation, reward, done = environment.step(state, tf.constant([FORWARD, RIGHT]))
    assert observation.shape == (2, 3600) and (reward.numpy() < 1).all() and not done.numpy().all()
    environment.reset([0, 2], 2)
    assert len(mazes._engines) == 2 and not mazes._idle  # both work on, and no third was started
    assert not os.listdir(tmp_path)  # an engine leaves nothing where it is started
