import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmeta.core.batch_seeds import batch_seeds
from tfmeta.optimizers import (
    CoordinatewiseLSTM,
    Curriculum,
    LearnedRule,
    MetaTrainer,
    Quadratic,
)

SEED = tf.constant([5, 0], tf.int64)


def trainer(**options):
    rule = LearnedRule(CoordinatewiseLSTM([4], seed=0, output_scale=0.1))
    return MetaTrainer(rule, Quadratic(3), **{"count": 5, "steps": 6, "unrolled": 3, **options})


def steep(second_derivatives):
    """A trainer whose rule feels how large a gradient is, so that second derivatives count."""
    rule = LearnedRule(CoordinatewiseLSTM([4], seed=0, preprocessing="none", output_scale=1.0))
    problem = Quadratic(3, spread=0.1)
    return MetaTrainer(rule, problem, count=5, steps=3, unrolled=3, second_derivatives=second_derivatives)


def objective(built):
    """The meta-loss of one segment, from the start of a descent."""
    _, losses = built._segment(built._begin(SEED), SEED, tf.constant(0))
    return tf.reduce_sum(tf.reduce_mean(losses, axis=1))


def meta_gradient(built):
    with tf.GradientTape() as tape:
        value = objective(built)
    return tape.gradient(value, built.rule.trainable_variables)


def by_hand(built, stop):
    """The same, step by step in Python; `stop` treats the gradients of the problem."""
    rule, problem = built.rule, built.problem
    with tf.GradientTape() as outer:
        theta, total = problem.initial(SEED, built.count), 0.0
        state = rule.initial_state(theta, batched=True)
        for step in range(built.unrolled):
            with tf.GradientTape() as tape:
                tape.watch(theta)
                losses = problem.loss(theta, SEED, step)
            gradients = [stop(gradient) for gradient in tape.gradient(losses, theta)]
            updates, state = rule.update(gradients, state, batched=True)
            theta = [x + update for x, update in zip(theta, updates, strict=True)]
            total += tf.reduce_mean(problem.loss(theta, SEED, step + 1))
    return outer.gradient(total, rule.trainable_variables)


def test_gradients_through_a_sample_are_those_of_all_in_the_mean():
    def gradient(built, take, seed=SEED):
        with tf.GradientTape() as tape:
            _, losses = take(built._begin(seed), seed, tf.constant(0))
            value = tf.reduce_sum(losses) / built.count
        return [value, *tape.gradient(value, built.rule.trainable_variables)]

    full = trainer()
    expected = gradient(full, full._segment)
    whole = trainer(sampled=3)
    for mine, known in zip(gradient(whole, whole._sampled_segment), expected, strict=True):
        np.testing.assert_allclose(mine, known, rtol=1e-4, atol=1e-5)

    one = trainer(sampled=1)

    @tf.function(autograph=False)
    def estimate(number):
        # The sample is drawn by the number of the step, which a quadratic does not look at.
        with tf.GradientTape() as tape:
            _, losses = one._sampled_segment(one._begin(SEED), SEED, number)
            value = tf.reduce_sum(losses) / one.count
        return tape.gradient(value, one.rule.trainable_variables)

    estimates = [estimate(tf.constant(number)) for number in range(400)]
    for known, *mine in zip(expected[1:], *estimates, strict=True):
        error = np.std(mine, axis=0) / np.sqrt(len(mine))
        assert np.all(np.abs(np.mean(mine, axis=0) - known) < 5 * error + 1e-5)
        assert error.max() > 0


@pytest.mark.parametrize(("second", "stop"), [(False, tf.stop_gradient), (True, tf.identity)])
def test_the_meta_gradient_takes_the_edges_it_was_told(second, stop):
    built = steep(second)
    for ours, expected in zip(meta_gradient(built), by_hand(built, stop), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3)


