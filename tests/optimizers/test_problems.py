import inspect
import pkgutil
from importlib import import_module

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfmeta.optimizers
from tfmeta.optimizers import (
    KerasProblem,
    Problem,
    ProblemTasks,
    Quadratic,
    RandomlyScaled,
    WarmStarted,
    convolution_problem,
    perceptron_problem,
)
from tfmeta.recipes.registry import TASKS

SEED = [3, 7]


def images(count=40, shape=(8, 8, 3)):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, size=[count, *shape], dtype=np.uint8), np.arange(count) % 10


def regression():
    x = np.random.default_rng(0).normal(size=[50, 3]).astype(np.float32)
    network = keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])
    return KerasProblem(network, "mse", x, x[:, :2], batch_size=10)


PROBLEMS = {
    "quadratic": lambda: Quadratic(4),
    "scaled": lambda: RandomlyScaled(Quadratic(4)),
    "warm": lambda: WarmStarted(Quadratic(4), steps=5, learning_rate=0.01),
    "keras": regression,
    "perceptron": lambda: perceptron_problem(*images(), hidden=(3, 2), batch_size=5),
    "convolution": lambda: convolution_problem(*images(), filters=2, hidden=3, batch_size=5),
}


@pytest.fixture(scope="module", params=PROBLEMS)
def problem(request):
    return PROBLEMS[request.param]()


def test_every_problem_is_held_to_the_contract():
    """Each class of the package is among those above, and the tasks of each family are registered."""
    for module in pkgutil.iter_modules(tfmeta.optimizers.__path__, "tfmeta.optimizers."):
        import_module(module.name)
    ours = {kind for kind in descendants(Problem) if kind.__module__.startswith("tfmeta.")}
    held = {type(build()) for build in PROBLEMS.values()}
    assert ours == held, f"not in PROBLEMS: {ours - held}"
    registered = {kind for kind in TASKS.values() if issubclass(kind, ProblemTasks)}
    families = {
        kind
        for kind in descendants(ProblemTasks)
        if kind.__module__.startswith("tfmeta.") and not inspect.isabstract(kind)
    }
    assert families and families <= registered, f"not registered: {families - registered}"


def descendants(kind):
    return {kind for below in kind.__subclasses__() for kind in (below, *descendants(below))}


def test_a_problem_is_a_pure_function_of_its_seed(problem):
    theta, again, other = (problem.initial(seed, 3) for seed in (SEED, SEED, [3, 8]))
    assert all(np.array_equal(x, y) for x, y in zip(theta, again, strict=True))
    assert not np.array_equal(theta[0], other[0])
    losses = problem.loss(theta, SEED, 0)
    assert losses.shape == [3]
    np.testing.assert_array_equal(losses, problem.loss(theta, SEED, 0))
    assert len(set(losses.numpy())) == 3
    in_graph = tf.function(lambda seed, step: problem.loss(problem.initial(seed, 3), seed, step))
    np.testing.assert_allclose(losses, in_graph(tf.constant(SEED, tf.int64), tf.constant(0)), rtol=1e-5)


def test_problems_of_a_batch_do_not_touch_each_other(problem):
    theta = problem.initial(SEED, 3)
    moved = [tf.concat([x[:1], x[1:] + 0.1], axis=0) for x in theta]
    before, after = problem.loss(theta, SEED, 0), problem.loss(moved, SEED, 0)
    np.testing.assert_allclose(before[0], after[0], rtol=1e-5)
    assert not np.allclose(before[1:], after[1:])


def test_a_quadratic_is_what_the_paper_says():
    problem = Quadratic(dimensions=5)
    with tf.GradientTape() as outer:
        (theta,) = problem.initial(SEED, 2)
        outer.watch(theta)
        with tf.GradientTape() as tape:
            tape.watch(theta)
            loss = problem.loss([theta], SEED, step=0)
        gradient = tape.gradient(loss, theta)
    hessian = outer.batch_jacobian(gradient, theta)  # 2 Wᵀ W
    assert np.linalg.eigvalsh(hessian).min() > -1e-4
    minimum = theta - tf.linalg.matvec(tf.linalg.inv(hessian), gradient)
    np.testing.assert_allclose(problem.loss([minimum], SEED, step=9), 0.0, atol=1e-2)


