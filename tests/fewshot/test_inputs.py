"""Targets, labels, weights and tasks as people have them: taken by a rule, or refused in a sentence."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.learners import CASES, episode
from tfmeta.core.evaluate import TaskAccuracy
from tfmeta.core.losses import squared_error
from tfmeta.fewshot import MAML
from tfmeta.networks import mlp

CLASSIFIERS = ["maml-none", "anil", "reptile", "prototypical", "matching", "siamese-verification", "lifelong-memory",
               "nearest-neighbour", "fine-tuning", "statistician"]  # fmt: skip


@pytest.fixture(scope="module", params=CLASSIFIERS)
def learner(request):
    return CASES[request.param].build()


def test_labels_of_any_type_are_classes(learner):
    inputs = episode(learner)
    expected = learner(inputs)
    for dtype in (np.float32, np.float64, np.int64, np.uint8):
        found = learner({**inputs, "support_y": inputs["support_y"].astype(dtype)})
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_what_is_no_label_or_no_item_is_said_in_a_sentence(learner):
    inputs = episode(learner)
    x, y = inputs["support_x"], inputs["support_y"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="support_y holds numbers that are not whole"):
        learner.adapt(x, y + 0.5)
    with pytest.raises(ValueError, match=r"support_y has the shape \[6\]; expected \[B, M\]"):
        learner.adapt(x, y[0])
    with pytest.raises(ValueError, match=r"not one-hot"):
        learner.adapt(x, tf.one_hot(y, 3))
    with pytest.raises(
        ValueError, match=r"have the shape \[6, 6, 7, 3\]; .*Put the one task into a batch, as x\[None\]"
    ):
        learner.adapt(x[0], y)
    state = learner.adapt(x.astype(np.float64), y)
    np.testing.assert_allclose(state, learner.adapt(x, y), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"expected \[B, M, 6, 7, 3\]"):
        learner.respond(state, x[..., :1])


def test_images_of_uint8_are_scaled_by_their_range(learner):
    inputs = episode(learner)
    items = ("support_x", "query_x")
    images = {key: np.uint8(np.rint(255 / (1 + np.exp(-inputs[key])))) for key in items}
    expected = learner({**inputs, **{key: np.float32(images[key] / 255) for key in items}})
    np.testing.assert_allclose(learner({**inputs, **images}), expected, rtol=1e-5, atol=1e-5)


def test_uint8_is_refused_where_its_scale_is_not_known():
    numbers = MAML(mlp(3, [], 2), inner_rate=0.1)
    with pytest.raises(
        ValueError, match=r"uint8, but the network takes float32; only images of uint8 are scaled"
    ):
        numbers.adapt(np.zeros([1, 2, 3], np.uint8), np.array([[0, 1]]))
    scaled = keras.Sequential([keras.Input([4, 4, 3]), keras.layers.Rescaling(1 / 127.5, -1, name="to_one"),
                               keras.layers.Flatten(), keras.layers.Dense(2)])  # fmt: skip
    with pytest.raises(
        ValueError, match=r"but the network scales them in its layer 'to_one'; give it the numbers"
    ):
        MAML(scaled, inner_rate=0.1).adapt(np.zeros([1, 2, 4, 4, 3], np.uint8), np.array([[0, 1]]))


def test_parts_of_an_episode_that_do_not_fit_are_named(learner):
    inputs = episode(learner)
    with pytest.raises(ValueError, match=r"hold \{.*'query_x': 1\} tasks in their first dimension"):
        learner({**inputs, "query_x": inputs["query_x"][:1]})
    with pytest.raises(ValueError, match="support_x holds 6 items of a task but support_y 5 labels"):
        learner({**inputs, "support_y": inputs["support_y"][:, :5]})


def line(**options):
    return MAML(mlp(1, [], 1, seed=0), inner_rate=0.5, task="regression", **options)


def test_targets_without_the_last_dimension_get_it():
    learner = line(inner_steps=20)
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 8, 1)
    for y in (2 * x, 2 * x[..., 0], (2 * x).astype(np.float64)):
        answers = learner({"support_x": x, "support_y": y, "query_x": x}).numpy()
        np.testing.assert_allclose(answers, 2 * x, atol=0.05)  # and not their mean, 0
    with pytest.raises(
        ValueError, match=r"the targets have the shape \[1, 8, 2\], but the outputs \[1, 8, 1\]"
    ):
        learner.adapt(x, np.ones([1, 8, 2], np.float32))


def test_an_inner_step_on_images_is_on_the_mean_over_their_pixels():
    layers = [keras.Input([3, 3, 2]), keras.layers.Conv2D(2, 1, use_bias=False)]
    random = np.random.RandomState(0)
    x, y = random.randn(2, 1, 4, 3, 3, 2).astype(np.float32)
    network = keras.Sequential(layers)
    learner = MAML(network, inner_rate=0.5, task="regression")
    kernel = network.trainable_variables[0].value
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        loss = tf.reduce_mean((tf.nn.conv2d(x[0], kernel, 1, "VALID") - y[0]) ** 2)
    expected = kernel - 0.5 * tape.gradient(loss, kernel)
    np.testing.assert_allclose(learner.adapt(x, y)[0], np.ravel(expected), rtol=1e-5, atol=1e-6)
    assert squared_error(y, tf.zeros_like(y)).shape == (1,)


def logistic():
    return keras.Sequential([keras.Input([1]), keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros")])


@keras.saving.register_keras_serializable("tests")
def doubled_error(y_true, y_pred):
    return 2.0 * tf.square(y_true - y_pred)


@pytest.mark.parametrize("loss", [keras.losses.BinaryCrossentropy(), "binary_crossentropy"])
def test_one_sigmoid_output_learns_two_classes_by_a_loss_of_its_own(loss, tmp_path):
    learner = MAML(logistic(), inner_rate=1.0, inner_steps=1, task="regression", inner_loss=loss)
    x = np.array([[[-1.0], [1.0], [2.0]]], np.float32)
    y = np.array([[0, 1, 1]])
    w = 0.5 * np.mean((2 * y[0] - 1) * x[0, :, 0])  # one step from 0
    b = np.mean(y[0] - 0.5)
    np.testing.assert_allclose(learner.adapt(x, y), [[w, b]], rtol=1e-5, atol=1e-6)
    learner.save(tmp_path / "learner.keras")
    again = keras.saving.load_model(tmp_path / "learner.keras")
    np.testing.assert_allclose(again.adapt(x, y), learner.adapt(x, y))


def test_a_function_may_be_the_inner_loss(tmp_path):
    x = np.array([[[-1.0], [1.0]]], np.float32)
    plain, doubled = line(), line(inner_loss=doubled_error)
    doubled.set_weights(plain.get_weights())
    start = np.concatenate([np.ravel(w) for w in plain.network.get_weights()])
    moved, twice = plain.adapt(x, x)[0] - start, doubled.adapt(x, x)[0] - start
    np.testing.assert_allclose(twice, 2 * moved, rtol=1e-5, atol=1e-6)
    doubled.save(tmp_path / "learner.keras")
    again = keras.saving.load_model(tmp_path / "learner.keras")
    assert again.inner_loss is doubled_error
    with pytest.raises(ValueError, match="nonsense"):
        line(inner_loss="nonsense")


def endless(learner):
    inputs = episode(learner)
    y = np.tile(np.arange(3), [2, 2])[:, :5]
    return tf.data.Dataset.from_tensors((inputs, y)).repeat()


def test_tasks_without_end_and_weights_of_classes_are_refused():
    learner = CASES["prototypical"].build()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    learner.compile("sgd", loss, weighted_metrics=[TaskAccuracy()], run_eagerly=True)
    tasks = endless(learner)
    for verb, name in (("evaluate", "steps"), ("fit", "steps_per_epoch"), ("predict", "steps")):
        with pytest.raises(ValueError, match=f"have no end, so {verb} would .* as {name}=100"):
            getattr(learner, verb)(tasks)
    with pytest.raises(ValueError, match="as validation_steps=100"):
        learner.fit(tasks.take(1), validation_data=tasks, verbose=0)
    for verb in (learner.fit, learner.train_on_batch):
        with pytest.raises(ValueError, match="class_weight has no meaning here"):
            verb(*next(iter(tasks)), class_weight={0: 2.0})
    learner.evaluate(tasks, steps=1, verbose=0)
    x, y = next(iter(tasks))
    answers = learner(x)
    right = np.argmax(answers, axis=-1) == y.numpy()
    weights = np.array([[1.0, 0, 0, 2, 1], [0, 1, 1, 0, 0]], np.float32)
    found = learner.test_on_batch(x, y, sample_weight=weights, return_dict=True)
    assert found["accuracy"] == pytest.approx(((right * weights).sum(1) / weights.sum(1)).mean())
