import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.estimate import Estimate, estimate
from tfmeta.core.evaluate import TaskAccuracy, TaskError, TaskMean, evaluate_tasks

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


@pytest.mark.parametrize("offset", [1e4, 1e6])
def test_large_numbers_have_their_interval(offset):
    values = offset + np.random.RandomState(3).randn(TASKS, 1, 1)
    metric = Value()
    for part in np.split(values, 4):
        metric.update_state(part, part)
    found = metric.estimate()
    np.testing.assert_allclose(found.ci95, interval(np.ravel(values)), rtol=1e-3)
    np.testing.assert_allclose(found.mean, values.mean(), rtol=1e-12)


class Value(TaskMean):
    def score(self, y_true, y_pred):
        return y_pred


def test_weights_choose_queries_and_tasks(answers):
    y, logits = answers
    right = logits.argmax(-1) == y
    random = np.random.RandomState(4)
    weights = random.randint(3, size=y.shape)
    weights[:3] = 0  # these tasks do not count
    metric = TaskAccuracy()
    metric.update_state(y, logits, sample_weight=weights)
    expected = (right[3:] * weights[3:]).sum(1) / weights[3:].sum(1)
    found = metric.estimate()
    np.testing.assert_allclose([found.mean, found.ci95], [expected.mean(), interval(expected)], rtol=1e-6)
    assert found.tasks == TASKS - 3
    metric.reset_state()
    metric.update_state(y, logits, sample_weight=np.arange(TASKS) < 10)
    np.testing.assert_allclose(metric.result(), right[:10].mean(), rtol=1e-6)
    with pytest.raises(
        ValueError, match=r"sample_weight has the shape \[1, 1, 1\]; expected \[B\] for tasks"
    ):
        metric.update_state(y, logits, sample_weight=np.ones([1, 1, 1]))


def test_labels_that_are_no_classes_are_never_right():
    metric = TaskAccuracy()
    metric.update_state([[0.0, 0.5]], [[[2.0, 1.0], [2.0, 1.0]]])
    assert metric.result() == 0.5


def test_targets_meet_answers_by_a_rule():
    metric = TaskError()
    metric.update_state(np.ones([1, 3]), np.ones([1, 3, 1]) * 3)
    assert metric.result() == 4.0
    metric.reset_state()
    metric.update_state(np.ones([1, 3, 4, 4, 2]), np.ones([1, 3, 4, 4, 2]) * 2)
    assert metric.result() == 1.0
    with pytest.raises(ValueError, match="expected a target for each output"):
        metric.update_state(np.ones([1, 3, 2]), np.ones([1, 3, 1]))


def test_nothing_seen_is_no_estimate():
    with pytest.raises(ValueError, match="the metric 'accuracy' has seen no tasks"):
        TaskAccuracy().estimate()
    with pytest.raises(ValueError, match="no values to estimate a mean of"):
        estimate([])


@pytest.mark.parametrize(("metric", "best"), [(TaskAccuracy("score"), 2), (TaskError("score"), 1)])
def test_callbacks_know_which_direction_is_better(metric, best, tmp_path):
    y = np.zeros([2, 2, 2], np.float32)
    y = y[..., 0].astype(int) if isinstance(metric, TaskAccuracy) else y
    model = keras.Sequential([keras.Input([2, 2]), keras.layers.Identity()])
    model.compile(loss=lambda y_true, y_pred: 0.0 * y_pred[..., 0], metrics=[metric])
    keep = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", monitor="score", save_best_only=True, save_weights_only=True
    )
    keep.set_model(model)
    model.evaluate(np.zeros([2, 2, 2]), y, verbose=0)
    for epoch, value in enumerate([0.5, 0.4, 0.6]):
        keep.on_epoch_end(epoch, {"score": value})
    assert max(path.name for path in tmp_path.glob("*.h5")) == f"{best + 1}.weights.h5"


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
