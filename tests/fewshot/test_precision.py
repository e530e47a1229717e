"""Every learner around a network of every precision: what is learnt and answered keeps float32, or float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.learners import CASES, WAYS, episode, is_regression
from tfmeta.core.cards import Card
from tfmeta.core.layer_checks import in_precision
from tfmeta.fewshot import MAML, few_shot_servable
from tfmeta.fewshot.memory_layer import MemoryLayer
from tfmeta.fewshot.pretraining import Classifier
from tfmeta.networks import GRU

CASES_HERE = [
    "maml-support", "maml-map", "maml-regression", "anil", "reptile", "prototypical", "matching-full-context",
    "siamese-contrastive", "lifelong-memory", "nearest-neighbour", "fine-tuning-all", "statistician-supervised",
]  # fmt: skip
DEVIATION = {"mixed_bfloat16": 0.1, "mixed_float16": 0.02, "float64": 1e-3}
"""How far answers may be from those in float32, as a share of the largest; gradient steps magnify what is rounded."""


@pytest.fixture
def policy(request):
    with in_precision(request.param):
        yield request.param


def inputs_of(learner):
    inputs = episode(learner, queries=6)
    targets = np.sin(inputs["query_x"]) if is_regression(learner) else np.tile(np.arange(WAYS), [2, 2])
    return inputs, targets


@pytest.fixture(scope="module", params=CASES_HERE)
def exact(request):
    """The learner in float32, with what it answers."""
    learner = CASES[request.param].build()
    return request.param, learner.get_weights(), learner(inputs_of(learner)[0]).numpy()


@pytest.mark.parametrize("policy", DEVIATION, indirect=True)
def test_it_learns_answers_and_is_trained(exact, policy):
    name, weights, expected = exact
    learner = CASES[name].build()
    learner.set_weights(weights)
    inputs, targets = inputs_of(learner)
    kept = "float64" if policy == "float64" and name != "lifelong-memory" else "float32"
    answers, state = learner(inputs), learner.adapt(inputs["support_x"], inputs["support_y"])
    assert answers.dtype == state.dtype == kept
    np.testing.assert_allclose(learner.respond(state, inputs["query_x"]), answers, rtol=1e-5, atol=1e-5)
    assert np.abs(answers - expected).max() <= DEVIATION[policy] * np.abs(expected).max()
    loss = "mse" if is_regression(learner) else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    learner.compile("sgd", loss=loss)
    assert isinstance(learner.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    # At the usual scale the first steps may overflow, and be left out.
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=16.0)
    learner.compile(scaled if policy == "mixed_float16" else "sgd", loss=loss, run_eagerly=True)
    before = [v.numpy() for v in learner.trainable_variables]
    assert np.isfinite(learner.train_on_batch(inputs, targets))
    after = [v.numpy() for v in learner.trainable_variables]
    assert all(np.isfinite(value).all() for value in after)
    assert sum(np.any(a != b) for a, b in zip(after, before, strict=True)) > len(before) // 2
    assert {v.dtype for v in learner.trainable_variables} == {"float64" if policy == "float64" else "float32"}


@pytest.mark.parametrize("name", ["prototypical", "lifelong-memory", "maml-support"])
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"], indirect=True)
def test_what_is_served_is_float32(policy, name):
    learner = CASES[name].build()
    servable = few_shot_servable(learner, "m", example_episode=inputs_of(learner)[0], card=Card("Answers."))
    for signature in servable.signatures.values():
        assert not {spec.dtype for spec in signature.inputs} & {tf.float64, tf.bfloat16}
        found = signature.function(**{key: tf.constant(value) for key, value in signature.example.items()})
        assert not {value.dtype for value in found.values()} & {tf.float64, tf.bfloat16}


@pytest.mark.parametrize("policy", ["mixed_bfloat16"], indirect=True)
def test_a_learner_of_half_precision_comes_back_from_a_file(policy, tmp_path):
    learner = CASES["matching-full-context"].build()
    learner.save(tmp_path / "learner.keras")
    keras.config.set_dtype_policy("float32")
    again = keras.saving.load_model(tmp_path / "learner.keras")
    assert again.network.layers[0].compute_dtype == "bfloat16" and again.compute_dtype == "float32"
    inputs, _ = inputs_of(learner)
    np.testing.assert_allclose(again(inputs), learner(inputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16"], indirect=True)
def test_a_classifier_of_half_precision_answers_in_float32(policy):
    classifier = Classifier(CASES["prototypical"].network(), classes=5)
    assert classifier(np.zeros([1, 2, *classifier.network.input_shape[1:]])).dtype == tf.float32


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"], indirect=True)
def test_layers_of_ours_take_any_precision(policy):
    layer, gru = MemoryLayer(classes=3, size=4, neighbours=2), GRU(3, 2)
    features = keras.layers.Dense(3)(np.ones([2, 3]))
    assert layer(features, np.array([0, 1]), training=True).dtype == tf.float32
    assert np.isfinite(tf.cast(gru(features[None]), tf.float32)).all()


def test_a_network_may_have_layers_of_two_precisions():
    network = keras.Sequential([
        keras.Input([3]), keras.layers.Dense(4, "tanh", dtype="float64"), keras.layers.Dense(2),
    ])  # fmt: skip
    for engine in ("batched", "map"):
        learner = MAML(network, engine=engine)
        x = np.ones([1, 2, 3], np.float32)
        assert learner({"support_x": x, "support_y": np.array([[0, 1]]), "query_x": x}).dtype == tf.float64
