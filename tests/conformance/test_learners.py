"""What every few-shot learner keeps, whatever it learns by."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.fewshot.baselines import NearestCentroid, NearestNeighbour
from tfmeta.fewshot.finetuning import FineTuning
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.lifelong import LifelongMemory
from tfmeta.fewshot.maml import MAML
from tfmeta.fewshot.matching import MatchingNetwork
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.fewshot.reptile import Reptile
from tfmeta.fewshot.siamese import SiameseNetwork
from tfmeta.fewshot.statistician import NeuralStatistician
from tfmeta.networks import mlp

WAYS, SIDE = 3, 6
layers = keras.layers


def network(outputs):
    glorot = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(1))
    return keras.Sequential([
        keras.Input([SIDE, SIDE, 1]),
        layers.Conv2D(4, 3, strides=2, kernel_initializer=glorot),
        layers.BatchNormalization(),
        layers.Activation("tanh"),
        layers.Flatten(),
        layers.Dense(outputs, kernel_initializer=glorot),
    ])  # fmt: skip


LEARNERS = {
    "maml-support": lambda: MAML(network(WAYS), inner_rate=0.1, learn_rates=True, inner_steps=2),
    "maml-transductive": lambda: MAML(network(WAYS), first_order=True, batch_statistics="transductive"),
    "maml-none": lambda: MAML(network(WAYS), batch_statistics="none"),
    "maml-map": lambda: MAML(network(WAYS), engine="map"),
    "maml-regression": lambda: MAML(mlp(1, [5, 5], 1, activation="tanh"), inner_rate=0.05, task="regression"),
    "maml-plus-plus": lambda: MAML(
        network(WAYS),
        inner_rate=0.1,
        inner_steps=2,
        test_steps=3,
        learn_rates=True,
        first_order_until=2,
        multi_step_until=4,
        batch_statistics="per_step",
    ),
    "anil": lambda: MAML(network(WAYS), inner_rate=0.1, inner_steps=2, adapt_only="head"),
    "reptile": lambda: Reptile(network(WAYS), inner_rate=0.1, inner_steps=3),
    "prototypical": lambda: PrototypicalNetwork(network(8), scale=0.25),
    "matching": lambda: MatchingNetwork(network(8)),
    "matching-full-context": lambda: MatchingNetwork(network(8), full_context=True, processing_steps=2),
    "siamese-contrastive": lambda: SiameseNetwork(network(8), margin=2.0, class_score="nearest"),
    "siamese-verification": lambda: SiameseNetwork(network(8), loss="verification"),
    "lifelong-memory": lambda: LifelongMemory(network(8), size=16, neighbours=8, margin=0.5),
    "nearest-neighbour": lambda: NearestNeighbour(network(8), metric="euclidean"),
    "nearest-centroid": lambda: NearestCentroid(network(8)),
    "fine-tuning": lambda: FineTuning(network(8), steps=3, rate=0.1),
    "fine-tuning-all": lambda: FineTuning(network(8), tuned="all", steps=3, rate=0.1),
    "statistician": lambda: NeuralStatistician(network(8), context_size=4, latent_size=2, hidden=8),
    "statistician-supervised": lambda: NeuralStatistician(
        network(8), context_size=4, latent_layers=2, hidden=8, episode_weight=1.0
    ),
}


@pytest.fixture(scope="module", params=LEARNERS)
def learner(request):
    return LEARNERS[request.param]()


def is_regression(learner):
    return learner.task == "regression"


def episode(learner, tasks=2, shots=2, queries=5, seed=0):
    random = np.random.RandomState(seed)
    item = learner.network.input_shape[1:]
    y = np.tile(np.repeat(np.arange(WAYS), shots), [tasks, 1])
    support_x = random.randn(tasks, WAYS * shots, *item).astype(np.float32)
    return {
        "support_x": support_x,
        "support_y": np.sin(support_x) if is_regression(learner) else y.astype(np.int32),
        "query_x": random.randn(tasks, queries, *item).astype(np.float32),
    }


@pytest.fixture(scope="module")
def answer(learner):
    """The learner as one graph for any number of tasks, support items and queries."""
    item = learner.network.input_shape[1:]
    target = (
        tf.TensorSpec([None, None, 1]) if is_regression(learner) else tf.TensorSpec([None, None], tf.int32)
    )
    items = tf.TensorSpec([None, None, *item])
    signature = {"support_x": items, "support_y": target, "query_x": items}
    function = tf.function(lambda inputs: learner(inputs, training=False), input_signature=[signature])
    return lambda inputs: function({name: tf.constant(value) for name, value in inputs.items()}).numpy()


def close(actual, desired):
    np.testing.assert_allclose(actual, desired, rtol=1e-4, atol=1e-4)


def test_it_is_a_keras_model_that_says_what_it_needs(learner):
    assert isinstance(learner, FewShotLearner) and learner.built
    assert learner.ways == (WAYS if isinstance(learner, MAML) and not is_regression(learner) else None)


@pytest.mark.parametrize(("tasks", "shots", "queries"), [(2, 2, 5), (1, 1, 1), (3, 3, 2)])
def test_numbers_of_tasks_items_and_queries_are_free(learner, answer, tasks, shots, queries):
    found = answer(episode(learner, tasks, shots, queries))
    assert found.shape == (tasks, queries, 1 if is_regression(learner) else WAYS)
    assert found.dtype == np.float32 and np.all(np.isfinite(found))


def test_adapting_and_responding_is_calling(learner, answer):
    inputs = episode(learner)
    state = learner.adapt(tf.constant(inputs["support_x"]), tf.constant(inputs["support_y"]))
    assert state.shape.rank == 2 and state.shape[0] == 2 and state.dtype == tf.float32
    close(learner.respond(state, tf.constant(inputs["query_x"])), answer(inputs))


def test_a_task_state_may_be_split_from_its_batch(learner, answer):
    inputs = episode(learner)
    state = learner.adapt(tf.constant(inputs["support_x"]), tf.constant(inputs["support_y"]))
    alone = learner.respond(state[1:], tf.constant(inputs["query_x"][1:]))
    close(alone, answer(inputs)[1:])


def test_the_order_of_support_items_changes_nothing(learner, answer):
    if isinstance(learner, LifelongMemory):
        pytest.skip("a memory learns a stream, in which what comes later weighs more")
    inputs = episode(learner)
    order = np.random.RandomState(1).permutation(inputs["support_y"].shape[1])
    shuffled = {**inputs, **{name: inputs[name][:, order] for name in ("support_x", "support_y")}}
    close(answer(shuffled), answer(inputs))


def test_the_order_of_queries_is_the_order_of_answers(learner, answer):
    inputs = episode(learner)
    order = np.random.RandomState(2).permutation(5)
    close(answer({**inputs, "query_x": inputs["query_x"][:, order]}), answer(inputs)[:, order])


def test_other_queries_change_nothing(learner, answer):
    if getattr(learner, "batch_statistics", "") == "transductive":
        pytest.skip("transductive answers are meant to depend on the other queries")
    inputs = episode(learner)
    close(answer({**inputs, "query_x": inputs["query_x"][:, 1:3]}), answer(inputs)[:, 1:3])


def test_permuted_classes_are_permuted_answers(learner, answer):
    if is_regression(learner):
        pytest.skip("regression has no classes")
    inputs, order = episode(learner), np.array([2, 0, 1])
    before = answer(inputs)
    # A head for a fixed number of classes has a column for each.
    head = learner.network.layers[-1].trainable_variables if learner.ways else []
    try:
        for variable in head:
            variable.assign(variable.numpy()[..., order])
        after = answer({**inputs, "support_y": np.argsort(order)[inputs["support_y"]].astype(np.int32)})
    finally:
        for variable in head:
            variable.assign(variable.numpy()[..., np.argsort(order)])
    close(after, before[..., order])


def test_answering_changes_no_variable(learner, answer):
    before = [v.numpy() for v in learner.variables]
    answer(episode(learner))
    for variable, value in zip(learner.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_it_comes_back_from_its_config(learner, answer):
    again = type(learner).from_config(learner.get_config())
    assert again.get_config() == learner.get_config()
    again.set_weights(learner.get_weights())
    inputs = episode(learner)
    close(again(inputs, training=False), answer(inputs))


def test_it_comes_back_from_a_file(learner, answer, tmp_path):
    learner.save(tmp_path / "learner.keras")
    again = keras.saving.load_model(tmp_path / "learner.keras")
    assert type(again) is type(learner)
    inputs = episode(learner)
    close(again(inputs, training=False), answer(inputs))


def test_a_step_of_fit_moves_every_weight_and_lowers_the_loss(learner):
    again = type(learner).from_config(learner.get_config())
    again.set_weights(learner.get_weights())
    inputs = episode(again, queries=6)
    y = np.sin(inputs["query_x"]) if is_regression(again) else np.tile(np.arange(WAYS), [2, 2])
    loss = "mse" if is_regression(again) else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    again.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    before = [v.numpy() for v in again.trainable_variables]
    history = again.fit(inputs, y, batch_size=2, epochs=8, verbose=0).history["loss"]
    assert np.all(np.isfinite(history))
    # Reptile learns nothing from queries, and here their labels are not those of the support set's likes.
    assert history[-1] < history[0] or isinstance(again, Reptile)
    for variable, value in zip(again.trainable_variables, before, strict=True):
        assert np.any(variable.numpy() != value), f"{variable.path} was not trained"
