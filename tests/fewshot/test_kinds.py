"""Every kind of layer in every learner by gradient steps, against a step that Keras itself takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.applications import efficientnet  # the public ones are whole, and slow to build

from tests.fewshot.kinds import KINDS, WAYS, L, images, items
from tfmeta.fewshot import MAML, FineTuning, Reptile
from tfmeta.fewshot.head import split_head

RATE = 0.5
ONE = np.zeros([1, 3])
Y = np.array([[0, 1, 1], [1, 0, 1]])
LEARNERS = {
    "maml": lambda network: MAML(network, inner_rate=RATE),
    "anil": lambda network: MAML(network, inner_rate=RATE, adapt_only="head"),
    "reptile": lambda network: Reptile(network, inner_rate=RATE, batch_statistics="none"),
}


def pairs_of(kinds):
    """Each kind with each learner; what takes long, or hides its layers, with MAML alone."""
    alone = {"lstm", "gru", "rnn", "masked-embedding", "subclassed"}
    return [(kind, name) for kind in kinds for name in LEARNERS if name == "maml" or kind not in alone]


def stepped(network, variables, x, training):
    """The variables after one step on one task, by Keras's own call of the network."""
    with tf.GradientTape() as tape:
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(x[1], network(x[0], training=training))
        loss = tf.reduce_mean(loss)
    gradients = tape.gradient(loss, [v.value for v in variables], unconnected_gradients="zero")
    return np.concatenate([np.ravel(v.numpy() - RATE * np.asarray(tf.convert_to_tensor(g)))
                           for v, g in zip(variables, gradients, strict=True)])  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), pairs_of(KINDS))
def test_a_step_is_that_of_keras_for_each_task(kind, name):
    keras.utils.set_random_seed(0)
    learner = LEARNERS[name](KINDS[kind]())
    known = learner.network
    x, query = items(known, 2, 3), items(known, 2, 2, seed=1)
    state = learner.adapt(x, Y).numpy()
    training = learner.batch_statistics != "none"
    moving = [v.numpy() for v in known.non_trainable_variables]
    for task in range(2):
        expected = stepped(known, learner.fast.variables, (x[task], Y[task]), training)
        for variable, value in zip(known.non_trainable_variables, moving, strict=True):
            variable.assign(value)  # a batch normalisation moved them
        np.testing.assert_allclose(state[task, : len(expected)], expected, rtol=2e-3, atol=2e-5)
    answers = learner({"support_x": x, "support_y": Y, "query_x": query})
    assert answers.dtype == tf.float32 and answers.shape == (2, 2, WAYS)
    np.testing.assert_allclose(learner.respond(learner.adapt(x, Y), query), answers, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["embedding", "layer-normalization", "functional", "subclassed", "lora"])
def test_the_meta_gradient_reaches_every_weight(name):
    keras.utils.set_random_seed(0)
    learner = MAML(KINDS[name](), inner_rate=RATE)
    x = items(learner.network, 2, 3)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(learner({"support_x": x, "support_y": Y, "query_x": x}, training=True) ** 3)
    for variable, gradient in zip(
        learner.trainable_variables,
        tape.gradient(total, [v.value for v in learner.trainable_variables]),
        strict=True,
    ):
        assert gradient is not None, variable.path
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), variable.path


def test_fine_tuning_descends_through_any_layer():
    network = keras.Sequential([keras.Input([3, 2]), L.SimpleRNN(2), L.LayerNormalization()])
    learner = FineTuning(network, tuned="all", steps=2)
    x = items(network, 2, 3)
    assert learner({"support_x": x, "support_y": Y, "query_x": x}).shape == (2, 3, 2)


def dropped(**options):
    return keras.Sequential([
        keras.Input([3]), L.Dense(8, **options), L.BatchNormalization(**options), L.Dropout(0.5), L.Dense(WAYS),
    ])  # fmt: skip


def test_features_of_a_frozen_backbone_are_computed_once_and_without_dropout(monkeypatch):
    network = dropped(trainable=False)
    learner = MAML(network, inner_rate=RATE, inner_steps=3, adapt_only="head")
    calls = []
    monkeypatch.setattr(learner.body.network, "call", lambda *a, f=learner.body.network.call, **k: (
        calls.append(1), f(*a, **k))[1])  # fmt: skip
    x = items(network, 2, 3)
    inputs = {"support_x": x, "support_y": Y, "query_x": x}
    np.testing.assert_array_equal(learner(inputs, training=True), learner(inputs, training=True))
    assert len(calls) == 4  # of support items and of queries, in each of two calls
    features = learner.body.network(x[0])
    w, b = network.layers[-1].get_weights()
    for _ in range(3):
        p = np.asarray(tf.nn.softmax(features @ w + b)) - np.eye(WAYS)[Y[0]]
        w, b = w - RATE * features.numpy().T @ p / 3, b - RATE * p.mean(axis=0)
    np.testing.assert_allclose(learner(inputs)[0], features @ w + b, rtol=1e-4, atol=1e-5)


