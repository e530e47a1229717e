"""Block stacking: the expert, and the rules of cubes and gripper beside hand-made scenes."""

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.imitation.layout_split import split_layouts
from tfmeta.imitation.layouts import LayoutError
from tfmeta.imitation.stacking import StackingState, StackingWorld
from tfmeta.imitation.stacking_rules import SIDE, WIDEST

SPLIT = split_layouts(8, stages=range(1, 7))
LAYOUTS = (*SPLIT.training, *SPLIT.test)
WORLD = StackingWorld(LAYOUTS)
SCENES = 200
UP, DOWN, WAIT = [0, 0, 1, 0], [0, 0, -1, 0], [0, 0, 0, 0]
OPEN, CLOSE = [0, 0, 0, 1], [0, 0, 0, -1]


@tf.function
def played(
    state: StackingState, noise: tf.Tensor, steps: tf.Tensor
) -> tuple[StackingState, tf.Tensor, tf.Tensor]:
    """The expert acts; also returns after how many steps each scene was done for good, and the deepest overlap."""
    done_at, overlap = tf.zeros([SCENES], tf.int32), tf.constant(0.0)
    pairs = tf.cast(tf.eye(WORLD.most_objects), tf.bool)
    there = tf.sequence_mask(state.task.count, WORLD.most_objects)
    pairs = there[:, None] & there[:, :, None] & ~pairs
    for time in tf.range(steps):
        shaken = noise * tf.random.stateless_normal([SCENES, 4], tf.stack([0, time]))
        state = WORLD.step(state, WORLD.expert(state) + shaken)
        done_at = tf.where(WORLD.succeeded(state), done_at, time + 1)
        apart = tf.reduce_max(tf.abs(state.cubes[:, :, None] - state.cubes[:, None]), axis=-1)
        overlap = tf.maximum(overlap, tf.reduce_max(tf.where(pairs, SIDE - apart, 0.0)))
    return state, done_at, overlap


def play(state: StackingState, noise: float = 0.0, steps: int = WORLD.horizon) -> np.ndarray:
    """Returns after how many steps each scene was done; more than `steps` where it was not."""
    state, done_at, overlap = played(state, tf.constant(noise), tf.constant(steps))
    assert overlap < 1e-3
    return np.where(WORLD.succeeded(state), done_at.numpy() + 1, steps + 1)


def scenes_of(layouts) -> StackingState:
    random = np.random.default_rng(0)
    tasks = WORLD.tasks([layouts[number] for number in random.integers(len(layouts), size=SCENES)])
    return WORLD.arrange(tasks, [0, 1])


def scene(
    layout, cubes, gripper=(0.3, 0.3, 0.3), opening=WIDEST, held=-1
) -> tuple[StackingWorld, StackingState]:
    """A single scene by hand. The numbers are sides of a cube, and a cube on the table is at height 0."""
    world = StackingWorld([layout])
    places = SIDE * np.add([cubes], [0, 0, 0.5])
    return world, StackingState(
        world.tasks([layout]),
        tf.constant(places, tf.float32),
        tf.constant([gripper], tf.float32),
        tf.constant([opening], tf.float32),
        tf.constant([held]),
    )


def over(cube, up=0.0, aside=0.0):
    """The place of a gripper `up` sides above a cube's place and `aside` sides along y from it."""
    return tuple(SIDE * np.add(cube, [0, aside, 0.5 + up]))


def act(world, state, *actions):
    for action in actions:
        state = world.step(state, tf.constant([action], tf.float32))
    return state


def heights(state):
    """In sides of a cube, 0 on the table."""
    return np.round(state.cubes.numpy()[0, :, 2] / SIDE - 0.5, 3).tolist()


@pytest.fixture(scope="module")
def midway() -> StackingState:
    """Scenes in the middle of their work, some with a cube in the hand."""
    state, _, _ = played(scenes_of(LAYOUTS), tf.constant(0.3), tf.constant(25))
    assert 20 < (state.held.numpy() >= 0).sum() < 180
    return state


