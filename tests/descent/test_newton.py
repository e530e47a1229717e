"""Newton's and Gauss-Newton's method on functions whose steps are known."""

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.descent import gauss_newton, newton

A = tf.constant([[3.0, 1.0], [1.0, 2.0]], tf.float64)
START = tf.constant([[1.0, -2.0], [4.0, 0.5]], tf.float64)


def bowl(x):
    return 0.5 * tf.einsum("bi,ij,bj->b", x, A, x) - tf.reduce_sum(x, axis=1)


@pytest.mark.parametrize("differences", [None, 1e-3])
def test_one_step_ends_in_the_middle_of_a_bowl(differences):
    path = newton(bowl, START, 1, differences=differences)
    np.testing.assert_allclose(path[1], np.tile(np.linalg.solve(A, np.ones(2)), (2, 1)), rtol=1e-6)


@pytest.mark.parametrize("differences", [None, 1e-4])
def test_steps_are_those_of_the_formula(differences):
    """f = x⁴: f'/f'' = x/3."""
    path = newton(lambda x: x[:, 0] ** 4, tf.constant([[3.0]], tf.float64), 3, differences=differences)
    np.testing.assert_allclose(path[:, 0, 0], 3.0 * (2 / 3) ** np.arange(4), rtol=1e-5)


@pytest.mark.parametrize("differences", [None, 1e-5])
def test_gauss_newton_on_a_line_is_newtons_method_for_roots(differences):
    path = gauss_newton(
        lambda x: tf.exp(x) - 3.0, tf.zeros([1, 1], tf.float64), 2, differences=differences
    ).numpy()[:, 0, 0]
    first = 0 - (1 - 3) / 1
    np.testing.assert_allclose(path, [0, first, first - (np.exp(first) - 3) / np.exp(first)], rtol=1e-6)


def test_gauss_newton_solves_least_squares_in_a_step():
    random = np.random.default_rng(0)
    matrix, seen = random.normal(size=[5, 2]), random.normal(size=[5])
    path = gauss_newton(lambda x: x @ matrix.T - seen, START, 1)
    np.testing.assert_allclose(path[1][0], np.linalg.lstsq(matrix, seen, rcond=None)[0], rtol=1e-9)


def test_a_flat_place_is_nan_in_its_row_alone():
    path = newton(lambda x: x[:, 0] ** 3, tf.constant([[0.0], [1.0]], tf.float64), 1).numpy()[1, :, 0]
    assert np.isnan(path[0]) and path[1] == pytest.approx(0.5)


def test_damping_shortens_the_step():
    short, full = (newton(bowl, START, 1, damping=damping)[1] for damping in (10.0, 0.0))
    assert (np.linalg.norm(short - START, axis=1) < np.linalg.norm(full - START, axis=1)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "steps=-1; expected 0"),
        ({"steps": 1, "differences": 0.0}, "differences=0.0; expected"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        newton(bowl, START, **options)