def test_dropout_before_an_adapted_head_drops_in_training_alone():
    network = keras.Sequential([keras.Input([3]), L.Dense(8), L.Dropout(0.5), L.Dense(WAYS)])
    learner = MAML(network, inner_rate=RATE, adapt_only="head")
    x = items(network, 2, 3)
    inputs = {"support_x": x, "support_y": Y, "query_x": x}
    np.testing.assert_array_equal(learner(inputs), learner(inputs))
    assert np.abs(learner(inputs, training=True) - learner(inputs, training=True)).max() > 0


def test_a_head_is_found_in_any_network_that_has_one():
    x = keras.Input([4])
    branched = keras.Model(x, 2 * L.Dense(WAYS)(L.Dense(3)(x) + L.Dense(3)(x)))
    whole = keras.Sequential([keras.Input([4]), L.Dense(WAYS)])
    nested = keras.Sequential([keras.Input([4]), keras.Sequential([L.Dense(3), L.Dense(WAYS)]), L.ReLU()])
    for network, features in ((branched, 3), (whole, 4), (nested, 3)):
        body, head = split_head(network)
        some = items(network, 5)
        assert body.output_shape == (None, features)
        np.testing.assert_allclose(head(body(some)), network(some), rtol=1e-5, atol=1e-6)


def test_networks_of_keras_applications_learn():
    network = keras.applications.MobileNetV2(
        input_shape=(32, 32, 3), alpha=0.35, weights=None, include_top=False, pooling="avg"
    )
    network.trainable = False
    learner = MAML(
        keras.Sequential([keras.Input([32, 32, 3]), network, L.Dense(WAYS)]),
        inner_rate=RATE,
        adapt_only="head",
    )
    assert learner.fast.variables == learner.network.layers[-1].trainable_variables
    x = items(learner.network, 1, 2)
    assert learner.adapt(x, [[0, 1]]).shape == (1, 1280 * WAYS + WAYS)


def efficient():
    """Two of the seven stages of EfficientNet: its layers, in less time."""
    blocks = efficientnet.DEFAULT_BLOCKS_ARGS[:2]
    backbone = efficientnet.EfficientNet(1.0, 1.0, 32, drop_connect_rate=0.4, blocks_args=blocks, weights=None,
                                         include_top=False, input_shape=(32, 32, 3), pooling="avg")  # fmt: skip
    return keras.Sequential([keras.Input([32, 32, 3]), backbone, L.Dense(WAYS)])


def test_a_network_with_dropout_says_how_to_adapt_it_and_that_works():
    network, x = efficient(), np.random.RandomState(0).rand(1, 2, 32, 32, 3)
    for options in ({}, {"adapt_only": "head"}):
        with pytest.raises(
            ValueError, match=r"block2b_drop: random layers .*layer\.rate = 0\.0.*adapt_only='head'"
        ):
            MAML(network, **options)
    network.layers[0].trainable = False
    assert MAML(network, adapt_only="head").adapt(x, [[0, 1]]).shape[1] == network.layers[-1].count_params()
    network = efficient()
    for layer in network.layers[0].layers:
        if isinstance(layer, L.Dropout):
            layer.rate = 0.0
    weights = sum(np.prod(each.shape) for each in network.trainable_weights)
    assert MAML(network).adapt(x, [[0, 1]])[:, :weights].shape[1] == weights


def soft():
    return keras.Sequential([keras.Input([3]), L.Dense(2), L.Softmax(name="soft")])


def two_inputs():
    a, b = keras.Input([3]), keras.Input([3])
    return keras.Model([a, b], L.Dense(2)(a + b))


def named_inputs():
    a, b = keras.Input([3], name="a"), keras.Input([3], name="b")
    return keras.Model({"a": a, "b": b}, L.Dense(2)(a + b))


def two_outputs():
    x = keras.Input([3])
    return keras.Model(x, {"classes": L.Dense(2)(x), "more": L.Dense(2)(x)})


def called(network, *x):
    network(*x)
    return network