@pytest.fixture(scope="module")
def heap() -> StackingState:
    """Cubes that fell onto each other anyhow, and a gripper anywhere that has done harm."""
    state, random = scenes_of(LAYOUTS), np.random.default_rng(1)
    there = np.arange(8) < state.task.count.numpy()[:, None]
    levels = np.argsort(random.random(there.shape), axis=1)[..., None] * 0.1 + 0.05
    cubes = np.concatenate([random.uniform(-0.1, 0.1, [SCENES, 8, 2]), levels], axis=-1) * there[..., None]
    gripper = random.uniform([-0.3, -0.3, 0.02], [0.3, 0.3, 0.5], [SCENES, 3])
    state = state._replace(
        cubes=tf.constant(cubes, tf.float32),
        gripper=tf.constant(gripper, tf.float32),
        opening=tf.constant(random.choice([0.0, 0.03, WIDEST], SCENES), tf.float32),
    )
    state, _, overlap = played(state, tf.constant(20.0), tf.constant(40))
    assert overlap < 1e-3
    return state


# The expert.


@pytest.mark.parametrize("stages", range(1, 7))
def test_the_expert_builds_every_layout(stages):
    layouts = [layout for layout in LAYOUTS if layout.stages == stages]
    done = play(scenes_of(layouts))
    horizon = 35 * stages + 20  # of a world with these stages
    assert np.mean(done <= horizon) >= 0.99, f"{np.mean(done <= horizon):.3f}, mean {done.mean():.1f}"
    assert done.min() > 5 * stages


def test_the_expert_copes_with_errors_of_its_hand():
    layouts = [layout for layout in LAYOUTS if layout.stages == 3]
    assert np.mean(play(scenes_of(layouts), noise=0.1) <= 125) >= 0.99


def test_the_expert_clears_up_a_heap(heap):
    assert tf.reduce_mean(tf.cast(heap.cubes[..., 2] > SIDE, tf.float32)) > 0.1
    assert np.mean(play(heap, steps=300) <= 300) >= 0.99


def test_after_its_work_the_expert_rests():
    world, state = scene("ba", [(0, 0, 1), (0, 0, 0)], over((0, 0, 1)))
    assert world.succeeded(state).numpy().all() and world.expert(state)[0, 3] == 1  # it grasps no cube again
    for _ in range(5):
        state = world.step(state, world.expert(state))
    np.testing.assert_allclose(world.expert(state), [OPEN], atol=1e-5)
    assert world.succeeded(state).numpy().all() and state.gripper[0, 2] > 2.5 * SIDE


def test_the_expert_places_tower_by_tower_from_the_bottom():
    world, state = scene("abc de", [(0, 0, 0), (2, 0, 0), (4, 0, 0), (-2, 0, 0), (-4, 0, 0)])
    placed, step = [], tf.function(lambda state: world.step(state, world.expert(state)))
    for _ in range(world.horizon):
        before, state = state.held.numpy()[0], step(state)
        if before < 0 <= state.held.numpy()[0]:
            placed.append(int(state.held.numpy()[0]))
    assert placed == [1, 2, 4] and world.succeeded(state).numpy().all()


# Gravity and support.


@pytest.mark.parametrize(
    ("cubes", "after"),
    [
        ([(0, 0, 3), (4, 0, 0)], [0, 0]),  # nothing below
        ([(0, 0, 0), (0, 0, 5)], [0, 1]),
        ([(0, 0, 0), (0.9, 0.9, 5)], [0, 1]),  # an edge is enough
        ([(0, 0, 0), (1, 0.9, 5)], [0, 0]),  # a touch is not
        ([(0, 0, 0), (0, 0, 1)], [0, 1]),  # stays
        ([(0, 0, 0), (0.8, 0, 1), (0.4, 0.1, 7)], [0, 1, 2]),  # the highest of two
        ([(0, 0, 2), (0, 0, 3)], [0, 3]),  # what lies on a cube follows a step later
    ],
)
def test_cubes_fall_to_the_highest_that_they_overlap(cubes, after):
    world, state = scene("abc"[: len(cubes)], cubes)
    state = act(world, state, WAIT)
    assert heights(state) == after
    if after == [0, 3]:
        assert heights(act(world, state, WAIT)) == [0, 1]


def test_a_held_cube_stays_in_the_air_and_falls_from_open_fingers():
    cubes = [(0, 0, 0), (0.2, 0, 4)]
    world, state = scene("ab", cubes, over(cubes[1]), SIDE, held=1)
    state = act(world, state, WAIT)
    assert heights(state) == [0, 4] and not world.succeeded(state).numpy().any()
    state = act(world, state, [0, 0, 0, 0.1])  # an opening of 0.054 still holds
    assert state.held.numpy() == [1]
    state = act(world, state, OPEN)
    assert state.held.numpy() == [-1] and heights(state) == [0, 1] and world.succeeded(state).numpy().all()


