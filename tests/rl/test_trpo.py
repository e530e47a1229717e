"""TRPO beside the dense matrices that it never makes."""

import numpy as np
import pytest
import tensorflow as tf

from tests.rl.trainers import trainer_of
from tfmeta.core.linalg import flatten
from tfmeta.rl import BanditEnvironment


@pytest.fixture(scope="module")
def setup():
    from tfmeta.rl.agents.trpo import _Steps

    trainer = trainer_of(
        BanditEnvironment(arms=3, pulls=4),
        12,
        options={"fisher_fraction": 1.0, "iterations": 60, "damping": 1e-3},
    )
    trials = trainer.driver.collect(tf.constant([0, 0], tf.int64))
    _, advantages = trainer.agent._estimate(trials, trainer.agent._value_net(trials.observation)[0])
    trials = tf.nest.map_structure(lambda x: x[:, :-1], trials)
    return trainer, _Steps(trials.observation, trials.action, trials.policy_info["dist_params"], advantages)


@pytest.fixture(scope="module")
def dense(setup):
    """The Fisher matrix and the gradient, from the whole Jacobian of the logits."""
    trainer, steps = setup
    variables = [variable.value for variable in trainer.policy.trainable_variables]

    @tf.function(autograph=False)
    def jacobian():
        with tf.GradientTape() as tape:
            logits = tf.reshape(trainer.policy(steps.observation), [-1, 3])
        rows = tape.jacobian(logits, variables, experimental_use_pfor=False)
        return tf.concat([tf.reshape(x, [*logits.shape, -1]) for x in rows], axis=-1), tf.nn.softmax(logits)

    rows, p = (x.numpy().astype(np.float64) for x in jacobian())
    inner = np.einsum("ma,ab->mab", p, np.eye(3)) - np.einsum("ma,mb->mab", p, p)
    chosen = np.eye(3)[steps.action.numpy().ravel()] - p
    gradient = np.einsum("map,ma,m->p", rows, chosen, steps.advantage.numpy().ravel())
    return np.einsum("map,mab,mbq->pq", rows, inner, rows) / len(p), gradient / len(p)


@pytest.mark.parametrize(("exact", "off"), [(True, 1e-4), (False, 1e-2)])
def test_products_with_the_fisher_matrix(setup, dense, exact, off):
    trainer, steps = setup
    vector = np.random.default_rng(0).normal(size=len(dense[1])).astype(np.float32)
    trainer.agent.region.exact = exact
    before = flatten(trainer.policy.trainable_variables).numpy()
    found = trainer.agent.fisher_product(steps, tf.constant(vector)).numpy()
    expected = dense[0] @ vector
    assert np.linalg.norm(found - expected) < off * np.linalg.norm(expected)
    np.testing.assert_array_equal(flatten(trainer.policy.trainable_variables), before)


def test_a_step_is_that_of_a_dense_solve_and_as_long_as_the_divergence_allows(setup, dense):
    trainer, steps = setup
    trainer.agent.region.exact = True
    variables = trainer.policy.trainable_variables
    before = flatten(variables).numpy()
    promise = tf.function(trainer.agent.improve, autograph=False)(steps).numpy()
    step = flatten(variables).numpy() - before
    fisher, gradient = dense
    expected = np.linalg.solve(fisher + 1e-3 * np.eye(len(gradient)), gradient)
    assert step @ expected > 0.999 * np.linalg.norm(step) * np.linalg.norm(expected)
    _, divergence = trainer.agent._promise(steps)
    assert 0.003 < divergence.numpy() <= 0.01
    assert promise > 0.05  # what advantages with a mean of zero promise before is nothing
    for variable, value in zip(
        variables, np.split(before, np.cumsum([np.prod(v.shape) for v in variables])[:-1]), strict=True
    ):
        variable.assign(value.reshape(variable.shape))


def test_without_anything_to_gain_nothing_moves(setup):
    trainer, steps = setup
    before = flatten(trainer.policy.trainable_variables).numpy()
    trainer.agent.improve(steps._replace(advantage=tf.zeros_like(steps.advantage)))
    np.testing.assert_array_equal(flatten(trainer.policy.trainable_variables), before)


def test_the_value_function_is_fitted_to_discounted_returns(setup):
    trainer, _ = setup
    trials = trainer.driver.collect(tf.constant([0, 5], tf.int64))
    returns, _ = trainer.agent._estimate(trials, tf.zeros_like(trials.reward))
    rewards = trials.reward.numpy()[:, :-1]
    np.testing.assert_allclose(returns[:, 1], rewards[:, 1:] @ 0.99 ** np.arange(3), rtol=1e-5, atol=1e-6)
    observation = tf.nest.map_structure(lambda x: x[:, :-1], trials.observation)

    def error():
        return float(tf.reduce_mean((trainer.value(observation) - returns) ** 2))

    before, fit = error(), tf.function(trainer.agent._fit_value, autograph=False)
    for _ in range(5):
        fit(observation, returns)
    assert error() < 0.9 * before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_kl": 0.0}, "max_kl=0.0; expected more than 0"),
        ({"fisher_fraction": 1.5}, "fisher_fraction=1.5; expected"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        trainer_of(BanditEnvironment(arms=2, pulls=2), 2, options=options)