def test_with_second_derivatives_it_is_the_derivative():
    built = steep(True)
    variables = built.rule.trainable_variables
    directions = [tf.random.stateless_normal(v.shape, [i, 1]) for i, v in enumerate(variables)]
    slope = sum(tf.reduce_sum(g * d) for g, d in zip(meta_gradient(built), directions, strict=True))
    start = [v.numpy() for v in variables]
    values = []
    for size in (2e-3, -2e-3):
        for variable, x, direction in zip(variables, start, directions, strict=True):
            variable.assign(x + size * direction)
        values.append(objective(built))
    for variable, x in zip(variables, start, strict=True):
        variable.assign(x)
    np.testing.assert_allclose(slope, (values[0] - values[1]) / 4e-3, rtol=2e-2)
    without = sum(tf.reduce_sum(g * d) for g, d in zip(meta_gradient(steep(False)), directions, strict=True))
    assert not np.isclose(without, slope, rtol=2e-3)


def fit(built, epochs, start=0, **options):
    return built.fit(
        batch_seeds(0, start), epochs=epochs, initial_epoch=start // 4, steps_per_epoch=4, verbose=0,
        shuffle=False, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    built = trainer(count=16, steps=12)
    built.compile(keras.optimizers.Adam(0.02))
    before = built.evaluate(batch_seeds(1).take(1), verbose=0, return_dict=True)
    history = fit(built, 8, validation_data=batch_seeds(1).take(1)).history
    return built, before, history


def test_training_makes_the_rule_descend(fitted):
    _, before, history = fitted
    assert history["val_final_loss"][-1] < 0.3 * before["final_loss"]
    assert history["val_loss"][-1] < before["loss"]
    assert set(history) == {"loss", "final_loss", "val_loss", "val_final_loss"}


def test_there_are_as_many_updates_as_segments(fitted):
    built, *_ = fitted
    assert int(built.optimizer.iterations) == 8 * 4 * (12 // 3)
    assert int(built.descents) == 8 * 4


def test_a_resumed_run_sees_what_an_unbroken_one_sees(fitted, tmp_path):
    unbroken, *_ = fitted
    first = trainer(count=16, steps=12)
    first.compile(keras.optimizers.Adam(0.02))
    fit(first, 3)
    first.save_weights(tmp_path / "state.weights.h5")
    second = trainer(count=16, steps=12)
    second.compile(keras.optimizers.Adam(0.02))
    second.optimizer.build(second.trainable_variables)
    second.load_weights(tmp_path / "state.weights.h5")
    assert int(second.descents) == 12
    fit(second, 8, start=int(second.descents))
    for ours, expected in zip(second.rule.get_weights(), unbroken.rule.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_a_descent_that_runs_away_does_not_spoil_the_rule():
    built = trainer()
    built.rule.network.output_scale = 1e30
    built.compile(keras.optimizers.Adam(0.1))
    before = built.rule.get_weights()
    built.fit(batch_seeds(0), steps_per_epoch=1, verbose=0, shuffle=False)
    for ours, expected in zip(built.rule.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_impossible_lengths_are_refused():
    with pytest.raises(ValueError, match="steps=100 is no multiple of unrolled=30"):
        trainer(steps=100, unrolled=30)
    with pytest.raises(ValueError, match="count=0"):
        trainer(count=0)
    with pytest.raises(ValueError, match="weights='first'"):
        trainer(weights="first")


def test_a_sample_is_refused_where_coordinates_are_tied_together():
    with pytest.raises(ValueError, match="either second_derivatives or sampled"):
        trainer(sampled=1, second_derivatives=True)
    with pytest.raises(ValueError, match="sampled=0"):
        trainer(sampled=0)


def test_a_curriculum_changes_the_length_from_epoch_to_epoch():
    built = trainer(steps=9)
    built.compile(keras.optimizers.Adam(0.01))
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(int(built.optimizer.iterations))
    )
    options = {"steps_per_epoch": 2, "verbose": 0, "shuffle": False}
    built.fit(batch_seeds(0), epochs=3, callbacks=[Curriculum({0: 3, 2: 9}), watch], **options)
    assert seen == [2, 4, 4 + 2 * 3]
    with pytest.raises(ValueError, match=r"lengths \[4\]"):
        built.fit(batch_seeds(0), callbacks=[Curriculum({0: 4})], **options)
    with pytest.raises(ValueError, match="epoch 0"):
        Curriculum({1: 3})
