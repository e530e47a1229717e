"""The network as a whole: what it answers, how it trains under plain fit, and that it comes back from a file."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.modules.worlds import ANSWERS, WORDS, B, D, K, R, random_world
from tfmeta.modules.cells import cell_network
from tfmeta.modules.evaluator import evaluate
from tfmeta.modules.layout import parse_layout
from tfmeta.modules.module_network import ModuleNetwork
from tfmeta.modules.program import pad_layouts
from tfmeta.modules.set_crossentropy import SetCrossentropy
from tfmeta.modules.world import World

QUESTION_WORDS = ["is", "it", "red", "round", "above"]
LAYOUTS = [
    ["(exists (and find[red] find[round]))", "(describe[red] lookup[place-1])"],
    ["(exists (relate[above] find[red]))"],
    ["(measure[round] find[red])", "(exists find[red])", "(describe[round] find[round])"],
]
SETS = [["find[red]", "(relate[above] lookup[place-2])"], ["find[round]"], ["(exists find[red])"]]


def inputs_of(layouts, **changes):
    world = random_world()
    programs = pad_layouts([[parse_layout(text) for text in candidates] for candidates in layouts])
    given = {
        "question": tf.constant(["Is it red and round?", "is it above?", "Round?"]),
        "layouts": tf.constant(programs),
        "features": world.features, "mask": world.mask, "pairs": world.pairs, "names": world.names,
    }  # fmt: skip
    return {**given, **changes}


def build(**changes):
    settings = {"features": D, "pairs": R, "positions": K, "hidden": 6, "units": 5, "seed": 0}
    return ModuleNetwork(WORDS, QUESTION_WORDS, ANSWERS, **(settings | changes))


@pytest.fixture(scope="module")
def network():
    return build()


@pytest.fixture(scope="module")
def of_sets():
    return build(sets=True, attention="sigmoid", form="product", choice="expected")


def test_it_answers_by_the_best_candidate(network):
    output, world = network(inputs_of(LAYOUTS)), random_world()
    assert output["answers"].shape == (B, len(ANSWERS)) and output["scores"].shape == (B, 3)
    np.testing.assert_array_equal(output["choice"], np.argmax(output["scores"], axis=1))
    np.testing.assert_array_equal(output["scores"].numpy() == -1e9, [[0, 0, 1], [0, 1, 1], [0, 0, 0]])
    for row in range(B):
        layout = parse_layout(LAYOUTS[row][output["choice"][row]])
        expected = evaluate(network.inventory, layout, World(*(x[row : row + 1] for x in world))).value
        np.testing.assert_allclose(output["answers"][row], expected[0], atol=1e-6)


def test_sets_stand_behind_the_labels(of_sets):
    output, world = of_sets(inputs_of(SETS)), random_world()
    answers, mask = output["answers"].numpy(), world.mask.numpy()
    assert answers.shape == (B, len(ANSWERS) + K)
    assert not answers[:2, :3].any() and not answers[2, 3:].any()
    np.testing.assert_allclose(answers[2, :3].sum(), 1.0, rtol=1e-5)
    assert not answers[:, 3:][mask == 0].any() and answers[1, 3:].any()


def test_a_model_of_sets_alone_has_no_labels():
    network = ModuleNetwork(WORDS, QUESTION_WORDS, features=D, sets=True, choice="first", seed=0)
    given = without(inputs_of([["(and find[red] lookup[place-1])"]] * B), "pairs")
    answers = network(given)["answers"].numpy()
    assert answers.shape == (B, K) and (answers[:, 1] > 0).all() and not answers[:, 2:].any()
    with pytest.raises(tf.errors.InvalidArgumentError, match="is exists, but a step is one of lookup"):
        network(without(inputs_of([["(exists find[red])"]] * B), "pairs"))


def test_what_is_left_out_is_as_if_all_were_there(network):
    world = random_world(pairs=True, names=False)
    texts = [["(exists find[red])"]] * B
    given = inputs_of(texts, mask=tf.ones([B, K]))
    there = network(given)["answers"]
    absent = network({name: given[name] for name in ("question", "layouts", "features", "pairs")})["answers"]
    np.testing.assert_array_equal(there, absent)
    with pytest.raises(ValueError, match=r"without \['features', 'question'\]"):
        network({"layouts": given["layouts"], "pairs": world.pairs})
    with pytest.raises(tf.errors.InvalidArgumentError, match="the positions of this world have no names"):
        network(without(inputs_of(LAYOUTS), "names"))


def without(inputs, name):
    return {key: value for key, value in inputs.items() if key != name}


@pytest.mark.parametrize("choice", ["sampled", "expected", "marginal"])
def test_fit_moves_what_it_trains(choice):
    network = build(choice=choice, exploration=0.01)
    metrics = ["accuracy"] if choice == "sampled" else []
    network.compile(optimizer=keras.optimizers.Adam(0.02), metrics=metrics)
    data = tf.data.Dataset.from_tensors((inputs_of(LAYOUTS), tf.constant([1, 2, 0])))
    before = [weight.numpy() for weight in network.trainable_variables]
    history = network.fit(data.repeat(30), verbose=0, shuffle=False).history
    assert set(history) == {"loss", *metrics}
    moved = {
        weight.path.split("/")[-2]
        for weight, old in zip(network.trainable_variables, before, strict=True)
        if (weight.numpy() != old).any()
    }
    assert moved >= {"find", "exists", "chooser", "lstm_cell"}
    y = np.array([1, 2, 0])
    right = network(inputs_of(LAYOUTS))["answers"].numpy()[np.arange(B), y]
    assert (right > build(choice=choice)(inputs_of(LAYOUTS))["answers"].numpy()[np.arange(B), y]).all()
    if choice == "sampled":
        found = network.evaluate(data, verbose=0, return_dict=True)
        assert set(found) == {"loss", "accuracy"} and found["loss"] == pytest.approx(
            -np.log(right).mean(), rel=1e-4
        )
        predicted = network.predict(data, verbose=0)["answers"]
        np.testing.assert_allclose(predicted[np.arange(B), y], right, rtol=1e-5, atol=1e-6)


def test_sets_are_learnt(of_sets):
    network = ModuleNetwork.from_config({**of_sets.get_config(), "choice": "first"})
    network.compile(optimizer=keras.optimizers.Adam(0.1))
    wanted = np.zeros([B, len(ANSWERS) + K], np.float32)
    wanted[0, 3], wanted[1, 4], wanted[2, 0] = 1.0, 1.0, 1.0
    data = tf.data.Dataset.from_tensors((inputs_of(SETS), tf.constant(wanted))).repeat(40)
    history = network.fit(data, epochs=2, steps_per_epoch=20, verbose=0, shuffle=False).history["loss"]
    assert history[1] < history[0]
    assert ((network(inputs_of(SETS))["answers"].numpy() > 0.5) == wanted)[1:].all()


def test_the_loss_of_a_set_is_its_likelihood():
    y, p = np.array([[1.0, 0.0, 0.0]]), np.array([[0.5, 0.25, 0.0]])
    value = SetCrossentropy(epsilon=1e-6)(tf.constant(y), tf.constant(p))
    np.testing.assert_allclose(value, -np.log(0.5 * 0.75), rtol=1e-4)


def test_it_comes_back_from_its_config_and_from_a_file(network, tmp_path):
    again = ModuleNetwork.from_config(network.get_config())
    assert again.get_config() == network.get_config()
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    for name, value in network(inputs_of(LAYOUTS)).items():
        np.testing.assert_allclose(value, again(inputs_of(LAYOUTS))[name], rtol=1e-6, atol=1e-6)


def test_a_front_makes_worlds_of_images(tmp_path):
    front = cell_network((8, 12, 3), cells=(2, 3), features=4, filters=2, coordinates=True, seed=0)
    network = ModuleNetwork(
        WORDS, QUESTION_WORDS, ["no", "yes"], features=6, pairs=9, front=front, choice="first", seed=0
    )
    network.compile(keras.optimizers.SGD(0.5))
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert float(again.optimizer.learning_rate) == 0.5
    layouts = pad_layouts([[parse_layout("(exists (relate[above] find[red]))")]] * 2)
    image = np.random.RandomState(0).rand(2, 8, 12, 3).astype(np.float32)
    inputs = {
        "question": tf.constant(["?", "?"]),
        "layouts": tf.constant(layouts),
        "image": tf.constant(image),
    }
    answers = network(inputs)["answers"]
    np.testing.assert_allclose(again(inputs)["answers"], answers, rtol=1e-6, atol=1e-6)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(inputs, training=True)["answers"][:, 0])
    assert all(bool(tf.reduce_any(x != 0)) for x in tape.gradient(loss, front.trainable_variables)[::2])


def test_features_of_cells_may_be_normalised():
    images = np.random.default_rng(0).random([2, 8, 8, 3], np.float32)
    features = cell_network((8, 8, 3), cells=(2, 2), features=8, normalised=True, seed=0)(images)["features"]
    np.testing.assert_allclose(np.mean(features, -1), 0.0, atol=1e-4)
    assert np.std(features, -1).min() > 0.5


def test_colours_and_forms_may_be_looked_for_apart():
    front = cell_network((4, 8, 3), cells=(1, 2), features=6, normalised=True, apart=True, seed=0)
    forms = np.random.default_rng(0).random([2, 4, 8, 1], np.float32)
    forms /= forms.reshape([2, 4, 2, 4, 1]).max((1, 3), keepdims=True).repeat(4, 3).reshape([2, 1, 8, 1])
    red, violet = (np.array(colour, np.float32) for colour in ([1, 0, 0], [0.6, 0, 1]))
    features = front(np.stack([forms[0] * red, forms[0] * violet, forms[1] * red]))["features"].numpy()
    np.testing.assert_allclose(features[0, :, :3], features[2, :, :3], atol=1e-5)
    np.testing.assert_allclose(features[0, :, 3:], features[1, :, 3:], atol=1e-5)
    assert (
        np.abs(features[0] - features[1])[:, :3].max() > 0.1 < np.abs(features[0] - features[2])[:, 3:].max()
    )


def test_cells_say_how_they_lie():
    front = cell_network((8, 12, 3), cells=(2, 3), features=4, filters=2, coordinates=True)
    world = front(np.zeros([1, 8, 12, 3], np.float32))
    places = world["features"][0, :, 4:].numpy().tolist()
    assert places == [[-1, -1], [-1, 0], [-1, 1], [1, -1], [1, 0], [1, 1]]
    pairs = world["pairs"][0].numpy()
    assert pairs.shape == (6, 6, 9)
    for k in range(6):
        for j in range(6):
            down, right = k // 3 - j // 3, k % 3 - j % 3
            expected = np.zeros(9)
            if abs(right) <= 1:
                expected[(down + 1) * 3 + right + 1] = 1.0
            np.testing.assert_array_equal(pairs[k, j], expected)
    with pytest.raises(ValueError, match=r"makes cells of 3.33333x3.33333 pixels; expected an even number"):
        cell_network((10, 10, 3), cells=(3, 3))


def test_settings_that_do_not_fit_are_told():
    for changes, message in (
        ({"choice": "best"}, "choice='best'; expected 'sampled', 'expected', 'marginal' or 'first'"),
        ({"depth": 1}, "depth=1; expected at least 2"),
    ):
        with pytest.raises(ValueError, match=message):
            build(**changes)
    with pytest.raises(ValueError, match="there is nothing to answer with"):
        ModuleNetwork(WORDS, QUESTION_WORDS, features=D)