# The gripper and what is in its way.


@pytest.mark.parametrize(
    ("up", "aside", "held"), [(0, 0, 0), (0.28, 0.28, 0), (0, 0.32, -1), (0.32, 0, -1), (2, 0, -1)]
)
def test_fingers_hold_a_cube_that_is_between_them(up, aside, held):
    world, state = scene("ab", [(0, 0, 0), (3, 0, 0)], over((0, 0, 0), up, aside))
    state = act(world, state, CLOSE, CLOSE)
    assert state.held.numpy() == [held]
    assert np.isclose(state.opening.numpy()[0], SIDE if held == 0 else 0)
    carried = act(world, state, [0, -1, 1, -1])
    moved = carried.cubes - state.cubes
    np.testing.assert_allclose(moved, [[[0, -SIDE, SIDE] if held == 0 else [0, 0, 0], [0, 0, 0]]], atol=1e-6)


def test_closed_fingers_must_open_before_they_hold_a_cube():
    world, state = scene("ba", [(0, 0, 0), (3, 0, 0)], over((0, 0, 0)), opening=0.03)
    closed = act(world, state, CLOSE)
    assert closed.held.numpy() == [-1] and closed.opening.numpy() == [0]
    for _ in range(3):
        state = world.step(state, world.expert(state))
    assert state.held.numpy() == [0]


def test_a_cube_on_which_another_lies_cannot_be_lifted():
    world, state = scene("ab", [(0, 0, 0), (0.9, 0, 1)], over((0, 0, 0), up=0.1))
    state = act(world, state, CLOSE, CLOSE, UP)
    assert state.held.numpy() == [-1] and heights(state) == [0, 1]


def test_a_carried_cube_stops_on_what_is_below_it():
    cubes = [(0, 0, 0), (0.3, 0.3, 1.4)]
    world, state = scene("ab", cubes, over(cubes[1]), SIDE, held=1)
    state = act(world, state, DOWN, DOWN)
    assert heights(state) == [0, 1]
    np.testing.assert_allclose(state.gripper, [over((0.3, 0.3, 1))], atol=1e-6)
    cubes = [(0, 0, 0), (3, 0, 0.4)]
    world, state = scene("ab", cubes, over(cubes[1], up=0.2), SIDE, held=1)
    assert heights(act(world, state, DOWN, DOWN)) == [0, 0]  # on the table


def test_a_carried_cube_stops_beside_a_tower_and_jumps_over_nothing():
    cubes = [(0, 0, 0), (0, 0, 1), (1.5, 0, 1)]
    world, state = scene("abc", cubes, over(cubes[2]), SIDE, held=2)
    state = act(world, state, [-1, 0.5, 0, 0])
    np.testing.assert_allclose(state.cubes[0, 2] / SIDE, [1, 0.5, 1.5], atol=1e-5)  # on along y it goes
    state = act(world, state, *[[-1, 0, 0, 0]] * 3)
    np.testing.assert_allclose(state.cubes[0, 2] / SIDE, [1, 0.5, 1.5], atol=1e-5)
    state = act(world, state, UP, *[[-1, 0, 0, 0]] * 3)
    np.testing.assert_allclose(state.cubes[0, 2] / SIDE, [-2, 0.5, 2.5], atol=1e-5)
    np.testing.assert_allclose(state.cubes[0, :2] / SIDE, [[0, 0, 0.5], [0, 0, 1.5]], atol=1e-6)


def test_the_gripper_goes_up_before_it_goes_across_and_down_after_it():
    cubes = [(0, 0, 0), (1.2, 0, 0.5)]
    world, state = scene("ab", cubes, over(cubes[1]), SIDE, held=1)
    state = act(world, state, [-1, 0, 1, 0])
    np.testing.assert_allclose(state.cubes[0, 1] / SIDE, [0.2, 0, 2], atol=1e-5)
    state = act(world, state, [-1, 0, 0, 0], [-0.5, 0, -1, 0], DOWN)
    np.testing.assert_allclose(state.cubes[0, 1] / SIDE, [-1.3, 0, 0.5], atol=1e-5)


def test_the_palm_is_stopped_by_a_cube_and_open_fingers_go_around_it():
    cubes = [(0, 0, 0), (3, 0, 0)]
    world, state = scene("ab", cubes, over(cubes[0], up=1))
    np.testing.assert_allclose(
        act(world, state, DOWN, DOWN).gripper, [[0, 0, 2 * SIDE / 2 - 0.03]], atol=1e-6
    )
    closed = state._replace(opening=tf.constant([0.0]))
    np.testing.assert_allclose(act(world, closed, DOWN, DOWN).gripper, [[0, 0, SIDE + 0.02]], atol=1e-6)


