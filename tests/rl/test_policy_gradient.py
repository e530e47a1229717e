"""The policy-gradient step, and the derivative of what comes of it."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfmeta.rl import Gaussian, GaussianPolicy
from tfmeta.rl.meta_objective import Collected, MetaObjective
from tfmeta.rl.policy_gradient import Experience, policy_gradient_steps

B, M, RATE = 3, 40, 0.3


def test_gaussians_are_those_of_scipy():
    random = np.random.default_rng(0)

    def numbers(*shape):
        return tf.constant(random.normal(size=shape), tf.float32)

    a, b, x = Gaussian(numbers(4, 2), numbers(2)), Gaussian(numbers(4, 2), numbers(2)), numbers(4, 2)
    theirs = [stats.norm(each.mean.numpy(), np.exp(each.log_std.numpy())) for each in (a, b)]
    np.testing.assert_allclose(a.log_prob(x), theirs[0].logpdf(x).sum(-1), rtol=1e-4, atol=1e-5)
    grid = a.mean.numpy() + np.exp(a.log_std.numpy()) * np.linspace(-8, 8, 4001)[:, None, None]
    apart = theirs[0].pdf(grid) * (theirs[0].logpdf(grid) - theirs[1].logpdf(grid))
    expected = np.trapezoid(apart, grid, axis=0).sum(-1)
    np.testing.assert_allclose(a.kl_divergence(b), expected, rtol=1e-3)


def experience(policy, weights, seed):
    """Random steps of a policy that observes nothing but zeros, so that it has two parameters: its mean and σ."""
    random = np.random.default_rng(seed)
    done, advantage = random.normal(size=[B, M, 1]), random.normal(size=[B, M])
    going = random.random([B, M]) < 0.8
    seen = tf.zeros([B, M, 1])
    acted = policy.distribution(weights, seen)
    return Experience(seen, *(tf.constant(x, tf.float32) for x in (done, advantage, going)), acted)


@pytest.fixture(scope="module")
def setup():
    policy = GaussianPolicy(1, 1, units=[], initial_std=0.7, seed=0)
    policy.network.layers[0].bias.assign([0.2])
    inner = experience(policy, policy.repeated(B), 1)
    adapted = policy_gradient_steps(policy, policy.repeated(B), [inner], [RATE])
    return policy, Collected([inner], experience(policy, adapted, 2))


class Plain:
    """The same in NumPy and float64: one gradient step in closed form, and the objectives after it."""

    def __init__(self, collected):
        self.inner, self.outer = (
            tf.nest.map_structure(
                lambda x: (
                    x.numpy().astype(np.float64).squeeze(-1)
                    if x.shape.rank == 3
                    else x.numpy().astype(np.float64)
                ),
                each,
            )
            for each in (*collected.inner, collected.outer)
        )

    @staticmethod
    def log_prob(action, mean, log_std):
        return -0.5 * (action - mean) ** 2 * np.exp(-2 * log_std) - log_std - 0.5 * math.log(2 * math.pi)

    def quotients(self, seen, mean, log_std):
        return np.exp(self.log_prob(seen.action, mean, log_std) - self.log_prob(seen.action, *seen.acted))

    def adapted(self, mean, log_std):
        seen, variance = self.inner, math.exp(2 * log_std)
        share = seen.going * seen.advantage * self.quotients(seen, mean, log_std)
        share /= seen.going.sum(1, keepdims=True)
        off = seen.action - mean
        to_mean, to_log_std = (share * off / variance).sum(1), (share * (off**2 / variance - 1)).sum(1)
        return (mean + RATE * to_mean)[:, None], (log_std + RATE * to_log_std)[:, None]

    def promise(self, mean, log_std):
        seen, (mean, log_std) = self.outer, self.adapted(mean, log_std)
        (before, before_log), count = seen.acted, seen.going.sum(1)
        gain = (seen.going * self.quotients(seen, mean, log_std) * seen.advantage).sum(1) / count
        apart = np.exp(2 * (before_log - log_std)) + (before - mean) ** 2 * np.exp(-2 * log_std) - 1
        divergence = (seen.going * (0.5 * apart - before_log + log_std)).sum(1) / count
        return np.array([gain.mean(), divergence.mean()])


@pytest.mark.parametrize("at", [(0.2, math.log(0.7)), (0.35, -0.5)], ids=["where it acted", "elsewhere"])
def test_the_meta_gradient_is_that_of_finite_differences(setup, at):
    policy, collected = setup
    bias, log_std = policy.network.layers[0].bias, policy.log_std
    before = bias.numpy(), log_std.numpy()
    bias.assign([at[0]])
    log_std.assign([at[1]])
    objective, plain = MetaObjective(policy, [RATE]), Plain(collected)
    with tf.GradientTape(persistent=True) as tape:
        gain, divergence = objective.promise(collected)
    found = [
        [x.numpy()[0] for x in tape.gradient(y, [bias.value, log_std.value])] for y in (gain, divergence)
    ]
    np.testing.assert_allclose([gain, divergence], plain.promise(*at), atol=1e-5)
    near = 1e-5 * np.eye(2)
    expected = [(plain.promise(*(at + step)) - plain.promise(*(at - step))) / 2e-5 for step in near]
    np.testing.assert_allclose(found, np.transpose(expected), rtol=2e-3, atol=2e-5)
    bias.assign(before[0])
    log_std.assign(before[1])


def test_in_first_order_the_inner_gradient_is_a_constant(setup):
    policy, collected = setup
    bias = policy.network.layers[0].bias.value
    gradients = []
    for first_order in (False, True):
        with tf.GradientTape() as tape:
            gain = MetaObjective(policy, [RATE], first_order=first_order).promise(collected).gain
        gradients.append(float(tape.gradient(gain, bias)[0]))
    # Moved as a whole by the outer step, the adapted means have the derivative 1.
    plain, at = Plain(collected), np.array([0.2, math.log(0.7)])
    adapted = np.array(plain.adapted(*at))
    plain.adapted = lambda mean, _: (adapted[0] + mean - 0.2, adapted[1])
    expected = (plain.promise(0.2 + 1e-5, 0)[0] - plain.promise(0.2 - 1e-5, 0)[0]) / 2e-5
    assert gradients[1] == pytest.approx(expected, rel=2e-3)
    assert abs(gradients[0] - gradients[1]) > 0.002


def test_a_task_may_have_a_rate_of_its_own(setup):
    policy, collected = setup
    start = policy.repeated(B)
    each = policy_gradient_steps(policy, start, collected.inner, [tf.constant([0.0, 0.1, 0.3])])
    for task, rate in enumerate((0.0, 0.1, 0.3)):
        alike = policy_gradient_steps(policy, start, collected.inner, [rate])
        for x, y in zip(each, alike, strict=True):
            np.testing.assert_allclose(x[task], y[task], rtol=1e-5, atol=1e-7)


def test_a_rate_may_be_a_whole_number(setup):
    policy, collected = setup
    found = [policy_gradient_steps(policy, policy.repeated(B), collected.inner, [rate]) for rate in (1, 1.0)]
    for x, y in zip(*found, strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_clipped_objective_promises_no_more(setup):
    policy, collected = setup
    objective = MetaObjective(policy, [RATE])
    log_std = policy.log_std
    before = log_std.numpy()
    assert float(objective.clipped(collected, 0.2)) == pytest.approx(
        float(objective.promise(collected).gain), abs=1e-6
    )
    log_std.assign(before - 0.5)
    assert float(objective.clipped(collected, 0.2)) < float(objective.promise(collected).gain)
    log_std.assign(before)
