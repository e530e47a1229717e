"""What coordinates remember together, beside a transcription with a whole matrix, and what a rule makes of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.cards import Card
from tfmeta.optimizers import (
    CoordinatewiseLSTM,
    LearnedOptimizer,
    LearnedRule,
    MetaTrainer,
    Quadratic,
    SharedMemory,
    rule_servable,
)

PRIOR = 0.02


@pytest.fixture(scope="module")
def rule():
    return LearnedRule(CoordinatewiseLSTM([4], advised=True, seed=0), slots=3)


def told_along(slots, gradients, moves):
    memory = SharedMemory(slots, PRIOR)
    state, told = memory.initial_state(1, gradients.shape[1]), []
    for gradient, move in zip(gradients, moves, strict=True):
        advice, state = memory.read(tf.constant(gradient[None]), state)
        state = memory.moved(tf.constant(move[None]), state)
        told.append(advice[0].numpy())
    return np.array(told)


def broyden_along(gradients, moves):
    matrix = PRIOR * np.eye(gradients.shape[1])
    told = [-matrix @ gradients[0]]
    for t in range(1, len(gradients)):
        y, s = gradients[t] - gradients[t - 1], moves[t - 1]
        matrix += np.outer(s - matrix @ y, y) / (y @ y)
        told.append(-matrix @ gradients[t])
    return np.array(told)


def some_steps(count=8, coordinates=5):
    normal = np.random.default_rng(0).normal(size=[2, count, coordinates]).astype(np.float32)
    return normal[0], normal[1]


def test_it_is_broyden_s_second_update():
    gradients, moves = some_steps()
    np.testing.assert_allclose(
        told_along(8, gradients, moves), broyden_along(gradients, moves), rtol=2e-4, atol=2e-5
    )


def test_only_the_latest_writes_are_kept():
    """The write before the last is still read when the last one is made, and then goes."""
    gradients, moves = some_steps()
    matrix = prior = PRIOR * np.eye(gradients.shape[1])
    for t in range(1, len(gradients)):
        y, s = gradients[t] - gradients[t - 1], moves[t - 1]
        matrix = prior + np.outer(s - matrix @ y, y) / (y @ y)
    np.testing.assert_allclose(told_along(1, gradients, moves)[-1], -matrix @ gradients[-1], rtol=1e-3)


def test_following_it_solves_a_quadratic():
    """Broyden's updates end within twice as many steps as there are dimensions, where steps of a gradient crawl."""
    matrix = np.random.default_rng(1).normal(size=[6, 6]).astype(np.float32)
    curvature = tf.constant(matrix @ matrix.T + 0.1 * np.eye(6, dtype=np.float32))
    memory, theta = SharedMemory(20, PRIOR), tf.ones([1, 6])
    state = memory.initial_state(1, 6)
    for _ in range(30):
        move, state = memory.read(theta @ curvature, state)
        theta, state = theta + move, memory.moved(move, state)
    assert np.abs(theta).max() < 1e-3


def test_a_memory_of_nothing_is_refused():
    with pytest.raises(ValueError, match="slots=0; a memory needs at least 1"):
        SharedMemory(0)


def test_problems_have_memories_of_their_own(rule):
    """Two problems of two tensors side by side are updated as each would be alone."""
    steps = [
        [tf.random.stateless_normal([2, *s], [t, n]) for n, s in enumerate(([3], [2, 2]))] for t in range(6)
    ]
    alone = [[[x[row] for x in gradients] for gradients in steps] for row in range(2)]
    state = rule.initial_state(steps[0], batched=True)
    states = [rule.initial_state(own[0]) for own in alone]
    for t, gradients in enumerate(steps):
        updates, state = rule.update(gradients, state, batched=True)
        for row in range(2):
            expected, states[row] = rule.update(alone[row][t], states[row])
            for update, own in zip(updates, expected, strict=True):
                np.testing.assert_allclose(update[row], own, rtol=1e-4, atol=1e-5)


def test_the_last_move_is_what_the_rule_did(rule):
    gradients = [tf.constant([[0.5, -1.0]])]
    (update,), state = rule.update(gradients, rule.initial_state(gradients, batched=True), batched=True)
    np.testing.assert_array_equal(state[-1][-1], update)
    np.testing.assert_array_equal(state[-1][-2], gradients[0])


def test_it_learns_to_follow(rule):
    trainer = MetaTrainer(rule, Quadratic(3), count=4, steps=10, unrolled=5)
    trainer.compile(keras.optimizers.Adam(1e-3))
    before = rule.network.head.numpy()
    losses = tf.function(trainer.train_step, autograph=False)(tf.constant([0, 0], tf.int64))
    assert np.isfinite(losses["loss"])
    assert np.all(rule.network.head.numpy() != before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LearnedRule(CoordinatewiseLSTM([2]), slots=3), "slots=3, but the network has advised=False"),
        (
            lambda: LearnedRule(CoordinatewiseLSTM([2], advised=True)),
            "slots=0, but the network has advised=True",
        ),
        (
            lambda: CoordinatewiseLSTM([2], advised=True)(tf.zeros([1]), [tf.zeros([2, 1])] * 2),
            "made with advised=True",
        ),
        (
            lambda: MetaTrainer(
                LearnedRule(CoordinatewiseLSTM([2], advised=True), slots=1), Quadratic(2), sampled=1
            ),
            "a memory ties coordinates together",
        ),
        (
            lambda: rule_servable(
                LearnedRule(*[CoordinatewiseLSTM([2], advised=True) for _ in range(2)], slots=1),
                "r",
                card=Card("R."),
            ),
            "cannot be served",
        ),
    ],
)
def test_what_does_not_go_together_is_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_served_it_is_the_same_rule(rule):
    signatures = rule_servable(rule, "remembers", card=Card("A rule.")).signatures
    gradients = np.random.default_rng(0).normal(size=[4, 2, 3]).astype(np.float32)
    told = signatures["initial_state"].function(tf.constant([3, 3], tf.int64))
    assert told["changes"].shape == (2, 3, 3)
    state = rule.initial_state([tf.zeros([2, 3])], batched=True)
    for gradient in gradients:
        told = signatures["update"].function(tf.constant(gradient), **told)
        update = told.pop("update")
        (expected,), state = rule.update([tf.constant(gradient)], state, batched=True)
        np.testing.assert_allclose(update, expected, rtol=1e-5, atol=1e-6)


def test_keras_keeps_it(rule, tmp_path):
    """Trained on from a file in the middle, a model ends where it would have without the break."""
    x, y = np.random.default_rng(0).normal(size=[2, 16, 3]).astype(np.float32)

    def model():
        keras.utils.set_random_seed(0)
        network = keras.Sequential([keras.Input([3]), keras.layers.Dense(3)])
        network.compile(LearnedOptimizer(rule), loss="mse")
        return network

    whole, broken = model(), model()
    whole.fit(x, y, batch_size=16, epochs=6, verbose=0)
    broken.fit(x, y, batch_size=16, epochs=3, verbose=0)
    broken.save(tmp_path / "half.keras")
    resumed = keras.saving.load_model(tmp_path / "half.keras")
    resumed.fit(x, y, batch_size=16, epochs=3, verbose=0)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