def test_the_gripper_stays_over_the_table():
    world, state = scene("ab", [(0, 0, 0), (0, 2, 0)], (0.28, -0.28, 0.03))
    np.testing.assert_allclose(act(world, state, [1, -1, -1, 0]).gripper, [[0.3, -0.3, 0.02]], atol=1e-6)
    state = act(world, state, *[[0, 0, 1, -1]] * 10)
    np.testing.assert_allclose(state.gripper, [[0.28, -0.28, 0.25]], atol=1e-6)
    np.testing.assert_allclose(state.opening, [0.0])


def test_actions_are_clipped():
    world, state = scene("ab", [(0, 0, 0), (0, 2, 0)], (0, 0, 0.15), opening=0.0)
    far, near = act(world, state, [9, -9, 9, 9]), act(world, state, [1, -1, 1, 1])
    tf.nest.map_structure(np.testing.assert_array_equal, far, near)
    np.testing.assert_allclose(near.gripper, [[0.05, -0.05, 0.2]], atol=1e-6)
    np.testing.assert_allclose(near.opening, [0.04])


@pytest.mark.parametrize(
    ("layout", "cubes", "done"),
    [
        ("ab", [(0, 0, 0), (0.49, -0.49, 1)], True),
        ("ab", [(0, 0, 0), (0.51, 0, 1)], False),  # its centre is not over the other cube
        ("ba", [(0, 0, 0), (0, 0, 1)], False),  # upside down
        ("ab c", [(0, 0, 0), (0, 0, 1), (0, 0, 2)], False),  # c belongs on the table
        ("ab c", [(0, 0, 0), (0, 0, 1), (0, 2, 0)], True),
        ("abc", [(0, 0, 0), (0, 0, 1), (0, 2, 0)], False),
    ],
)
def test_a_task_is_done_where_all_cubes_are_placed(layout, cubes, done):
    world, state = scene(layout, cubes)
    assert world.succeeded(state).numpy().tolist() == [done]


# Scenes and what is seen of them.


def test_cubes_are_apart_at_the_start_and_on_the_table():
    state = scenes_of(LAYOUTS)
    seen = WORLD.observe(state)
    apart = np.abs(state.cubes.numpy()[:, :, None] - state.cubes.numpy()[:, None]).max(axis=-1)
    pairs = seen.present.numpy()[:, None] & seen.present.numpy()[:, :, None] & ~np.eye(8, dtype=bool)
    assert 0.1 - 1e-6 <= apart[pairs].min() < 0.11
    np.testing.assert_allclose(state.cubes.numpy()[seen.present.numpy()][:, 2], SIDE / 2)
    np.testing.assert_array_equal(seen.present.numpy().sum(axis=1), state.task.count)
    assert not seen.objects.numpy()[~seen.present.numpy()].any()
    assert not WORLD.succeeded(state).numpy().any()


def test_what_is_seen_is_relative_to_the_gripper():
    world, state = scene("ab", [(0, 0, 0), (2, -1, 0)], (0.05, 0.1, 0.125), opening=0.04)
    seen = world.observe(state)
    np.testing.assert_allclose(seen.objects, [[[-1, -2, -2], [1, -3, -2]]], atol=1e-5)
    np.testing.assert_allclose(seen.body, [[0.5, 2.5]], atol=1e-6)
    assert seen.objects.shape[2] == world.object_size and seen.body.shape[1] == world.body_size


def test_seeds_name_tasks_and_scenes():
    tasks = WORLD.draw([0, 1], 50)
    tf.nest.map_structure(np.testing.assert_array_equal, tasks, WORLD.draw([0, 1], 50))
    assert not np.array_equal(tasks.supports, WORLD.draw([0, 2], 50).supports)
    scenes = WORLD.arrange(tasks, [0, 1])
    tf.nest.map_structure(np.testing.assert_array_equal, scenes, WORLD.arrange(tasks, [0, 1]))
    other = WORLD.arrange(tasks, [0, 2])
    assert not np.isclose(scenes.cubes, other.cubes)[WORLD.observe(other).present].all(axis=1).any()


def rows(state, chosen):
    return tf.nest.map_structure(lambda part: tf.gather(part, chosen), state)


