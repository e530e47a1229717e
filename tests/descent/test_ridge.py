"""Ridge regression from sums, beside scikit-learn's on the same rows."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import Ridge

from tfmeta.core.checks import TfmetaError
from tfmeta.descent import NormalEquations

ROWS, INPUTS, OUTPUTS, FOLDS = 240, 12, 3, 3


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    features = random.normal(5.0, 2.0, [ROWS, INPUTS])
    targets = features @ random.normal(size=[INPUTS, OUTPUTS]) + random.normal(7.0, 3.0, [ROWS, OUTPUTS])
    return features, targets


def sums_of(features, targets, dtype=tf.float32, folds=FOLDS, batch=20):
    sums = NormalEquations(INPUTS, OUTPUTS, folds)
    for number, first in enumerate(range(0, len(features), batch)):
        rows = slice(first, first + batch)
        sums.add(tf.cast(features[rows], dtype), tf.cast(targets[rows], dtype), number % folds)
    return sums


def fold_of(row, batch=20):
    return row // batch % FOLDS


def alpha(features, strength):
    """What scikit-learn calls the strength."""
    return strength * np.trace(np.cov(features, rowvar=False, ddof=0)) * len(features) / INPUTS


@pytest.mark.parametrize("strength", [1e-4, 0.1, 3.0])
def test_it_is_ridge_regression(data, strength):
    fit = sums_of(*data).solve(strength)
    expected = Ridge(alpha=alpha(data[0], strength)).fit(*data)
    np.testing.assert_allclose(fit.weights, expected.coef_.T, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(fit.bias, expected.intercept_, rtol=1e-4, atol=1e-4)


def test_cross_validation_measures_rows_that_were_left_out(data):
    features, targets = data
    strengths = [1e-3, 0.3, 1.0, 30.0]
    folds = np.array([fold_of(row) for row in range(ROWS)])
    errors = []
    for strength in strengths:
        wrong = 0.0
        for fold in range(FOLDS):
            rest = folds != fold
            model = Ridge(alpha=alpha(features[rest], strength)).fit(features[rest], targets[rest])
            wrong += ((model.predict(features[~rest]) - targets[~rest]) ** 2).sum()
        errors.append(wrong / targets.size)
    fit = sums_of(features, targets, tf.float64).choose(strengths)
    assert fit.strength == strengths[int(np.argmin(errors))]
    assert fit.error == pytest.approx(min(errors), rel=1e-6)
    np.testing.assert_allclose(
        fit.weights, sums_of(features, targets, tf.float64).solve(fit.strength).weights
    )


def test_noise_asks_for_a_stronger_regularisation():
    random = np.random.default_rng(1)
    features = random.normal(size=[ROWS, INPUTS])
    clear = features @ random.normal(size=[INPUTS, OUTPUTS])
    strengths = [1e-6, 1e-3, 1.0, 1e3]
    assert sums_of(features, clear).choose(strengths).strength == 1e-6
    assert sums_of(features, random.normal(size=[ROWS, OUTPUTS])).choose(strengths).strength == 1e3


def test_the_size_of_batches_changes_nothing(data):
    one, other = (sums_of(*data, tf.float64, folds=1, batch=size).solve(0.1) for size in (7, 240))
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-9)


def test_rows_are_counted(data):
    assert sums_of(*data).rows == ROWS


def test_features_that_never_change_explain_nothing():
    sums = NormalEquations(2, 1)
    sums.add(tf.ones([5, 2]), tf.range(5.0)[:, None])
    fit = sums.solve(0.0)
    assert not fit.weights.any() and fit.bias.item() == pytest.approx(2.0)


BAD = {
    "no rows": (lambda sums: None, "0 rows were given; a regression needs at least 2"),
    "fewer rows than features": (
        lambda sums: sums.add(tf.random.normal([5, INPUTS]), tf.zeros([5, OUTPUTS])),
        "5 rows are fewer than 12 features need without regularisation; give more rows, or a strength above 0",
    ),
    "NaN": (
        lambda sums: sums.add(tf.fill([50, INPUTS], np.nan), tf.zeros([50, OUTPUTS])),
        "Features or targets hold NaN or infinite numbers",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_solved_says_why(case):
    fill, message = BAD[case]
    sums = NormalEquations(INPUTS, OUTPUTS)
    fill(sums)
    with pytest.raises(TfmetaError, match=message):
        sums.solve(0.0)


def test_a_fold_without_rows_is_named(data):
    sums = sums_of(*data, batch=ROWS)
    with pytest.raises(TfmetaError, match="Fold 1 of 3 has no rows; give at least 3 batches"):
        sums.choose([0.1, 1.0])
