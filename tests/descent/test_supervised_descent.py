"""Supervised descent: stages are ridge regressions, it works where Newton's method fails, it is saved and resumed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import Ridge

from tfmeta.core.backup import Backup
from tfmeta.core.checks import TfmetaError
from tfmeta.descent import Feature, FunctionFeature, SupervisedDescent
from tfmeta.descent.inverse import INVERSES, compare_inverses

COUNT, SIZE, STRENGTH = 600, 2, 0.01


@keras.saving.register_keras_serializable("tests")
def bent(x):
    return tf.concat([x + 0.3 * tf.sin(3 * x), x[..., :1] * x[..., 1:]], axis=-1)


@keras.saving.register_keras_serializable("tests")
class Rounded(Feature):
    """Has no derivative anywhere."""

    def __init__(self, width=SIZE, **kwargs):
        super().__init__(width, **kwargs)

    def features(self, points, prepared):
        return tf.round(10 * (points - prepared[:, None])) / 10


def examples(seed=0, starts=None):
    random = np.random.default_rng(seed)
    optimum = random.uniform(-1, 1, [COUNT, SIZE]).astype(np.float32)
    start = random.uniform(-1, 1, [COUNT, *([starts] if starts else []), SIZE]).astype(np.float32)
    return {"start": start, "instance": bent(optimum).numpy()}, optimum


def cascade(stages=3, feature=None, **options):
    model = SupervisedDescent(feature or FunctionFeature(bent, width=3), SIZE, stages, **options)
    model.compile()
    return model


@pytest.fixture(scope="module")
def learned():
    model, (inputs, optimum) = cascade(strengths=[STRENGTH]), examples()
    model.fit(inputs, optimum, batch_size=100, shuffle=False, verbose=0)
    return model


def test_a_stage_is_a_ridge_regression_on_what_remains(learned):
    inputs, optimum = examples()
    points = inputs["start"]
    for stage in range(3):
        features = bent(points).numpy() - inputs["instance"]
        alpha = STRENGTH * np.trace(np.cov(features, rowvar=False, ddof=0)) * COUNT / 3
        ridge = Ridge(alpha=alpha).fit(features, optimum - points)
        weights, bias = (weight.numpy() for weight in learned.step(stage))
        np.testing.assert_allclose(weights, ridge.coef_.T, atol=1e-4)
        np.testing.assert_allclose(bias, ridge.intercept_, atol=1e-4)
        points = points + ridge.predict(features).astype(np.float32)
    np.testing.assert_allclose(learned.predict(inputs, verbose=0), points, atol=1e-3)


def test_new_instances_come_nearer_stage_by_stage(learned):
    inputs, optimum = examples(seed=1)
    errors = [np.square(points.numpy() - optimum).mean() for points in learned.path(inputs)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.03 * errors[0]


def test_several_starts_of_an_instance_are_as_many_instances(learned):
    inputs, optimum = examples(starts=4)
    many = learned(inputs).numpy()
    assert many.shape == (COUNT, 4, SIZE)
    one = learned({"start": inputs["start"][:, 2], "instance": inputs["instance"]}).numpy()
    np.testing.assert_allclose(many[:, 2], one, atol=1e-6)
    together, apart = cascade(1, strengths=[STRENGTH]), cascade(1, strengths=[STRENGTH])
    together.fit(inputs, optimum, batch_size=COUNT, verbose=0)
    repeated = {"start": inputs["start"].reshape(-1, SIZE), "instance": np.repeat(inputs["instance"], 4, 0)}
    apart.fit(repeated, np.repeat(optimum, 4, 0), batch_size=4 * COUNT, verbose=0)
    np.testing.assert_allclose(together.step(0)[0], apart.step(0)[0], atol=1e-5)


def test_the_history_says_what_each_stage_brought():
    model, (inputs, optimum) = cascade(2), examples()
    history = model.fit(
        inputs,
        optimum,
        batch_size=100,
        verbose=0,
        validation_data=examples(seed=1),
        validation_batch_size=COUNT,
    ).history
    assert set(history) == {"loss", "val_loss", "strength", "expected"} and len(history["loss"]) == 2
    assert history["loss"][1] < 0.5 * history["loss"][0]
    assert history["val_loss"][0] == pytest.approx(history["expected"][0], rel=0.2)
    assert history["loss"][1] == pytest.approx(history["expected"][0], rel=0.1)
    assert model.evaluate(*examples(seed=1), batch_size=COUNT, verbose=0) == pytest.approx(
        history["val_loss"][1]
    )


def test_regularisation_never_falls_from_stage_to_stage(tmp_path):
    """Nor does it in a run that was interrupted. The first stage has noise to ignore, the others have not."""
    inputs, optimum = examples()
    noisy = optimum + np.random.default_rng(0).normal(size=optimum.shape).astype(np.float32)
    options = {"batch_size": 100, "shuffle": False, "verbose": 0}
    free = cascade(1, strengths=[1e-3, 30.0]).fit(inputs, optimum, **options).history["strength"]
    assert free == [pytest.approx(1e-3)]
    model = cascade(2, strengths=[1e-3, 30.0])
    first = model.fit(inputs, 30 * noisy[::-1], epochs=1, callbacks=[Backup(tmp_path)], **options).history
    resumed = cascade(2, strengths=[1e-3, 30.0])
    Backup(tmp_path).restore(resumed)
    second = resumed.fit(inputs, optimum, **options).history
    assert first["strength"] == second["strength"] == [pytest.approx(30.0)]


def test_a_feature_needs_no_derivative():
    random = np.random.default_rng(0)
    optimum = random.uniform(-1, 1, [COUNT, SIZE]).astype(np.float32)
    inputs = {"start": np.zeros([COUNT, SIZE], np.float32), "instance": optimum}
    model = cascade(2, Rounded())
    model.fit(inputs, optimum, batch_size=100, verbose=0)
    assert np.abs(model.predict(inputs, verbose=0) - optimum).max() < 0.06


def test_it_comes_back_from_a_file(learned, tmp_path):
    inputs, _ = examples(seed=1)
    learned.save(tmp_path / "cascade.keras")
    copy = keras.saving.load_model(tmp_path / "cascade.keras")
    assert copy.learned == 3 and copy.batches == 18
    assert copy.features[0] is copy.features[2]  # or what an instance gives would be computed for each stage
    np.testing.assert_array_equal(copy.predict(inputs, verbose=0), learned.predict(inputs, verbose=0))


def test_a_run_that_was_interrupted_ends_as_an_unbroken_one(learned, tmp_path):
    inputs, optimum = examples()
    first = cascade(strengths=[STRENGTH])
    first.fit(
        inputs, optimum, batch_size=100, epochs=2, shuffle=False, verbose=0, callbacks=[Backup(tmp_path)]
    )
    second = cascade(strengths=[STRENGTH])
    Backup(tmp_path).restore(second)
    assert second.learned == 2 and second.batches == 12
    second.fit(inputs, optimum, batch_size=100, shuffle=False, verbose=0)
    np.testing.assert_array_equal(second.step(2)[0], learned.step(2)[0])


@pytest.mark.parametrize("problem", INVERSES, ids=lambda problem: problem.name)
def test_it_ends_where_newtons_method_does_not(problem):
    """As the paper's figure: from a start far off, Newton's method leaves the numbers or finds another extremum."""
    errors = compare_inverses(problem)
    assert errors["supervised descent"][-1] < 0.06 < errors["Newton"][-1]
    assert (np.diff(errors["supervised descent"]) < 0).all()


def test_gauss_newton_wins_where_it_begins_near():
    near, far = (compare_inverses(problem) for problem in (INVERSES[2], INVERSES[1]))
    assert near["Gauss-Newton"][-1] < near["supervised descent"][-1]
    assert far["Gauss-Newton"][-1] == np.inf


def fitted_again(model):
    inputs, optimum = examples()
    model.fit(inputs, optimum, batch_size=100, verbose=0)


BAD = {
    "learned already": (lambda done: fitted_again(done), "3 of 3 stages were learned, one in an epoch"),
    "too many epochs": (
        lambda done: cascade(1).fit(*examples(), epochs=2, verbose=0),
        "epochs=2, but 0 of 1 stages were learned, one in an epoch; expected 1 to 1",
    ),
    "another epoch": (
        lambda done: cascade(3).fit(*examples(), initial_epoch=1, verbose=0),
        "initial_epoch=1, but 0 stages were learned",
    ),
    "NaN": (
        lambda done: cascade(1).fit(examples()[0], np.full([COUNT, SIZE], np.nan), batch_size=100, verbose=0),
        "Features or targets hold NaN",
    ),
    "one batch for three folds": (
        lambda done: cascade(1).fit(*examples(), batch_size=COUNT, verbose=0),
        "Fold 1 of 3 has no rows; give at least 3 batches",
    ),
    "no targets": (lambda done: cascade(1).fit(examples()[0], verbose=0), "There are no targets"),
    "weights": (
        lambda done: cascade(1).fit(*examples(), sample_weight=np.ones(COUNT), verbose=0),
        "Sample weights are not supported",
    ),
    "a start of another rank": (
        lambda done: done({"start": np.zeros([SIZE], np.float32), "instance": np.zeros([1, 3], np.float32)}),
        "start has the shape",
    ),
    "no stages": (lambda done: cascade(0), "stages=0; expected at least 1"),
    "two features for three stages": (
        lambda done: cascade(3, [Rounded(), Rounded()]),
        "2 features were given for 3 stages",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_says_what_is_expected(case, learned):
    act, message = BAD[case]
    with pytest.raises((TfmetaError, ValueError), match=message):
        act(learned)
