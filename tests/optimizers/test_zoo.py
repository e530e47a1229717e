"""Keras's optimizers against the slides' equations, transcribed into NumPy, over 100 steps of a noisy quadratic."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tfmeta.optimizers.zoo import ZOO, find_rule

STEPS, SIZE, RATE = 100, 7, 1 / 64
GAMMA, RHO, BETA_1, BETA_2, EPSILON = 0.9, 0.9, 0.9, 0.999, 1e-7
DOCS = Path(__file__).resolve().parents[2] / "docs/optimizers.md"


def gradients(seed):
    """∇f_t(θ), t = 0, 1, …, of quadratics that share their curvature and differ in their minimum."""
    random = np.random.default_rng(seed)
    root = random.normal(size=[SIZE, SIZE]) / np.sqrt(SIZE)
    noise = random.normal(size=[STEPS, SIZE])
    return [lambda theta, n=n: root.T @ root @ theta + n for n in noise]


def gradient_descent(theta, fields):
    for gradient in fields:
        theta = theta - RATE * gradient(theta)
        yield theta


def momentum(theta, fields):
    nu = 0.0
    for gradient in fields:
        nu = GAMMA * nu + RATE * gradient(theta)
        theta = theta - nu
        yield theta


def nesterov(theta, fields):
    nu = 0.0
    for gradient in fields:
        nu = GAMMA * nu + RATE * gradient(theta - GAMMA * nu)
        theta = theta - nu
        yield theta - GAMMA * nu  # Keras keeps the point at which the next gradient is taken


def adagrad(theta, fields):
    total = 0.0
    for gradient in fields:
        g = gradient(theta)
        total = total + g**2
        theta = theta - RATE / np.sqrt(total + EPSILON) * g
        yield theta


def adadelta(theta, fields):
    squares, moves, gamma = 0.0, 0.0, 0.95
    for gradient in fields:
        g = gradient(theta)
        squares = gamma * squares + (1 - gamma) * g**2
        move = -np.sqrt(moves + EPSILON) / np.sqrt(squares + EPSILON) * g
        moves = gamma * moves + (1 - gamma) * move**2
        theta = theta + RATE * move
        yield theta


def rmsprop(theta, fields):
    squares = 0.0
    for gradient in fields:
        g = gradient(theta)
        squares = RHO * squares + (1 - RHO) * g**2
        theta = theta - RATE / np.sqrt(squares + EPSILON) * g
        yield theta


def adam(theta, fields, keras_epsilon=True):
    m, v = 0.0, 0.0
    for t, gradient in enumerate(fields, start=1):
        g = gradient(theta)
        m = BETA_1 * m + (1 - BETA_1) * g
        v = BETA_2 * v + (1 - BETA_2) * g**2
        epsilon = EPSILON / np.sqrt(1 - BETA_2**t) if keras_epsilon else EPSILON
        theta = theta - RATE / (np.sqrt(v / (1 - BETA_2**t)) + epsilon) * m / (1 - BETA_1**t)
        yield theta


TRANSCRIPTIONS = {
    "gradient_descent": gradient_descent,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
}


def by_keras(name, theta, fields):
    variable = keras.Variable(theta, dtype="float64")
    optimizer = find_rule(name).make(RATE)
    for gradient in fields:
        optimizer.apply([keras.ops.convert_to_tensor(gradient(variable.numpy()))], [variable])
        yield variable.numpy()


@pytest.mark.parametrize("name", ZOO)
def test_keras_follows_the_slide(name):
    start, fields = np.random.default_rng(1).normal(size=SIZE), gradients(2)
    found = np.stack(list(by_keras(name, start, fields)))
    expected = np.stack(list(TRANSCRIPTIONS[name](start, fields)))
    # Keras holds the decay rates in single precision.
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(found[-1] - start).max() > 1e-3, "it has not moved"


def test_the_place_of_adams_epsilon_matters_to_tiny_gradients_alone():
    """The slide adds ε to the corrected root, Keras to the uncorrected one."""
    start = np.ones(SIZE)

    def gap(scale):
        fields = [lambda theta, f=f: scale * f(theta) for f in gradients(3)]
        last = [list(adam(start, fields, keras_epsilon))[-1] for keras_epsilon in (True, False)]
        return np.abs(last[0] - last[1]).max()

    assert gap(1.0) < 1e-6 < 1e-3 < gap(1e-7)


def test_the_zoo_holds_the_rules_of_the_slides_in_their_order():
    assert list(ZOO) == list(TRANSCRIPTIONS)
    assert all(rule.name == name for name, rule in ZOO.items())


def test_a_rule_makes_fresh_optimizers_at_the_asked_rate():
    one, other = (find_rule("adam").make(0.25) for _ in range(2))
    assert one is not other and float(one.learning_rate) == 0.25


def test_an_unknown_rule_is_told_from_the_known():
    with pytest.raises(ValueError, match=r"no rule 'adm'\. Did you mean adam"):
        find_rule("adm")


@pytest.mark.parametrize("name", ZOO)
def test_the_docs_show_each_equation_as_it_stands_in_the_code(name):
    assert ZOO[name].equation in DOCS.read_text(encoding="utf-8")
