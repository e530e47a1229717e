import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.checks import TfmetaError
from tfmeta.fewshot.verification import (
    EqualErrorRate,
    fit_log_odds,
    measure_verification,
    score_verification,
)


@pytest.fixture(scope="module")
def answers():
    """Pairs with overlapping scores, some of them equal."""
    random = np.random.RandomState(0)
    same = random.randint(2, size=400)
    return same, np.round(1 / (1 + np.exp(-random.randn(400) - 1.5 * (2 * same - 1))), 2)


def test_the_curve_is_counted_at_every_threshold(answers):
    same, scores = answers
    curve = score_verification(same, scores)
    assert curve.thresholds[0] == np.inf and np.all(np.diff(curve.thresholds) < 0)
    for threshold, hits, alarms in zip(curve.thresholds, curve.hits, curve.false_alarms, strict=True):
        assert hits == pytest.approx((scores[same == 1] >= threshold).mean())
        assert alarms == pytest.approx((scores[same == 0] >= threshold).mean())
    assert (curve.hits[-1], curve.false_alarms[-1]) == (1.0, 1.0)


def test_the_area_is_how_often_a_same_pair_wins(answers):
    same, scores = answers
    against = scores[same == 1][:, None] - scores[same == 0]
    wins = (against > 0).mean() + 0.5 * (against == 0).mean()
    assert score_verification(same, scores).area == pytest.approx(wins)


@pytest.mark.parametrize(
    ("same", "scores", "rate"),
    [
        ([1, 1, 0, 0], [4.0, 3.0, 2.0, 1.0], 0.0),
        ([0, 0, 1, 1], [4.0, 3.0, 2.0, 1.0], 1.0),
        ([1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0], 0.5),
        ([1, 1, 1, 0, 1, 0, 0, 0], [8, 7, 6, 5, 4, 3, 2, 1], 0.25),
        ([1, 0, 1, 0], [2.0, 2.0, 2.0, 2.0], 0.5),  # nothing is told apart
    ],
)
def test_the_equal_error_rate(same, scores, rate):
    assert score_verification(np.array(same), np.array(scores)).equal_error == pytest.approx(rate)


def test_both_kinds_of_error_are_as_frequent_there(answers):
    same, scores = answers
    rate = score_verification(same, scores).equal_error
    curve = score_verification(same, scores)
    assert np.interp(rate, curve.false_alarms, 1 - curve.hits) == pytest.approx(rate, abs=1e-9)


def test_the_metric_counts_in_batches_what_the_curve_says(answers):
    same, scores = answers
    metric = EqualErrorRate(from_logits=False)
    for part in np.array_split(np.arange(400), 7):
        metric.update_state(same[part], scores[part])
    assert float(metric.result()) == pytest.approx(score_verification(same, scores).equal_error, abs=5e-3)
    of_logits = EqualErrorRate()
    of_logits.update_state(same, np.log(scores + 1e-6) - np.log1p(1e-6 - scores))
    assert float(of_logits.result()) == pytest.approx(float(metric.result()), abs=5e-3)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_the_metric_comes_back_from_its_config():
    metric = EqualErrorRate(num_thresholds=50, from_logits=False)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert isinstance(again, EqualErrorRate) and again.get_config() == metric.get_config()


def test_calibration_is_the_gap_between_probability_and_frequency():
    same = np.array([1, 1, 1, 0] * 10)
    assert score_verification(same, np.full(40, 0.75)).calibration == pytest.approx(0.0)
    assert score_verification(same, np.full(40, 0.95)).calibration == pytest.approx(0.2)
    assert np.isnan(score_verification(same, np.full(40, 1.5)).calibration)


def test_a_verifier_is_measured_on_batches_of_pairs():
    class Closeness:
        def verify(self, a, b):
            return tf.exp(-tf.abs(a - b))[:, 0]

    a = np.arange(8, dtype=np.float32)[:, None]
    same = np.arange(8) % 2
    inputs = {"a": a, "b": a + np.where(same, 0.1, 1.0)[:, None].astype(np.float32)}
    batches = tf.data.Dataset.from_tensor_slices((inputs, same)).batch(2)
    measured = measure_verification(Closeness(), batches, batches=4)
    assert (measured.area, measured.equal_error, len(measured.hits)) == (1.0, 0.0, len(measured.thresholds))


@pytest.mark.parametrize(
    ("same", "scores", "message"),
    [
        ([1, 1], [0.1, 0.2], "2 of 2 pairs are of one class; expected pairs of one class and pairs of two"),
        ([0, 0], [0.1, 0.2], "0 of 2 pairs are of one class"),
        ([1, 0], [0.1], "2 pairs in `same` but 1 scores; expected one score for each pair"),
        ([1, 0], [0.1, np.nan], "1 scores are NaN or infinite; expected finite numbers"),
        ([1, 0], [np.inf, -np.inf], "2 scores are NaN or infinite; expected finite numbers"),
    ],
)
def test_what_cannot_be_scored_is_named(same, scores, message):
    with pytest.raises(ValueError, match=message):
        score_verification(np.array(same), np.array(scores))


def test_without_scikit_learn_an_error_says_what_to_install(monkeypatch):
    for module in ("sklearn.metrics", "sklearn.linear_model"):
        monkeypatch.setitem(sys.modules, module, None)  # what Python takes for a module that is not there
    same, scores = np.array([1, 0]), np.array([0.9, 0.1])
    for needs_it in (score_verification, fit_log_odds):
        with pytest.raises(TfmetaError, match=r"is not installed: pip install 'tfmeta\[data\]'"):
            needs_it(same, scores)


def test_log_odds_become_honest():
    """Log-odds that are a line of the true ones are put right, whatever share of the pairs is of one class."""
    random = np.random.default_rng(0)
    true = random.normal(0.0, 3.0, 200_000)
    same = random.random(true.shape) < 1.0 / (1.0 + np.exp(-true))
    a, b = fit_log_odds(same, 5.0 * true - 40.0)
    assert a == pytest.approx(0.2, rel=0.03) and b == pytest.approx(8.0, rel=0.03)
    few = np.concatenate([np.flatnonzero(same)[:9000], np.flatnonzero(~same)])
    np.testing.assert_allclose(fit_log_odds(same[few], 5.0 * true[few] - 40.0), (a, b), rtol=0.05)


def test_log_odds_of_perfect_verifiers_stay_finite():
    a, b = fit_log_odds(np.array([1, 1, 0, 0]), np.array([3.0, 2.0, -2.0, -3.0]))
    assert 0.0 < a < 100.0 and b == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(ValueError, match="2 of 2 pairs are of one class"):
        fit_log_odds(np.ones(2), np.ones(2))
