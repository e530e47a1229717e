"""The policy of block stacking: its attention, and what must not change its actions."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.imitation import (
    NeighbourhoodAttention,
    Observation,
    OneShotPolicy,
    StackingWorld,
    demonstrate,
)
from tfmeta.imitation.demonstration import Demonstration
from tfmeta.imitation.steps import at_random, evenly, last, releases

B, N = 3, 5


@pytest.fixture(scope="module")
def world():
    return StackingWorld(["ab c", "cab de", "ab cd"], most_cubes=N)


@pytest.fixture(scope="module")
def shown(world):
    tasks = world.tasks(["ab c", "cab de", "ab cd"])
    return tf.function(demonstrate)(world, tasks, tf.constant([0, 1])).demonstration()


@pytest.fixture(scope="module")
def seen(world):
    return world.observe(world.arrange(world.tasks(["ab c", "cab de", "ab cd"]), [0, 2]))


@functools.cache
def policy_of(world, **options):
    return OneShotPolicy.of_world(world, units=8, **{"steps": 6, "seed": 0, **options})


def reordered(x, order, axis):
    return tf.gather(x, order, axis=axis)


# Neighbourhood attention


@pytest.fixture(scope="module")
def layer():
    layer = NeighbourhoodAttention(units=4, keys=3, heads=2, seed=0)
    layer.build((None, None, 5), (None, None, 3), (None, 2))
    return layer


def scene(objects=N):
    draw = [
        tf.random.stateless_normal([2, objects, 5], [0, 0]),
        tf.random.stateless_normal([2, objects, 3], [0, 1]),
    ]
    present = tf.constant([[True] * objects, [True] * 2 + [False] * (objects - 2)])
    return [*draw, tf.random.stateless_normal([2, 2], [0, 2]), present]


def test_it_is_the_formula_of_the_paper(layer):
    h, x, s, present = (value.numpy() for value in scene())
    q = h @ layer.query.kernel.numpy() + layer.query.bias.numpy()
    c, v = h @ layer.key.kernel.numpy(), layer.score.kernel.numpy()
    expected = np.zeros([2, N, 4])
    for row in range(2):
        there = np.flatnonzero(present[row])
        for i in there:
            w = np.array([np.tanh(q[row, i] + c[row, j]) @ v for j in there])  # [J, heads]
            shares = np.exp(w) / np.exp(w).sum(0)
            memory = np.concatenate([x[row, there], h[row, there]], axis=1)
            result = (shares.T @ memory).ravel()
            joined = np.concatenate([h[row, i], result, x[row, i], s[row]])
            expected[row, i] = joined @ layer.linear.kernel.numpy() + layer.linear.bias.numpy()
    found = layer(h, x, s, present)
    np.testing.assert_allclose(found.numpy()[present], expected[present], atol=1e-5)


def test_another_order_of_objects_is_another_order_of_outputs_and_weights(layer):
    h, x, s, present = scene()
    order = [3, 1, 4, 0, 2]
    others = [reordered(value, order, 1) for value in (h, x)]
    also = reordered(present, order, 1)
    found = layer(*others, s, also).numpy()
    there = also.numpy()
    np.testing.assert_allclose(
        found[there], reordered(layer(h, x, s, present), order, 1).numpy()[there], atol=1e-5
    )
    weights = layer.weights_of(others[0], also)
    expected = reordered(reordered(layer.weights_of(h, present), order, 2), order, 3)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(tf.reduce_sum(weights, -1), 1, atol=1e-5)


def test_room_for_more_objects_changes_nothing(layer):
    h, x, s, present = scene()
    more = [tf.pad(value, [[0, 0], [0, 3], [0, 0]], constant_values=7.0) for value in (h, x)]
    found = layer(*more, s, tf.pad(present, [[0, 0], [0, 3]]))[:, :N]
    np.testing.assert_allclose(found.numpy()[present], layer(h, x, s, present).numpy()[present], atol=1e-5)


def test_the_layer_is_made_again_from_its_config(layer):
    again = NeighbourhoodAttention.from_config(layer.get_config())
    h, x, s, present = scene()
    np.testing.assert_allclose(again(h, x, s, present), layer(h, x, s, present), atol=1e-6)


# The steps that are read


def test_steps_are_at_equal_distances_and_end_with_the_last():
    assert evenly(tf.constant([8, 3, 1]), 4).numpy().tolist() == [[1, 3, 5, 7], [0, 1, 1, 2], [0, 0, 0, 0]]
    assert last(tf.constant([8, 1]), 2).numpy().tolist() == [[7, 7], [0, 0]]


def test_steps_at_random_are_in_order_and_within_the_demonstration():
    length = tf.constant([1, 5, 200] * 20)
    steps = at_random(length, 6, [0, 0]).numpy()
    assert (np.diff(steps) >= 0).all() and (steps >= 0).all()
    assert (steps[:, -1] == length.numpy() - 1).all()
    assert len(np.unique(steps[2::3, :5])) > 60
    assert (steps != at_random(length, 6, [0, 1]).numpy()).any()


def test_snapshots_are_taken_when_a_cube_was_let_go(world, shown):
    steps = releases(shown, 4).numpy()
    stages = [1, 3, 2]
    for row, count in enumerate(stages):
        final = int(shown.length[row]) - 1
        early = [step for step in steps[row] if step < final]
        assert len(early) == count and steps[row, -1] == final
        opening = shown.body[row, :, 0].numpy()
        assert all(opening[step] > 0.7 and opening[step - 1] <= 0.7 for step in early)


# The policy


def test_another_order_of_cubes_permutes_the_attention_and_leaves_the_action(world, shown, seen):
    policy, order = policy_of(world), [3, 0, 4, 1, 2]
    other = shown._replace(
        objects=reordered(shown.objects, order, 2), present=reordered(shown.present, order, 1)
    )
    now = seen._replace(objects=reordered(seen.objects, order, 1), present=reordered(seen.present, order, 1))
    demo, demo_other = policy.embed(shown), policy.embed(other)
    np.testing.assert_allclose(policy.act(demo_other, now), policy.act(demo, seen), atol=1e-5)
    found, expected = policy.relate(demo_other, now), policy.relate(demo, seen)
    np.testing.assert_allclose(found.of_objects, reordered(expected.of_objects, order, 2), atol=1e-5)
    np.testing.assert_allclose(found.of_steps, expected.of_steps, atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(expected.of_steps, -1), 1, atol=1e-5)
    assert not tf.boolean_mask(tf.transpose(expected.of_objects, [0, 2, 1]), ~seen.present).numpy().any()


def test_one_policy_is_for_any_number_of_cubes(world, shown, seen):
    policy = policy_of(world)
    larger = StackingWorld(["ab c"], most_cubes=8)
    other = policy_of(larger, seed=9)
    other.set_weights(policy.get_weights())

    def room(x, axis):
        return tf.pad(x, [[0, 3] if at == axis else [0, 0] for at in range(len(x.shape))])

    more = shown._replace(objects=room(shown.objects, 2), present=room(shown.present, 1))
    now = seen._replace(objects=room(seen.objects, 1), present=room(seen.present, 1))
    np.testing.assert_allclose(
        other.act(other.embed(more), now), policy.act(policy.embed(shown), seen), atol=1e-5
    )


def test_several_scenes_of_a_demonstration_are_answered_like_one_at_a_time(world, shown, seen):
    policy = policy_of(world)
    demo = policy.embed(shown)
    twice = tf.nest.map_structure(lambda x: tf.repeat(x, 2, axis=0), seen)
    np.testing.assert_allclose(
        policy.act(demo, twice), tf.repeat(policy.act(demo, seen), 2, axis=0), atol=1e-5
    )


def test_an_ensemble_acts_by_the_mean_of_its_readings(world, shown, seen):
    policy = policy_of(world, ensemble=3)
    demo = policy.embed(shown)
    assert demo.shape == (B, policy.state_size)
    parts = tf.split(demo, 3, axis=1)
    assert np.abs(parts[0] - parts[2]).max() > 1e-3
    mean = sum(policy.act(part, seen) for part in parts) / 3
    np.testing.assert_allclose(policy.act(demo, seen), mean, atol=1e-5)


@pytest.mark.parametrize(
    ("condition", "first_counts", "last_counts"),
    [
        ("demonstration", True, True),
        ("snapshots", False, True),
        ("final-state", False, True),
        ("nothing", False, False),
    ],
)
def test_a_condition_says_what_is_read(world, shown, seen, condition, first_counts, last_counts):
    policy = policy_of(world, condition=condition)
    action = policy.act(policy.embed(shown), seen)

    def changes(step_of):
        change = tf.one_hot(step_of, shown.body.shape[1])[:, :, None, None]
        other = policy.act(policy.embed(shown._replace(objects=shown.objects + change)), seen)
        return bool(np.abs(other - action).max() > 1e-6)

    first = evenly(shown.length, 6)[:, 0]
    assert changes(first) == first_counts and changes(shown.length - 1) == last_counts


def test_temporal_dropout_is_for_training_only(world, shown):
    policy = policy_of(world)
    drawn = [policy.chosen(shown, tf.constant([0, number])) for number in (0, 1)]
    assert drawn[0].objects.shape == (B, 6, N, 3)
    assert np.abs(drawn[0].objects - drawn[1].objects).max() > 0.01
    np.testing.assert_array_equal(policy.chosen(shown).body, policy.chosen(shown).body)


def test_it_is_a_keras_model_that_is_saved_with_its_settings(world, shown, seen, tmp_path):
    policy = policy_of(world, condition="nothing", ensemble=2)
    policy.save(tmp_path / "policy.keras")
    again = keras.saving.load_model(tmp_path / "policy.keras")
    assert (again.condition, again.ensemble, again.steps) == ("nothing", 2, 6)
    np.testing.assert_allclose(
        again.act(again.embed(shown), seen), policy.act(policy.embed(shown), seen), atol=1e-6
    )


@pytest.mark.parametrize("steps", [1, 1000])
def test_demonstrations_of_one_step_and_of_a_thousand(world, shown, seen, steps):
    pace = tf.cast(tf.linspace(0, 30, steps), tf.int32)
    long = Demonstration(
        tf.gather(shown.objects, pace, axis=1), shown.present, tf.gather(shown.body, pace, axis=1),
        tf.fill([B], steps),
    )  # fmt: skip
    policy = policy_of(world)
    action = policy.act(policy.embed(long), seen)
    assert action.shape == (B, 4) and np.isfinite(action).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps=0, ensemble=1: each must be at least 1"),
        ({"ensemble": 0}, "ensemble=0: each must be at least 1"),
        ({"ensemble": 2, "condition": "snapshots"}, "single choice of steps; expected ensemble=1"),
        ({"ensemble": 2, "condition": "final-state"}, "single choice of steps; expected ensemble=1"),
        ({"condition": "dream"}, "condition='dream'; expected one of demonstration, snapshots"),
        ({"units": 0}, "units=0: each must be at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(world, options, message):
    with pytest.raises(ValueError, match=message):
        OneShotPolicy.of_world(world, **options)


def test_a_scene_of_two_cubes(world):
    small = Observation(
        tf.zeros([1, N, 3]), tf.constant([[True, True, False, False, False]]), tf.zeros([1, 2])
    )
    policy = policy_of(world)
    shown = Demonstration(tf.zeros([1, 2, N, 3]), small.present, tf.zeros([1, 2, 2]), tf.constant([2]))
    assert np.isfinite(policy.act(policy.embed(shown), small)).all()