def twice():
    x, norm = keras.Input([3]), L.BatchNormalization(name="norm")
    return keras.Model(x, L.Dense(2)(norm(norm(x))))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: keras.Sequential([L.Dense(2)], name="late"), "'late' has no weights yet; begin it with keras.Input"),
        (lambda: L.Dense(2), "the network is a Dense; expected a model of Keras 3"),
        (lambda: images(L.Dropout(0.5, name="drop")), "drop: random layers cannot be adapted"),
        (lambda: keras.Sequential([keras.Input([3, 2]), L.GRU(2, dropout=0.1)]), "gru_cell.*: random layers"),
        (soft, "ends in a softmax or a sigmoid, in the layer 'soft'"),
        (lambda: keras.Sequential([keras.Input([3]), L.Dense(2, "sigmoid")]), "ends in a softmax or a sigmoid"),
        (lambda: keras.Sequential([keras.Input([3]), L.Dense(1)]), "has one output, which tells no two classes apart"),
        (lambda: keras.Sequential([keras.Input([3, 2]), L.Dense(2)]), r"returns \[3, 2\] numbers for an item"),
        (lambda: keras.Sequential([keras.Input([3]), L.Dense(2, trainable=False)]), "has no trainable weights"),
        (two_inputs, "has 2 inputs and 1 output; a few-shot learner gives it the items"),
        (named_inputs, "has 2 inputs and 1 output; .* Join several inputs into one array"),
        (two_outputs, "has 1 input and 2 outputs; .* join several outputs"),
        (lambda: called(Pair(), [ONE, ONE]), "called with more than one tensor, or it is not known with what"),
        (lambda: called(Both(), ONE, ONE), "'both' cannot be called with the items alone: missing .* 'y'. Join"),
        (
            lambda: keras.Sequential([keras.Input([3]), L.SpectralNormalization(L.Dense(2))]),
            "depends on the calls before",
        ),
        (twice, "uses this batch normalisation 2 times in one call"),
    ],
)  # fmt: skip
def test_what_cannot_be_adapted_is_said_in_a_sentence(build, words):
    with pytest.raises(ValueError, match=words):
        learner = MAML(build())
        x = items(learner.network, 2, 3)
        learner.adapt(x, Y)


def test_a_subclassed_model_shares_its_weights():
    network = KINDS["subclassed"]()
    learner = MAML(network)
    assert learner.network.trainable_variables == network.trainable_variables


class Pair(keras.Model):
    def call(self, x):
        return x[0] + x[1]


class Both(keras.Model):
    def call(self, x, y):
        return x + y


def test_one_tensor_in_a_dictionary_is_one_input_or_output():
    x = keras.Input([3], name="x")
    plain = keras.Model(x, L.Dense(WAYS)(x))
    named = keras.Model({"x": x}, {"classes": plain.output})
    some = items(plain, 2, 3)
    np.testing.assert_array_equal(MAML(named).adapt(some, Y), MAML(plain).adapt(some, Y))


@pytest.mark.parametrize("freeze_first", [True, False])
def test_what_is_frozen_or_unfrozen_after_it_was_built_can_be_saved(freeze_first, tmp_path):
    network = dropped()
    network.layers[2].rate = 0.0
    backbone = network.layers[:2]
    for layer in backbone:
        layer.trainable = not freeze_first
    learner = MAML(network, inner_rate=RATE, learn_rates=True, adapt_only="head" if freeze_first else "all")
    for layer in backbone:
        layer.trainable = freeze_first
    x = items(network, 2, 3)
    inputs = {"support_x": x, "support_y": Y, "query_x": x}
    learner.save(tmp_path / "learner.keras")
    again = keras.saving.load_model(tmp_path / "learner.keras")
    np.testing.assert_allclose(again(inputs), learner(inputs), rtol=1e-5, atol=1e-6)
    assert [layer.trainable for layer in again.network.layers[:2]] == [freeze_first] * 2
    assert again.get_config()["frozen"] == learner.get_config()["frozen"]


@pytest.mark.parametrize("unfreeze", [True, False])
def test_a_learner_trained_and_then_unfrozen_goes_on_after_loading(unfreeze, tmp_path):
    network = dropped()
    network.layers[2].rate = 0.0
    network.layers[0].trainable = False
    learner = MAML(network, inner_rate=RATE)
    learner.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    x = items(network, 2, 3)
    inputs = {"support_x": x, "support_y": Y, "query_x": x}
    learner.train_on_batch(inputs, Y)
    network.layers[0].trainable = unfreeze
    learner.save(tmp_path / "learner.keras")
    if unfreeze:  # the optimizer knows less weights than there are to train, so what it knew is left behind
        with pytest.warns(UserWarning, match=r"Skipping variable loading for optimizer 'adam"):
            again = keras.saving.load_model(tmp_path / "learner.keras")
    else:
        again = keras.saving.load_model(tmp_path / "learner.keras")
    assert int(again.optimizer.iterations) == (0 if unfreeze else 1)
    np.testing.assert_allclose(again(inputs), learner(inputs), rtol=1e-5, atol=1e-6)
    kernel = again.network.layers[0].kernel.numpy()
    again.train_on_batch(inputs, Y)
    assert np.any(again.network.layers[0].kernel.numpy() != kernel) == unfreeze
