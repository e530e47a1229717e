import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.optimizers import CoordinatewiseLSTM, LearnedOptimizer, LearnedRule
from tfmeta.optimizers.rule_file import RULE_FILE, describe_rule

X = np.random.default_rng(0).normal(size=[24, 5, 5, 1]).astype(np.float32)
Y = np.arange(24) % 3


@pytest.fixture(scope="module")
def rule():
    return LearnedRule(CoordinatewiseLSTM([6], seed=0), convolution=CoordinatewiseLSTM([4], seed=1))


def network():
    initial = keras.initializers.GlorotUniform(seed=0)
    return keras.Sequential([
        keras.Input([5, 5, 1]),
        keras.layers.Conv2D(2, 3, kernel_initializer=initial),
        keras.layers.BatchNormalization(),
        keras.layers.Flatten(),
        keras.layers.Dense(3, kernel_initializer=initial),
    ])  # fmt: skip


def compiled(rule, **options):
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(LearnedOptimizer(rule, **options), loss=loss)
    return model


def fit(model, epochs=1):
    return model.fit(X, Y, batch_size=12, epochs=epochs, shuffle=False, verbose=0)


def same(model, other, **tolerance):
    for ours, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, expected, **{"rtol": 0, "atol": 0, **tolerance})


def variables(*shapes):
    return [keras.Variable(tf.ones(shape), name=f"v{i}") for i, shape in enumerate(shapes)]


def test_a_model_is_updated_as_the_rule_says(rule):
    theta, optimizer = variables([3, 3, 1, 2], [4], []), LearnedOptimizer(rule, learning_rate=0.5)
    gradients = [tf.random.stateless_normal(v.shape, [i, 0]) for i, v in enumerate(theta)]
    state, expected = rule.initial_state(gradients), [v.numpy() for v in theta]
    for _ in range(3):
        optimizer.apply(gradients, theta)
        updates, state = rule.update(gradients, state)
        expected = [value + 0.5 * update for value, update in zip(expected, updates, strict=True)]
    for variable, value in zip(theta, expected, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-5, atol=1e-6)


def test_training_resumes_bit_for_bit(rule, tmp_path):
    unbroken = compiled(rule)
    fit(unbroken, 4)
    model = compiled(rule)
    fit(model, 2)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again.optimizer, LearnedOptimizer)
    fit(again, 2)
    same(again, unbroken)
    same(again.optimizer.rule, rule)


def test_a_configuration_holds_the_rule_and_its_weights(rule):
    optimizer = LearnedOptimizer(rule, 0.3, on_nonfinite="skip", clipnorm=1.0, max_state_bytes=10**6)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    same(copy.rule, rule)
    assert copy.get_config() == optimizer.get_config()