@pytest.mark.parametrize("scenes", ["midway", "heap"])
def test_permuting_the_cubes_permutes_everything(scenes, request):
    state = request.getfixturevalue(scenes)
    random = np.random.default_rng(2)
    count = state.task.count.numpy()
    old = np.stack(
        [[*random.permutation(there), *range(there, 8)] for there in count]
    )  # number of each, before
    new = np.argsort(old, axis=1)  # number of each, after

    def renamed(numbers):
        return np.where(numbers < 0, -1, np.take_along_axis(new, np.maximum(numbers, 0), axis=1)).astype(
            np.int32
        )

    def permuted(state):
        task = state.task._replace(
            supports=tf.constant(np.take_along_axis(renamed(state.task.supports.numpy()), old, axis=1)),
            rank=tf.gather(state.task.rank, old, batch_dims=1),
        )
        held = tf.constant(renamed(state.held.numpy()[:, None])[:, 0])
        return state._replace(task=task, cubes=tf.gather(state.cubes, old, batch_dims=1), held=held)

    other = permuted(state)
    assert not np.array_equal(other.cubes, state.cubes)
    action = WORLD.expert(state)
    np.testing.assert_allclose(WORLD.expert(other), action, atol=1e-6)
    stepped = permuted(WORLD.step(state, action))
    tf.nest.map_structure(np.testing.assert_array_equal, WORLD.step(other, action), stepped)
    seen = WORLD.observe(state)._replace(objects=tf.gather(WORLD.observe(state).objects, old, batch_dims=1))
    tf.nest.map_structure(np.testing.assert_array_equal, WORLD.observe(other), seen)
    np.testing.assert_array_equal(WORLD.succeeded(other), WORLD.succeeded(state))


def test_a_step_is_the_same_in_and_out_of_the_graph(midway):
    def step(state):
        action = WORLD.expert(state)
        return action, WORLD.step(state, action), WORLD.observe(state), WORLD.succeeded(state)

    def compare(one, other):
        np.testing.assert_allclose(tf.cast(one, tf.float32), tf.cast(other, tf.float32), atol=1e-6)

    tf.nest.map_structure(compare, step(midway), tf.function(step)(midway))


def test_scenes_of_a_batch_do_not_touch_each_other(midway):
    action = WORLD.expert(midway)
    together = WORLD.step(midway, action)
    for number in range(0, SCENES, 40):
        alone = rows(midway, [number])
        np.testing.assert_array_equal(WORLD.expert(alone)[0], action[number])
        stepped = WORLD.step(alone, tf.gather(action, [number]))
        tf.nest.map_structure(np.testing.assert_array_equal, stepped, rows(together, [number]))


def test_room_for_more_cubes_changes_nothing():
    cubes = [(0, 0, 2), (2, 1, 0), (-2, 1, 0)]  # one falls to where cubes are zeros that are not there
    small, state = scene("ab c", cubes, (0.0, 0.0, 0.2))
    large = StackingWorld(["ab c"], most_cubes=6)
    room = large.arrange(large.tasks(["ab c"]), [0, 0])
    room = room._replace(
        cubes=tf.pad(state.cubes, [[0, 0], [0, 3], [0, 0]]), gripper=state.gripper, opening=state.opening
    )
    for _ in range(20):
        action = small.expert(state)
        np.testing.assert_allclose(large.expert(room), action, atol=1e-6)
        state, room = small.step(state, action), large.step(room, action)
    np.testing.assert_allclose(room.cubes[:, :3], state.cubes, atol=1e-6)
    assert not room.cubes.numpy()[:, 3:].any()
    assert small.succeeded(state).numpy().all() and large.succeeded(room).numpy().all()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"layouts": []}, ValueError, "No layouts came"),
        ({"layouts": ["a b"]}, ValueError, "all cubes stay on the table; expected a tower"),
        ({"layouts": ["aa"]}, LayoutError, "names cube 'a' 2 times"),
        ({"layouts": ["abc"], "most_cubes": 2}, LayoutError, "has 3 cubes; expected at most 2"),
        ({"layouts": ["abc"], "most_cubes": 11}, ValueError, "most_cubes=11; expected at most 10"),
        ({"layouts": ["ab"], "horizon": 0}, ValueError, "horizon=0; expected at least 1 step"),
    ],
)
def test_a_world_that_cannot_be_is_refused_with_words(arguments, error, words):
    with pytest.raises(error, match=words):
        StackingWorld(**arguments)
