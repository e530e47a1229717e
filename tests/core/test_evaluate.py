import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.estimate import Estimate, estimate
from tfmeta.core.evaluate import TaskAccuracy, TaskError, evaluate_tasks

TASKS, QUERIES, WAYS = 40, 5, 3


@pytest.fixture(scope="module")
def answers():
    random = np.random.RandomState(0)
    return random.randint(WAYS, size=[TASKS, QUERIES]), random.randn(TASKS, QUERIES, WAYS).astype(np.float32)


def interval(values):
    return 1.96 * np.std(values, ddof=1) / np.sqrt(len(values))


def test_the_interval_is_numpys():
    values = np.random.RandomState(1).rand(1000)
    found = estimate(values)
    np.testing.assert_allclose([found.mean, found.ci95], [values.mean(), interval(values)], rtol=1e-12)
    assert found.tasks == 1000


def test_one_task_has_no_interval():
    assert np.isnan(estimate([0.5]).ci95)


def test_an_estimate_reads_well():
    assert str(Estimate(0.95123, 0.00456, 1000)) == "0.9512 ± 0.0046 (1,000 tasks)"


def test_accuracy_is_of_tasks(answers):
    y, logits = answers
    right = (logits.argmax(-1) == y).mean(axis=1)
    metric = TaskAccuracy()
    for part in (slice(0, 10), slice(10, TASKS)):  # batches of unequal size
        metric.update_state(y[part], logits[part])
    found = metric.estimate()
    np.testing.assert_allclose([found.mean, found.ci95], [right.mean(), interval(right)], rtol=1e-5)
    np.testing.assert_allclose(metric.result(), right.mean(), rtol=1e-6)
    assert found.tasks == TASKS
    metric.reset_state()
    assert metric.result() == 0.0


def test_error_is_of_tasks(answers):
    _, values = answers
    targets = values + np.random.RandomState(2).randn(*values.shape).astype(np.float32)
    squares = ((values - targets) ** 2).mean(axis=(1, 2))
    metric = TaskError()
    metric.update_state(targets, values)
    found = metric.estimate()
    np.testing.assert_allclose([found.mean, found.ci95], [squares.mean(), interval(squares)], rtol=1e-5)


def test_equal_tasks_have_an_interval_of_zero():
    metric = TaskAccuracy()
    metric.update_state(tf.zeros([7, 3]), tf.one_hot(tf.zeros([7, 3], tf.int32), 2))
    assert metric.estimate() == Estimate(1.0, 0.0, 7)


def test_metrics_are_saved_with_a_model():
    for metric in (TaskAccuracy("hits"), TaskError()):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
        assert type(again) is type(metric) and again.name == metric.name


def test_a_model_is_evaluated_on_as_many_batches_as_asked_for(answers):
    y, logits = answers
    model = keras.Sequential([keras.Input([QUERIES, WAYS]), keras.layers.Identity()])
    tasks = tf.data.Dataset.from_tensor_slices((logits, y)).batch(10).repeat()
    found = evaluate_tasks(model, tasks, TaskAccuracy(), batches=3, verbose=0)
    right = (logits[:30].argmax(-1) == y[:30]).mean(axis=1)
    np.testing.assert_allclose([found.mean, found.ci95], [right.mean(), interval(right)], rtol=1e-5)
    assert found.tasks == 30
