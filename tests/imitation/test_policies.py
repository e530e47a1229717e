"""Policies that imitate: what must not change their actions, and what must."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.batch_seeds import batch_seeds
from tfmeta.core.cards import Card
from tfmeta.core.checks import TfmetaError
from tfmeta.core.export import export
from tfmeta.core.gate.check import check_artefact
from tfmeta.core.hub import load
from tfmeta.imitation import (
    POLICIES,
    ImitationLearner,
    ReachingWorld,
    demonstrate,
    imitation_servable,
    play_model,
)
from tfmeta.imitation.demonstration import Demonstration

B, N = 4, 5
each = pytest.mark.parametrize("name", POLICIES)
attending = pytest.mark.parametrize("name", ["lstm-attention", "final-state"])


@pytest.fixture(scope="module")
def world():
    return ReachingWorld(2, 4, slots=N, horizon=8)


@pytest.fixture(scope="module")
def policies(world):
    return {name: kind.of_world(world, units=6, seed=0) for name, kind in POLICIES.items()}


@pytest.fixture(scope="module")
def shown(world):
    return demonstrate(world, world.draw([0, 0], B), [0, 1]).demonstration()


@pytest.fixture(scope="module")
def seen(world):
    return world.observe(world.arrange(world.draw([0, 0], B), [0, 2]))


@each
def test_steps_after_the_end_change_nothing(policies, shown, name):
    policy = policies[name]
    few = shown._replace(length=tf.constant([1, 3, 5, 8]))
    whole = policy.embed(few).numpy()
    for row, length in enumerate([1, 3, 5, 8]):
        one = tf.nest.map_structure(lambda x, row=row: x[row : row + 1], few)
        cut = Demonstration(one.objects[:, :length], one.present, one.body[:, :length], one.length)
        np.testing.assert_allclose(policy.embed(cut)[0], whole[row], atol=1e-5)
        noise = tf.random.stateless_normal([1, 3, N, 2], [0, row])
        longer = Demonstration(
            tf.concat([cut.objects, noise], 1),
            cut.present,
            tf.concat([cut.body, noise[:, :, 0]], 1),
            cut.length,
        )
        np.testing.assert_allclose(policy.embed(longer)[0], whole[row], atol=1e-5)


@attending
def test_the_order_of_objects_permutes_the_attention_and_leaves_the_action(policies, shown, seen, name):
    policy, order = policies[name], [3, 0, 4, 1, 2]

    def permuted(x, axis):
        return tf.gather(x, order, axis=axis)

    weights = policy.embed(shown)
    other = policy.embed(
        shown._replace(objects=permuted(shown.objects, 2), present=permuted(shown.present, 1))
    )
    np.testing.assert_allclose(other, permuted(weights, 1), atol=1e-6)
    np.testing.assert_allclose(tf.reduce_sum(weights, 1), 1, atol=1e-6)
    assert not weights.numpy()[~shown.present.numpy()].any()
    now = seen._replace(objects=permuted(seen.objects, 1), present=permuted(seen.present, 1))
    np.testing.assert_allclose(policy.act(other, now), policy.act(weights, seen), atol=1e-6)


@each
def test_demonstrations_of_one_step_and_of_a_thousand(policies, shown, seen, name):
    for steps in (1, 1000):
        pace = tf.cast(tf.linspace(0, 7, steps), tf.int32)
        long = Demonstration(
            tf.gather(shown.objects, pace, axis=1), shown.present, tf.gather(shown.body, pace, axis=1),
            tf.fill([B], steps),
        )  # fmt: skip
        action = policies[name].act(policies[name].embed(long), seen)
        assert action.shape == (B, 2) and np.isfinite(action).all()


@each
def test_a_policy_is_saved_and_loaded(policies, shown, tmp_path, name):
    policy = policies[name]
    policy.save_weights(tmp_path / "p.weights.h5")
    again = type(policy).from_config({**policy.get_config(), "seed": 5})
    assert np.abs(again.embed(shown) - policy.embed(shown)).max() > 1e-3
    again.load_weights(tmp_path / "p.weights.h5")
    np.testing.assert_array_equal(again.embed(shown), policy.embed(shown))


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
@pytest.mark.parametrize("dagger", [0.0, 0.5, 1.0])
def test_it_learns_what_the_expert_does(dagger):
    world = ReachingWorld(2, 2, horizon=12, near=0.3)
    policy = POLICIES["final-state"].of_world(world, units=16, seed=0)
    learner = ImitationLearner(world, policy, tasks=32, dagger=dagger)
    learner.compile(keras.optimizers.Adam(1e-2))
    history = learner.fit(batch_seeds(0), epochs=3, steps_per_epoch=40, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert ("success" in learner.get_metrics_result()) and (dagger == 0) == (history["success"][-1] == 0)


@pytest.fixture(scope="module", params=["lstm-attention", "plain-lstm", "one-shot"])
def model(request, policies, world, tmp_path_factory):
    servable = imitation_servable(policies[request.param], "imitator", world=world, card=Card("Reaches."))
    return load(export(servable, tmp_path_factory.mktemp("models"))), policies[request.param]


def test_it_may_be_served(model, in_a_hurry):
    report = check_artefact(model[0].path)
    assert report.ok, report


def test_a_served_policy_acts_as_it_does_here(model, world, shown, seen):
    served, policy = model
    demo_state = served.ask("embed", {f"demo_{key}": x.numpy() for key, x in shown._asdict().items()})[
        "demo_state"
    ]
    np.testing.assert_allclose(demo_state, policy.embed(shown), atol=1e-5)
    asked = {**{key: x.numpy() for key, x in seen._asdict().items()}, "demo_state": demo_state}
    np.testing.assert_allclose(served.ask("act", asked)["action"], policy.act(demo_state, seen), atol=1e-5)
    found = play_model(served.ask, world, shown, world.draw([0, 0], B), [0, 2])
    learner = ImitationLearner(world, policy)
    np.testing.assert_array_equal(found, learner.imitate(shown, world.draw([0, 0], B), [0, 2]).succeeded)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"demo_length": np.zeros(B, np.int32)}, "demo_length holds numbers from 0 to 0; expected"),
        ({"demo_length": np.full(B, 9)}, "demo_length holds numbers from 9 to 9"),
        (
            {"demo_objects": np.zeros([B, 0, N, 2]), "demo_body": np.zeros([B, 0, 2])},
            "at least 1|to the 0",
        ),
        ({"demo_body": np.zeros([B, 7, 2])}, "expected the same number, at least 1"),
        ({"demo_objects": np.full([B, 8, N, 2], np.nan)}, "demo_objects holds .* NaN or infinite"),
        ({"demo_objects": np.zeros([B, 8, N + 1, 2])}, "demo_objects has the shape"),
        ({"demo_present": np.zeros([B, N], bool)}, "demo_present says of 4 scenes that they have no object"),
    ],
)
def test_demonstrations_that_do_not_fit_are_refused_with_words(model, shown, changes, message):
    demo = {f"demo_{key}": x.numpy() for key, x in shown._asdict().items()}
    with pytest.raises(TfmetaError, match=message):
        model[0].ask("embed", {**demo, **changes})


@pytest.mark.parametrize(("options", "message"), [({"tasks": 0}, "tasks=0"), ({"dagger": 1.5}, "dagger=1.5")])
def test_settings_that_make_no_sense_are_refused(policies, world, options, message):
    with pytest.raises(ValueError, match=message):
        ImitationLearner(world, policies["final-state"], **options)


def test_a_policy_of_nothing_is_refused(world):
    with pytest.raises(ValueError, match="units=0: each must be at least 1"):
        POLICIES["final-state"].of_world(world, units=0)