def test_a_minibatch_depends_on_the_step_and_on_the_problem():
    problem = regression()
    theta = [tf.repeat(x[:1], 2, axis=0) for x in problem.initial(SEED, 2)]
    losses = [problem.loss(theta, SEED, step).numpy() for step in (0, 1)]
    assert losses[0][0] != losses[0][1] and losses[0][0] != losses[1][0]


def test_the_loss_of_a_network_is_keras_s():
    problem = regression()
    x, y = np.ones([4, 3], np.float32), np.zeros([4, 2], np.float32)
    same = KerasProblem(problem.network.network, "mse", x, y, batch_size=4)  # every item is the same
    theta = [weight[None] for weight in problem.network.slow_weights()]
    expected = np.mean(np.square(problem.network.network(x) - y))
    np.testing.assert_allclose(same.loss(theta, SEED, 0), [expected], rtol=1e-5)


def test_initial_weights_have_the_moments_of_the_network_s():
    network = keras.Sequential([keras.Input([50]), keras.layers.Dense(40, kernel_initializer="he_normal")])
    kernel, bias = KerasProblem(network, "mse", np.zeros([1, 50]), np.zeros([1, 40])).initial(SEED, 4)
    np.testing.assert_allclose(np.std(kernel), np.std(network.layers[0].kernel), rtol=0.05)
    assert not np.any(bias)


def test_stretching_keeps_the_values_and_changes_the_gradients():
    plain, stretched = Quadratic(4), RandomlyScaled(Quadratic(4), log_range=2.0)
    gradients = []
    for problem in (plain, stretched):
        theta = problem.initial(SEED, 2)
        with tf.GradientTape() as tape:
            tape.watch(theta)
            losses = problem.loss(theta, SEED, 0)
        gradients.append(tape.gradient(losses, theta)[0])
        np.testing.assert_allclose(losses, plain.loss(plain.initial(SEED, 2), SEED, 0), rtol=1e-4)
    ratio = np.abs(gradients[1] / gradients[0])
    assert ratio.max() / ratio.min() > 2 and ratio.max() < np.exp(2) * 1.01


def test_every_second_batch_has_been_begun_by_nesterov():
    plain, warm, begun = Quadratic(4), WarmStarted(Quadratic(4), steps=5, learning_rate=0.02), []
    for number in range(24):
        seed = [3, number]
        (theta,), (start,) = plain.initial(seed, 2), warm.initial(seed, 2)
        theta, velocity, way = theta.numpy(), 0.0, []
        for _ in range(5):
            way.append(theta)
            ahead = tf.constant(theta - 0.9 * velocity)
            with tf.GradientTape() as tape:
                tape.watch(ahead)
                losses = plain.loss([ahead], seed, 0)
            velocity = 0.9 * velocity + 0.02 * tape.gradient(losses, ahead).numpy()
            theta = theta - velocity
        begun.append(next(k for k, at in enumerate([*way, theta]) if np.allclose(at, start, atol=1e-5)))
    assert 6 <= begun.count(0) <= 18 and set(begun) == {0, 1, 2, 3, 4, 5}


def test_what_cannot_be_a_problem_says_so():
    with pytest.raises(ValueError, match="2 inputs and 3 targets"):
        KerasProblem(
            keras.Sequential([keras.Input([1]), keras.layers.Dense(1)]), "mse", np.ones(2), np.ones(3)
        )
    with pytest.raises(ValueError, match="at least 1"):
        Quadratic(0)
    with pytest.raises(ValueError, match=r"expected \[items, H, W, C\]"):
        convolution_problem(np.zeros([5, 4, 4, 1], np.uint8), np.zeros(5))
    with pytest.raises(ValueError, match="log_range=-1"):
        RandomlyScaled(Quadratic(), -1.0)
    with pytest.raises(ValueError, match="steps=0"):
        WarmStarted(Quadratic(), steps=0)
