"""Flat vectors, conjugate gradient and line search, beside NumPy's dense solutions."""

import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.linalg import backtracking_line_search, conjugate_gradient, flatten, unflatten

modes = pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "graph"])


def positive_definite(size, condition, seed=0):
    """A dense matrix of a known condition, and a right-hand side; float64."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(size, size)))
    return (basis * np.geomspace(1.0, condition, size)) @ basis.T, rng.normal(size=size)


def solve(A, b, wrap=tf.function, **settings):
    A = tf.constant(A)
    return wrap(lambda b: conjugate_gradient(lambda v: tf.linalg.matvec(A, v), b, **settings))(tf.constant(b))


def test_flatten_and_unflatten_undo_each_other():
    tensors = [
        tf.reshape(tf.range(6.0), [2, 3]),
        tf.Variable(7.0),
        tf.constant([], shape=[0, 4]),
        tf.ones([1, 1, 2]),
    ]
    vector = flatten(tensors)
    assert vector.numpy().tolist() == [0, 1, 2, 3, 4, 5, 7, 1, 1]
    for before, after in zip(tensors, unflatten(vector, tensors), strict=True):
        assert after.shape == before.shape
        np.testing.assert_array_equal(before, after)


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"holds 5 numbers, and the 2 tensors that it is cut into 4"):
        unflatten(tf.zeros([5]), [tf.zeros([3]), tf.zeros([])])
    with pytest.raises(ValueError, match="no tensor"):
        flatten([])


@modes
@pytest.mark.parametrize("damping", [0.0, 0.3])
def test_conjugate_gradient_solves_what_numpy_solves(wrap, damping):
    A, b = positive_definite(20, condition=30.0)
    found = solve(A, b, wrap, iterations=40, damping=damping, tolerance=1e-12)
    np.testing.assert_allclose(found.x, np.linalg.solve(A + damping * np.eye(20), b), rtol=1e-9)
    assert float(found.residual) <= 1e-12 * np.linalg.norm(b)
    assert int(found.iterations) < 40


@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_each_iterate_is_the_best_of_its_krylov_space(iterations):
    A, b = positive_definite(20, condition=1e3)
    krylov = [b]
    while len(krylov) < iterations:
        krylov.append(A @ krylov[-1] / np.linalg.norm(A @ krylov[-1]))
    basis, _ = np.linalg.qr(np.stack(krylov, axis=1))
    best = basis @ np.linalg.solve(basis.T @ A @ basis, basis.T @ b)
    found = solve(A, b, iterations=iterations)
    np.testing.assert_allclose(found.x, best, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(found.residual, np.linalg.norm(b - A @ best), rtol=1e-5)
    assert int(found.iterations) == iterations


def test_it_stops_where_the_tolerance_is_met():
    A, b = positive_definite(30, condition=100.0)
    loose, tight = (solve(A, b, iterations=100, tolerance=tolerance) for tolerance in (1e-1, 1e-6))
    assert int(loose.iterations) < int(tight.iterations) < 100
    for found, tolerance in ((loose, 1e-1), (tight, 1e-6)):
        assert np.linalg.norm(b - A @ found.x.numpy()) <= 1.001 * tolerance * np.linalg.norm(b)


def test_as_many_eigenvalues_as_products():
    """Three different eigenvalues in a hundred dimensions: three products are exact."""
    b = np.random.default_rng(1).normal(size=100)
    diagonal = np.repeat([1.0, 10.0, 100.0], [40, 30, 30])
    found = solve(np.diag(diagonal), b, iterations=50)
    assert int(found.iterations) == 3
    np.testing.assert_allclose(found.x, b / diagonal, rtol=1e-6)


@pytest.mark.parametrize("b", [[0.0, 0.0], [1.0, np.nan]])
def test_nothing_to_solve_takes_no_step(b):
    found = solve(np.eye(2), np.array(b))
    assert found.x.numpy().tolist() == [0.0, 0.0]
    assert int(found.iterations) == 0


def test_a_direction_without_curvature_ends_the_search():
    """An indefinite matrix: the first step is one of descent, and what follows would go uphill."""
    A, b = np.diag([1.0, -2.0]), np.array([1.0, 0.5])
    found = solve(A, b)
    assert int(found.iterations) == 2
    np.testing.assert_allclose(found.x, (b @ b) / (b @ A @ b) * b)
    assert np.all(np.isfinite(solve(-np.eye(2), b).x))


def test_single_precision_is_enough_for_a_fisher_matrix():
    """A Fisher matrix in float32, of few samples and many parameters: flat but for its damping."""
    rng = np.random.default_rng(2)
    scores, b = rng.normal(size=(40, 200)).astype(np.float32), rng.normal(size=200).astype(np.float32)

    @tf.function
    def natural(b):
        def product(v):
            return tf.linalg.matvec(scores, tf.linalg.matvec(scores, v), transpose_a=True) / 40

        return conjugate_gradient(product, b, iterations=50, damping=0.1)

    exact = np.linalg.solve(scores.T.astype(np.float64) @ scores / 40 + 0.1 * np.eye(200), b)
    np.testing.assert_allclose(natural(b).x, exact, rtol=0, atol=1e-4 * np.abs(exact).max())


@modes
@pytest.mark.parametrize(("limit", "tries"), [(10.0, 0), (3.0, 3), (1.0, 8)])
def test_the_line_search_takes_the_longest_step_that_passes(wrap, limit, tries):
    start, step = tf.constant([1.0, 2.0]), tf.constant([3.0, -4.0])
    found = wrap(
        lambda start, step: backtracking_line_search(lambda x: tf.norm(x - start) <= limit, start, step)
    )(start, step)
    assert bool(found.accepted)
    np.testing.assert_allclose(found.fraction, 0.8**tries, rtol=1e-5)
    np.testing.assert_allclose(found.x, start + found.fraction * step, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("step", [[1.0], [np.nan], [np.inf]])
def test_a_search_in_vain_stays_where_it_began(step):
    tried = tf.Variable(0)

    @tf.function
    def search():
        def accept(x):
            tried.assign_add(1)
            return tf.reduce_sum(x) < -1.0

        return backtracking_line_search(accept, tf.constant([2.0]), tf.constant(step), trials=5)

    found = search()
    assert int(tried) == 5
    assert found.x.numpy().tolist() == [2.0]
    assert float(found.fraction) == 0.0
    assert not bool(found.accepted)


def test_settings_that_make_no_sense_are_refused():
    vector = tf.ones([2])
    with pytest.raises(ValueError, match="iterations=0"):
        conjugate_gradient(lambda v: v, vector, iterations=0)
    with pytest.raises(ValueError, match="damping=-1"):
        conjugate_gradient(lambda v: v, vector, damping=-1)
    for settings in ({"shrink": 1.0}, {"shrink": 0.0}, {"trials": 0}):
        with pytest.raises(ValueError, match="expected"):
            backtracking_line_search(lambda x: tf.constant(True), vector, vector, **settings)
