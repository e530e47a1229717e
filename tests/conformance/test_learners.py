"""What every few-shot learner keeps, whatever it learns by."""

import importlib
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.learners import CASES, WAYS, episode, is_regression
from tfmeta import fewshot
from tfmeta.fewshot.gradient import GradientLearner
from tfmeta.fewshot.learner import FewShotLearner
from tfmeta.fewshot.lifelong import LifelongMemory
from tfmeta.fewshot.maml import MAML
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.fewshot.reptile import Reptile
from tfmeta.fewshot.siamese import SiameseNetwork

# Tracing takes most of the time of a training. Recipes and the room's own tests train these in a graph; of each other
# class one case is traced here.
TRACED_ELSEWHERE = {MAML, PrototypicalNetwork, SiameseNetwork, LifelongMemory}
TRACED = {
    case.kind: name for name, case in reversed(CASES.items()) if case.kind not in TRACED_ELSEWHERE
}.values()


@pytest.fixture(scope="module", params=CASES)
def learner(request):
    return CASES[request.param].build()


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


def learners_of_the_room() -> set[type[FewShotLearner]]:
    """The learners that can be built: those that Keras can save, and those that no other is made from."""
    for module in pkgutil.walk_packages(fewshot.__path__, "tfmeta.fewshot."):
        importlib.import_module(module.name)
    found, ahead = set(), [FewShotLearner]
    while ahead:
        kind = ahead.pop()
        below = [sub for sub in kind.__subclasses__() if sub.__module__.startswith("tfmeta.")]
        ahead += below
        if not below or keras.saving.get_registered_name(kind) != kind.__name__:
            found.add(kind)
    return found


def test_every_learner_is_held_to_the_contract_and_exported():
    tested = {case.kind for case in CASES.values()}
    missing = sorted(kind.__qualname__ for kind in learners_of_the_room() - tested)
    assert not missing, f"add them to tests/conformance/learners.py: {', '.join(missing)}"
    hidden = sorted(kind.__qualname__ for kind in tested if kind.__name__ not in fewshot.__all__)
    assert not hidden, f"export them from tfmeta.fewshot: {', '.join(hidden)}"


def test_it_says_for_how_many_classes_it_is_built(learner):
    fixed = isinstance(learner, GradientLearner) and not is_regression(learner)
    assert learner.ways == (WAYS if fixed else None)


@pytest.mark.parametrize(("tasks", "shots", "queries"), [(2, 2, 5), (1, 1, 1), (3, 3, 2)])
def test_numbers_of_tasks_items_and_queries_are_free(learner, answer, tasks, shots, queries):
    found = answer(episode(learner, tasks, shots, queries))
    assert found.shape == (tasks, queries, 1 if is_regression(learner) else WAYS)
    assert found.dtype == np.float32


@pytest.mark.parametrize("labels", [[0, 1, 1], [0, 1, 2, 0, 1, 1, 0]])
def test_a_task_state_has_the_size_that_is_declared(learner, labels):
    x = episode(learner, tasks=1, shots=3)["support_x"][:, : len(labels)]
    state = learner.adapt(x, np.sin(x) if is_regression(learner) else np.array([labels]))
    size, declared = state.shape[1], learner.state_size
    classes, items = max(labels) + 1, len(labels)
    assert size in {declared.base + declared.step * counted for counted in (classes, items)}
    assert declared.fits(size) and not declared.fits(size + 1)


def test_classes_may_have_unequal_numbers_of_examples(learner, answer):
    """Examples are answered better by their own labels than by those of other examples."""
    if is_regression(learner):
        pytest.skip("regression has no classes")
    x = episode(learner, seed=4)["support_x"]
    y, others = (
        np.array([[0, 1, 1, 1, 2, 2], [1, 0, 0, 2, 0, 0]]),
        np.array([[1, 2, 2, 0, 0, 2], [0, 2, 1, 0, 2, 2]]),
    )

    def mean_log_probability(labels):
        answers = answer({"support_x": x, "support_y": labels.astype(np.int32), "query_x": x})
        return -np.mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, answers))

    assert mean_log_probability(y) > mean_log_probability(others)


def test_tasks_of_a_batch_may_have_different_numbers_of_classes(learner, answer):
    if learner.ways or is_regression(learner):
        pytest.skip("it has an output for each class or none, whatever the task")
    inputs = {**episode(learner), "support_y": np.array([[0, 1, 1, 0, 1, 1], [2, 0, 1, 1, 1, 0]], np.int32)}
    both, alone = answer(inputs), answer({name: value[:1] for name, value in inputs.items()})
    assert both.shape[2] == 3 and alone.shape[2] == 2
    close(both[:1, :, :2], alone)
    assert np.all(tf.nn.softmax(both)[0, :, 2] < 1e-9)


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
    if isinstance(learner, GradientLearner) and learner.batch_statistics == "transductive":
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


def test_a_step_of_fit_moves_every_weight_and_lowers_the_loss(learner, request):
    again = type(learner).from_config(learner.get_config())
    again.set_weights(learner.get_weights())
    inputs = episode(again, queries=6)
    y = np.sin(inputs["query_x"]) if is_regression(again) else np.tile(np.arange(WAYS), [2, 2])
    loss = "mse" if is_regression(again) else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    eager = request.node.callspec.params["learner"] not in TRACED
    again.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss, run_eagerly=eager)
    before = [v.numpy() for v in again.trainable_variables]
    history = again.fit(inputs, y, batch_size=2, epochs=4, verbose=0).history["loss"]
    # Reptile learns nothing from queries, and here their labels are not those of the support set's likes.
    assert history[-1] < history[0] or isinstance(again, Reptile)
    for variable, value in zip(again.trainable_variables, before, strict=True):
        assert np.any(variable.numpy() != value), f"{variable.path} was not trained"
