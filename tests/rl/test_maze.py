"""Mazes that can be walked, and what is seen in them, beside rays that march in small steps."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.rl import maze_walks
from tfmeta.rl.environments import MazeEnvironment
from tfmeta.rl.environments.maze_layout import free_blocks, mazes
from tfmeta.rl.environments.ray_caster import cast_rays

LEFT, RIGHT, FORWARD = (tf.constant([action]) for action in range(3))


@pytest.fixture(scope="module")
def environment():
    return MazeEnvironment(size=5, horizon=6, width=8, height=6)


def corridor(environment, *, target):
    """A walk that stands at the left end of a corridor of five blocks, and looks along it."""
    state, _ = environment.reset([0, 0], 1)
    walls = np.ones([1, 7, 7], bool)
    walls[0, 3, 1:6] = False
    start = tf.constant([[3.5, 1.5, 0.0]])
    return state._replace(
        walls=tf.constant(walls), target=tf.constant([3 * 7 + target]), start=start, pose=start
    )


def reached(free, first):
    """The free blocks that a flood from the first one reaches."""
    seen, edge = {first}, [first]
    while edge:
        row, column = edge.pop()
        beside = {(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)} & free - seen
        seen |= beside
        edge += beside
    return seen


@pytest.mark.parametrize("size", [3, 5, 9])
def test_every_room_can_be_reached_in_one_way(size):
    drawn, rooms = mazes([0, 1], 20, size).numpy(), ((size + 1) // 2) ** 2
    for walls in drawn:
        free = set(zip(*(x.tolist() for x in np.nonzero(~walls)), strict=True))
        assert len(free) == 2 * rooms - 1  # a tree: a door less than rooms
        assert reached(free, (1, 1)) == free
        assert {(row, column) for row in range(1, size + 1, 2) for column in range(1, size + 1, 2)} <= free
    assert len({walls.tobytes() for walls in drawn}) > (1 if size == 3 else 15)
    np.testing.assert_array_equal(drawn, mazes([0, 1], 20, size))


def test_places_are_free_and_differ():
    walls = mazes([3, 4], 50, 5)
    blocks = free_blocks(walls, tf.constant([1, 2], tf.int64), 2).numpy()
    assert not np.take_along_axis(walls.numpy().reshape([50, -1]), blocks, axis=1).any()
    assert (blocks[:, 0] != blocks[:, 1]).all()


def marched(walls, target, pose, width, view):
    """How far a ray goes before it is in a wall or in the target, by small steps."""
    row, column, direction = pose
    for x in np.tan(view / 2) * (2 * (np.arange(width) + 0.5) / width - 1):
        down, right = np.sin(direction) + x * np.cos(direction), np.cos(direction) - x * np.sin(direction)
        for far in np.arange(0, 12, 2e-3):
            block = math.floor(row + far * down), math.floor(column + far * right)
            number = block[0] * walls.shape[1] + block[1]
            if walls[block] or number == target:
                yield far, number == target
                break


def test_a_short_trial_holds_as_many_episodes_as_a_walker_is_quick():
    quick = MazeEnvironment(size=5, horizon=6, episodes=4, length=14, width=8, height=6)
    assert quick.trial_length == 14
    state = corridor(quick, target=3)
    ended, earned = [], []
    for _ in range(14):
        state, _, reward, done = quick.step(state, FORWARD)
        ended.append(bool(done[0]))
        earned.append(float(reward[0]) > 0)
    assert ended == earned == [False, False, True] * 4 + [False, False]
    assert float(reward[0]) == 0.0
    with pytest.raises(ValueError, match="length=25; expected 1 to 24"):
        MazeEnvironment(size=5, horizon=6, episodes=4, length=25)


def test_rays_end_where_small_steps_do():
    walls = mazes([5, 6], 12, 5)
    blocks = free_blocks(walls, tf.constant([7, 8], tf.int64), 2).numpy()
    turned = np.random.default_rng(0).uniform(0, 2 * np.pi, 12)
    pose = np.stack([blocks[:, 1] // 7 + 0.41, blocks[:, 1] % 7 + 0.63, turned], axis=1).astype(np.float32)
    hits = cast_rays(walls, blocks[:, 0], tf.constant(pose), width=9, view=1.4)
    expected = [list(marched(*each, 9, 1.4)) for each in zip(walls.numpy(), blocks[:, 0], pose, strict=True)]
    distance, target = np.moveaxis(np.array(expected, float), -1, 0)
    np.testing.assert_allclose(hits.distance, distance, atol=5e-3)
    assert (hits.target.numpy() == target).mean() > 0.98 and target.any()  # a corner may go to either


def test_the_picture_shows_a_corridor(environment):
    wide = MazeEnvironment(size=5, width=40, height=30)
    picture = wide.picture(wide._see(corridor(wide, target=5)))[0].numpy()
    np.testing.assert_allclose(picture, picture[:, ::-1], atol=1e-6)  # as much to the left as to the right
    red = picture[..., 0] > 2 * picture[..., 2]
    rows, columns = np.nonzero(red)
    # Three and a half blocks away, a block is 40 / (2 * 3.5) pixels high and wide.
    assert rows.min() == 15 - 3 and columns.max() == 20 + 2
    assert picture[0, 20, 2] > picture[0, 20, 0] and picture[-1, 20, 0] > picture[-1, 20, 2]  # ceiling, floor


def test_who_goes_forward_gets_there_and_begins_again(environment):
    state = corridor(environment, target=3)
    rewards, ends = [], []
    for _ in range(6):
        state, seen, reward, done = environment.step(state, FORWARD)
        rewards.append(round(float(reward[0]), 3))
        ends.append(bool(done[0]))
    assert rewards == [-0.04, -0.04, 0.96, -0.04, -0.04, 0.96] and ends == [False, False, True] * 2
    assert not seen.numpy().any() and int(state.episode[0]) == 2
    after, _, reward, done = environment.step(state, FORWARD)
    assert float(reward[0]) == 0 and not bool(done[0])
    np.testing.assert_array_equal(after.pose, after.start)


def test_walls_stop_and_the_horizon_ends(environment):
    state = corridor(environment, target=5)
    for number in range(6):
        before = state
        state, _, reward, done = environment.step(state, LEFT if number < 3 else FORWARD)
        assert float(reward[0]) == pytest.approx(-0.04 if number < 3 else -0.041)
        assert bool(done[0]) == (number == 5)
    np.testing.assert_allclose(before.pose[0, :2], [3.5, 1.5], rtol=1e-6)
    np.testing.assert_array_equal(state.pose, state.start)
    state, _, _, _ = environment.step(state, RIGHT)
    np.testing.assert_allclose(state.pose[0, 2], math.radians(30), rtol=1e-6)


def test_who_meets_a_wall_at_an_angle_slides_along_it(environment):
    state = corridor(environment, target=5)
    state, *_ = environment.step(state, RIGHT)
    state, _, reward, _ = environment.step(state, FORWARD)
    state, _, reward, _ = environment.step(state, FORWARD)
    assert float(reward[0]) == pytest.approx(-0.041)
    assert (
        float(state.pose[0, 1]) == pytest.approx(1.5 + math.cos(math.radians(30))) and state.pose[0, 0] < 3.8
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"size": 4}, "size=4; expected an odd number"),
        ({"episodes": 0}, "episodes=0; expected at least 1"),
        ({"stride": 0.7}, "stride=0.7; expected a part of a block up to a half"),
        ({"turn": 0.0}, "turn=0.0; expected degrees between 0 and 180"),
    ],
)
def test_numbers_that_make_no_maze_are_told(wrong, words):
    with pytest.raises(ValueError, match=words):
        MazeEnvironment(**wrong)


def test_a_trial_is_cut_into_its_episodes():
    environment = MazeEnvironment(size=3, horizon=3)
    rewards = np.full([4, 6], -0.04)
    rewards[0, 1] = rewards[0, 2] = 0.96  # found by the second step, and then at once
    rewards[1, 5] = 0.95  # not found, and then by the last step
    rewards[2, 2] = 0.96  # by the last step, and not again
    walks = maze_walks(environment, rewards)
    assert walks.found.tolist() == [[True, True], [False, True], [True, False], [False, False]]
    assert walks.steps.tolist() == [[2, 1], [3, 3], [3, 3], [3, 3]]
