import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.modules.cells import cell_network
from tfmeta.modules.monolithic import MonolithicNetwork

WORDS, ANSWERS = ["is", "it", "red", "blue"], ["no", "yes"]


def monolith(front=None):
    front = front or cell_network((8, 8, 3), cells=(2, 2), features=8, filters=4, reach=0, seed=0)
    return MonolithicNetwork(WORDS, ANSWERS, front=front, units=8, hidden=16, seed=1)


@pytest.fixture(scope="module")
def examples():
    """Images that are red or blue, and the question whether they are."""
    random = np.random.RandomState(0)
    blue, asked = random.randint(2, size=[2, 64])
    images = random.uniform(0.0, 0.2, [64, 8, 8, 3]).astype(np.float32)
    images[np.arange(64), :, :, 2 * blue] += 0.7
    x = {"question": tf.constant(np.array(["is it red?", "Is it blue"])[asked]), "image": tf.constant(images)}
    return x, tf.constant((blue == asked).astype(np.int32))


@pytest.fixture(scope="module")
def trained(examples):
    network = monolith()
    network.compile(keras.optimizers.Adam(1e-2), metrics=["accuracy"])
    network.fit(tf.data.Dataset.from_tensors(examples).repeat(150), shuffle=False, verbose=0)
    return network


def test_question_and_image_both_matter(trained, examples):
    x, y = examples
    assert trained(x).shape == (64, 2)
    assert (tf.argmax(trained(x), -1, tf.int32) == y).numpy().mean() > 0.95


def test_every_weight_has_a_gradient(examples):
    network = monolith()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(examples[0]) ** 2)
    gradients = tape.gradient(loss, [weight.value for weight in network.trainable_weights])
    moved = [bool(tf.reduce_any(tf.convert_to_tensor(gradient) != 0)) for gradient in gradients]
    assert moved == [True] * len(moved)


def test_a_question_does_not_depend_on_its_neighbours(trained, examples):
    x = {name: value[:2] for name, value in examples[0].items()}
    alone = trained({name: value[:1] for name, value in x.items()})
    longer = {**x, "question": tf.constant([x["question"][0].numpy(), b"is it it it it red red"])}
    np.testing.assert_allclose(trained(longer)[:1], alone, atol=1e-5)


def test_words_are_told_apart_but_unknown_ones(trained, examples):
    image = examples[0]["image"][:1]

    def answer(text):
        return trained({"question": tf.constant([text]), "image": image}).numpy()

    np.testing.assert_array_equal(answer("is it mauve"), answer("IS IT, greenish!"))
    assert (answer("is it red") != answer("is it blue")).any()
    np.testing.assert_array_equal(answer(""), answer("?!"))
    assert (answer("") != answer("is it red")).any()


def test_what_it_does_not_know_is_left_aside(trained, examples):
    x = examples[0]
    np.testing.assert_array_equal(trained({**x, "layout": tf.fill([64], "find[red]")}), trained(x))


def test_it_is_saved_and_loaded(trained, examples, tmp_path):
    trained.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(loaded(examples[0]), trained(examples[0]), atol=1e-6)
    assert loaded.optimizer.iterations == 150
    loaded.fit(tf.data.Dataset.from_tensors(examples), shuffle=False, verbose=0)


def test_a_front_may_make_more_than_features(examples):
    both = monolith(cell_network((8, 8, 3), cells=(2, 2), features=8, filters=4, reach=1, seed=0))
    np.testing.assert_array_equal(both(examples[0]), monolith()(examples[0]))


def test_bad_settings_and_inputs_are_named(trained):
    with pytest.raises(ValueError, match=r"without \['image'\]; expected question and image"):
        trained({"question": tf.constant(["is it red"])})
    with pytest.raises(ValueError, match="expected two at least"):
        MonolithicNetwork(WORDS, ["no"], front=cell_network((8, 8, 3), cells=(2, 2)))
    image = keras.Input([None, None, 3])
    with pytest.raises(ValueError, match="expected a fixed number"):
        monolith(keras.Model(image, keras.layers.Conv2D(1, 1)(image)))