def test_the_rule_of_an_artefact_is_found(rule, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1/saved_model.pb").touch()
    with pytest.raises(TfmetaError, match="holds no update rule"):
        LearnedOptimizer.from_saved(tmp_path)
    file = tmp_path / "1/assets.extra" / RULE_FILE
    file.parent.mkdir()
    file.write_text(json.dumps(describe_rule(rule)))
    optimizer = LearnedOptimizer.from_saved(tmp_path, learning_rate=0.5)
    same(optimizer.rule, rule)
    assert float(optimizer.learning_rate) == 0.5
    file.write_text("{}")
    with pytest.raises(TfmetaError, match="is damaged"):
        LearnedOptimizer.from_saved(tmp_path)


@pytest.mark.parametrize(
    ("options", "clipped"),
    [
        ({"clipvalue": 0.1}, lambda g: tf.clip_by_value(g, -0.1, 0.1)),
        ({"clipnorm": 0.5}, lambda g: tf.clip_by_norm(g, 0.5)),
        ({"global_clipnorm": 0.5}, lambda g: tf.clip_by_norm(g, 0.5)),
    ],
)
def test_gradients_are_clipped_first(rule, options, clipped):
    gradient = tf.constant([3.0, -0.01, 1.0])
    ours, expected = variables([3]), variables([3])
    LearnedOptimizer(rule, **options).apply([gradient], ours)
    LearnedOptimizer(rule).apply([clipped(gradient)], expected)
    np.testing.assert_allclose(ours[0], expected[0], rtol=1e-6, atol=1e-6)


def test_weights_decay(rule):
    ours, expected = variables([3]), variables([3])
    LearnedOptimizer(rule, 0.5, weight_decay=0.1).apply([tf.ones([3])], ours)
    LearnedOptimizer(rule, 0.5).apply([tf.ones([3])], expected)
    np.testing.assert_allclose(ours[0], expected[0] - 0.5 * 0.1, rtol=1e-6, atol=1e-6)


def test_gradients_may_be_sparse_or_absent(rule):
    sparse = tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([2, 2]), [4, 2])
    ours, expected = variables([4, 2], [2]), variables([4, 2], [2])
    LearnedOptimizer(rule).apply([sparse, tf.ones([2])], ours)
    LearnedOptimizer(rule).apply([tf.convert_to_tensor(sparse), tf.ones([2])], expected)
    np.testing.assert_array_equal(ours[0], expected[0])
    optimizer = LearnedOptimizer(rule)
    optimizer.build(ours)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None, tf.ones([2])], ours)
    np.testing.assert_array_equal(ours[0], expected[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_ends_training_or_is_skipped(rule, bad):
    theta, other = variables([2], [3]), variables([2], [3])
    gradients = [tf.constant([1.0, bad]), tf.ones([3])]
    with pytest.raises(tf.errors.InvalidArgumentError, match="the gradients hold NaN or infinite numbers"):
        LearnedOptimizer(rule).apply(gradients, theta)
    np.testing.assert_array_equal(theta[1], np.ones(3))
    optimizer = LearnedOptimizer(rule, on_nonfinite="skip")
    optimizer.apply(gradients, theta)
    np.testing.assert_array_equal(theta[1], np.ones(3))
    optimizer.apply([tf.ones([2]), tf.ones([3])], theta)
    LearnedOptimizer(rule).apply([tf.ones([2]), tf.ones([3])], other)
    np.testing.assert_allclose(theta[1], other[1])
    with pytest.raises(ValueError, match="on_nonfinite='ignore'"):
        LearnedOptimizer(rule, on_nonfinite="ignore")


@pytest.mark.parametrize("on_nonfinite", ["raise", "skip"])
def test_xla_compiles_a_step(rule, on_nonfinite):
    """Keras asks for XLA by itself where there is a GPU."""
    gradients = [tf.random.stateless_normal(shape, [0, 0]) for shape in ([3, 3, 1, 2], [4])]
    ours, expected = variables([3, 3, 1, 2], [4]), variables([3, 3, 1, 2], [4])
    LearnedOptimizer(rule, on_nonfinite=on_nonfinite).apply(gradients, expected)
    optimizer = LearnedOptimizer(rule, on_nonfinite=on_nonfinite)
    optimizer.build(ours)
    tf.function(lambda: optimizer.apply(gradients, ours), autograph=False, jit_compile=True)()
    for variable, value in zip(ours, expected, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-5, atol=1e-6)


def test_a_model_is_trained_with_xla(rule):
    compiled_model, plain = compiled(rule), compiled(rule)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    compiled_model.compile(LearnedOptimizer(rule), loss=loss, jit_compile=True)
    fit(compiled_model)
    fit(plain)
    same(compiled_model, plain, rtol=1e-3, atol=1e-4)


def test_a_state_that_is_too_large_is_refused(rule):
    with pytest.raises(
        ValueError, match=r"1,000,000 parameters.* 0.05 GB of state; max_state_bytes allows 0.00 GB"
    ):
        LearnedOptimizer(rule, max_state_bytes=10**6).build(variables([1000, 1000]))


def test_the_state_of_another_model_is_refused(rule):
    optimizer, other, store = LearnedOptimizer(rule), LearnedOptimizer(rule), {}
    optimizer.build(variables([3]))
    other.build(variables([4]))
    other.save_own_variables(store)
    with pytest.raises(ValueError, match="state of learned_optimizer is that of another model"):
        optimizer.load_own_variables(store)
