"""Races and tuning: what every rule is run through, on problems whose descents can be computed by hand."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.optimizers.problem import Problem
from tfmeta.optimizers.quadratic import Quadratic
from tfmeta.optimizers.race import TEST_SEED, VALIDATION_SEED, Descents, descend
from tfmeta.optimizers.tuning import RATES, Sensitivity, log_grid, tune
from tfmeta.optimizers.zoo import ZOO

COUNT, STEPS = 3, 4


@dataclasses.dataclass(frozen=True)
class Bowl(Problem):
    """f(θ) = (|a|² + |b|²) / 2 + step, with parameters of two shapes."""

    def initial(self, seed, count):
        return [
            tf.random.stateless_normal([count, 2, 3], tf.cast(seed, tf.int64)),
            tf.ones([count, 2]),
        ]

    def loss(self, parameters, seed, step):
        a, b = parameters
        return (tf.reduce_sum(a**2, [1, 2]) + tf.reduce_sum(b**2, 1)) / 2 + tf.cast(step, tf.float32)


class Halving:
    """A rule in the form of a learnt one: halves what it is given, and counts in its state."""

    def initial_state(self, parameters, batched=False):
        assert batched
        return [tf.zeros([])]

    def update(self, gradients, state, batched=False):
        return [-0.5 * gradient for gradient in gradients], [state[0] + 1.0]


def bowl_at(rate, seed):
    """The losses of gradient descent: θ shrinks by the same factor at every step."""
    begin = Bowl().loss(Bowl().initial(seed, COUNT), seed, 0).numpy()
    steps = np.arange(STEPS + 1)
    return begin[:, None] * (1 - rate) ** (2 * steps) + steps


@pytest.fixture(scope="module")
def descents():
    optimizer = keras.optimizers.SGD(0.5, momentum=0.0)
    return optimizer, Descents(optimizer, Bowl(), count=COUNT, steps=STEPS)


def test_the_losses_are_those_of_the_descent(descents):
    _, descend = descents
    np.testing.assert_allclose(descend([TEST_SEED, 0]), bowl_at(0.5, [TEST_SEED, 0]), rtol=1e-5)


def test_the_rate_may_change_between_descents_without_a_new_graph(descents):
    optimizer, descend = descents
    optimizer.learning_rate = 0.25
    np.testing.assert_allclose(descend([5, 1]), bowl_at(0.25, [5, 1]), rtol=1e-5)
    assert descend._descend.experimental_get_tracing_count() == 1
    optimizer.learning_rate = 0.5


def test_a_learnt_rule_races_as_an_optimizer_does():
    learnt = descend(Halving(), Bowl(), problems=COUNT, steps=STEPS)
    np.testing.assert_allclose(learnt, bowl_at(0.5, [TEST_SEED, 0]), rtol=1e-5)


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_every_call_begins_afresh(name):
    descend = Descents(ZOO[name].make(0.1), Bowl(), count=COUNT, steps=STEPS)
    first = descend([0, 0])
    descend([0, 1])
    np.testing.assert_array_equal(descend([0, 0]), first)


def test_problems_side_by_side_do_not_touch():
    """Every problem of a race descends as the optimizer alone would take it."""
    problem, rate = Quadratic(dimensions=4), 0.05
    together = descend(ZOO["rmsprop"].make(rate), problem, problems=COUNT, steps=STEPS)
    seed = [TEST_SEED, 0]
    starts = problem.initial(seed, COUNT)[0]
    for number in range(COUNT):
        alone, optimizer = keras.Variable(starts[number]), ZOO["rmsprop"].make(rate)
        for step in range(STEPS):
            everyone = tf.Variable(starts)
            with tf.GradientTape() as tape:
                placed = tf.tensor_scatter_nd_update(everyone, [[number]], [alone.value])
                loss = problem.loss([placed], seed, step)[number]
            np.testing.assert_allclose(loss, together[number, step], rtol=1e-4)
            optimizer.apply([tape.gradient(loss, alone.value)], [alone])


def test_batches_are_named_by_seed_and_number():
    sgd = keras.optimizers.SGD(0.5)
    found = descend(sgd, Bowl(), problems=2 * COUNT, steps=STEPS, seed=9, at_once=COUNT)
    np.testing.assert_allclose(found[COUNT:], bowl_at(0.5, [9, 1]), rtol=1e-5)


def test_what_cannot_be_raced_is_told():
    with pytest.raises(ValueError, match="problems=7 is no multiple of the 3"):
        descend(keras.optimizers.SGD(0.5), Bowl(), problems=7, at_once=3)
    with pytest.raises(ValueError, match="clipnorm, a norm over all problems"):
        descend(keras.optimizers.SGD(0.5, clipnorm=1.0), Bowl(), problems=3)
    with pytest.raises(ValueError, match="count=3, steps=0"):
        descend(keras.optimizers.SGD(0.5), Bowl(), problems=3, steps=0)


def test_tuning_finds_the_best_rate_and_keeps_the_curve():
    found = tune(ZOO["gradient_descent"], Bowl(), rates=[4.0, 0.9, 0.01], problems=COUNT, steps=STEPS)
    assert found.rates.tolist() == [0.01, 0.9, 4.0] and found.losses.shape == (3, COUNT, STEPS + 1)
    assert found.best_rate == 0.9 and not found.at_edge
    np.testing.assert_allclose(found.losses[1], bowl_at(0.9, [VALIDATION_SEED, 0]), rtol=1e-5)
    assert found.at(-1)[0].mean == pytest.approx(bowl_at(0.01, [VALIDATION_SEED, 0])[:, -1].mean())


def test_a_rate_that_diverges_once_is_never_the_best():
    losses = np.ones([2, COUNT, 2])
    losses[0] = 0.0
    losses[0, 1, 1] = np.nan
    found = Sensitivity(np.array([0.1, 1.0]), losses)
    assert found.best_rate == 1.0 and found.at_edge
    assert found.at(1)[0].mean == np.inf


def test_tuning_and_test_use_other_problems():
    assert VALIDATION_SEED != TEST_SEED


def test_the_grid_is_logarithmic():
    np.testing.assert_allclose(np.diff(np.log10(RATES)), 1 / 4, rtol=1e-6)
    assert len(RATES) == 29 and (RATES[0], RATES[-1]) == pytest.approx((1e-4, 1e3))
    assert log_grid(0.1, 0.1, 3) == (0.1,)
    for wrong in ([], [0.0, 1.0]):
        with pytest.raises(ValueError, match="all positive"):
            tune(ZOO["adam"], Bowl(), rates=wrong)
